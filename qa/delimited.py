"""A table as delimited text: bytes ↔ rows, in the encodings and delimiters that Excel writes."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from charset_normalizer import from_bytes

from qa.errors import WorkbookError

DELIMITERS = (",", ";", "\t")
_UNUSED = "\x1f"  # splits nothing: for a table of one column
_OTHER_ENCODINGS = ["big5", "cp1252"]
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_LONGEST_CELL = 2**31 - 1
_SAMPLE_ROWS = 200
_SAMPLE_LETTERS = 10_000


def read_delimited(path: Path) -> tuple[list[list[str]], str]:
    """Return the rows of a .csv or .tsv, and the delimiter to write them with."""
    text = decode(path.read_bytes(), path)
    csv.field_size_limit(_LONGEST_CELL)
    delimiter = sniff_delimiter(text, "\t" if path.suffix.lower() == ".tsv" else ",")
    rows = _parse(text, delimiter, path)
    return rows, "," if delimiter == _UNUSED else delimiter


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


def decode(raw: bytes, path: Path) -> str:
    """Return the text of a file in UTF-8, UTF-16 with a mark, GB18030, Big5 or Windows-1252."""
    cure = "save it as “CSV UTF-8”"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and (encoding != "gb18030" or _is_chinese(text)):
            return text
    guess = None if b"\0" in raw else from_bytes(raw, cp_isolation=_OTHER_ENCODINGS).best()
    if guess is None:
        raise WorkbookError(f"{path}: neither UTF-8, UTF-16 nor GB18030 text; {cure}")
    return str(guess)


def _is_chinese(text: str) -> bool:
    """Return whether the letters are common Chinese, not other bytes that happen to decode."""
    letters = list(islice((one for one in text if ord(one) > 0x7F), _SAMPLE_LETTERS))
    common = sum(bool(one.encode("gb2312", "ignore")) for one in letters)
    return common * 2 >= len(letters)


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


def _parse(text: str, delimiter: str, path: Path) -> list[list[str]]:
    """Return the rows; a quote never closed, which swallows the rows after it, is refused."""
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=delimiter)
    rows: list[list[str]] = []
    start = end = 0
    for row in reader:
        rows.append(row)
        start, end = end, reader.line_num
    if end - start > 1 and "".join(lines[start:end]).count('"') % 2:
        raise WorkbookError(
            f'{path}:{start + 1}: a cell opens with " and never closes; close it or double it'
        )
    return rows
