"""A table as delimited text: bytes ↔ rows, in the encodings and delimiters that Excel writes."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import overload

from charset_normalizer import from_bytes

from qa.errors import WorkbookError

DELIMITERS = (",", ";", "\t")
_UNUSED = "\x1f"  # splits nothing: for a table of one column
_OTHER_ENCODINGS = ["big5", "cp1252"]
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_LONGEST_CELL = 2**31 - 1
_SAMPLE_ROWS = 200
_SAMPLE_LETTERS = 10_000
_SAMPLE_CHARS = 1 << 18
_SAMPLE_BYTES = 1 << 20


class DelimitedRows(Sequence[list[str]]):
    """The rows of a file from one on, read anew for each use: a million rows take no memory."""

    def __init__(self, path: Path, encoding: str, delimiter: str, count: int, start: int = 0):
        self._path = path
        self._encoding = encoding
        self._delimiter = delimiter
        self._count = count
        self._start = start

    def __len__(self) -> int:
        return max(self._count - self._start, 0)

    def __iter__(self) -> Iterator[list[str]]:
        with self._path.open(encoding=self._encoding, newline="") as file:
            yield from islice(csv.reader(file, delimiter=self._delimiter), self._start, None)

    @overload
    def __getitem__(self, place: int) -> list[str]: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[list[str]]: ...

    def __getitem__(self, place: int | slice) -> list[str] | Sequence[list[str]]:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if stop == len(self) and step == 1:
                first = self._start + start
                return DelimitedRows(
                    self._path, self._encoding, self._delimiter, self._count, first
                )
            return list(islice(self, start, stop, step))
        for row in islice(self, place + len(self) if place < 0 else place, None):
            return row
        raise IndexError(place)


def read_delimited(path: Path) -> tuple[DelimitedRows, str]:
    """Return the rows of a .csv or .tsv, and the delimiter to write them with."""
    encoding = encoding_of(path)
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding=encoding, newline="") as file:
        sample = file.read(_SAMPLE_CHARS)
    delimiter = sniff_delimiter(sample, "\t" if path.suffix.lower() == ".tsv" else ",")
    count = _count_rows(path, encoding, delimiter)
    rows = DelimitedRows(path, encoding, delimiter, count)
    return rows, "," if delimiter == _UNUSED else delimiter


def count_delimited(path: Path, delimiter: str) -> int:
    """Return how many rows a file that was written here has."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for _ in csv.reader(file, delimiter=delimiter))


def write_delimited(path: Path, rows: Iterable[Sequence[str]], delimiter: str) -> None:
    """Write rows as UTF-8 with the mark by which Excel knows it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet might run a text."""
    return text.startswith(_FORMULA_STARTS)


def defuse(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula: =1+1 -> '=1+1."""
    return "'" + text if is_formula(text) else text


def encoding_of(path: Path) -> str:
    """Return UTF-8, UTF-16 with a mark, GB18030, Big5 or Windows-1252, whichever a file is in."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    marked = sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ["utf-16"] if marked else ["utf-8-sig", "gb18030"]:
        if _is_text(path, encoding):
            return encoding
    if b"\0" not in sample:
        whole_lines = sample[: sample.rfind(b"\n") + 1] or sample
        guess = from_bytes(whole_lines, cp_isolation=_OTHER_ENCODINGS).best()
        if guess is not None and _is_text(path, guess.encoding):
            return guess.encoding
    raise WorkbookError(f"{path}: neither UTF-8, UTF-16 nor GB18030 text; save it as “CSV UTF-8”")


def _is_text(path: Path, encoding: str) -> bool:
    """Return whether all of a file can be read so; GB18030 must also be common Chinese."""
    letters: list[str] = []
    try:
        with path.open(encoding=encoding, newline="") as file:
            while text := file.read(_SAMPLE_CHARS):
                if "\0" in text:
                    return False
                others = (one for one in text if ord(one) > 0x7F)
                letters += islice(others, _SAMPLE_LETTERS - len(letters))
    except UnicodeError:
        return False
    common = sum(bool(one.encode("gb2312", "ignore")) for one in letters)
    return encoding != "gb18030" or common * 2 >= len(letters)


def sniff_delimiter(text: str, default: str = ",") -> str:
    """Return the delimiter that cuts the first rows into equally many cells, more than one."""
    lines = io.StringIO(text, newline="")
    best, best_share = "", 0.0
    for delimiter in sorted(DELIMITERS, key=lambda one: one != default):
        lines.seek(0)
        rows = list(islice(csv.reader(lines, delimiter=delimiter), _SAMPLE_ROWS))
        widths = [len(row) for row in rows if row]
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        share = count / len(widths)
        agrees = share >= 0.9 or (share >= 0.5 and widths[0] == width)
        if width > 1 and agrees and share > best_share:
            best, best_share = delimiter, share
    return best or _UNUSED


def _count_rows(path: Path, encoding: str, delimiter: str) -> int:
    """Return the number of rows; a quote never closed, which swallows what follows, is refused."""
    count = start = end = 0
    lines: list[str] = []

    def kept(file: Iterable[str]) -> Iterator[str]:
        for line in file:
            lines.append(line)
            yield line

    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(kept(file), delimiter=delimiter)
        last = ""
        for _ in reader:
            count += 1
            start, end = end, reader.line_num
            last = "".join(lines)
            lines.clear()
    if end - start > 1 and last.count('"') % 2:
        raise WorkbookError(
            f'{path}:{start + 1}: a cell opens with " and never closes; close it or double it'
        )
    return count
