"""A workbook of tables: .xlsx, .xls, .csv and .tsv in; .xlsx, .csv and .tsv out.

An .xlsx that comes back as .xlsx is the one that was read with cells added: its styles, widths,
formulas and other sheets stay.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from importlib.util import find_spec
from io import BytesIO
from itertools import islice
from pathlib import Path

from openpyxl import Workbook, load_workbook
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from qa.columns import STATUS
from qa.delimited import count_delimited, defuse, encoding_of, read_delimited, write_delimited
from qa.errors import WorkbookError
from qa.sheet import Filling, Link, Value, fill_sheet, write_sheet

logger = logging.getLogger(__name__)

SOURCES = (".xlsx", ".xlsm", ".xls", ".csv", ".tsv")
TARGETS = (".xlsx", ".csv", ".tsv")
_OLE = bytes.fromhex("D0CF11E0A1B11AE1")
_LARGEST_UNPACKED = 1 << 30
_AT_ONCE = 1 << 20
_DROPPED_PARTS = {
    "xl/media/": "pictures",
    "xl/vbaProject": "macros",
    "xl/ctrlProps/": "form controls",
    "xl/slicers/": "slicers",
    "xl/diagrams/": "SmartArt",
    "xl/threadedComments/": "threaded comments",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table as read: typed values, their texts, and what stands in the way of new cells.

    `unknown` are the (row, column) of formulas without a stored result; `merged` are the
    (last row, last column) of merged cells. All count from 0.
    """

    name: str
    values: Sequence[Sequence[Value]]
    rows: Sequence[Sequence[str]]
    visible: bool = True
    unknown: frozenset[tuple[int, int]] = frozenset()
    merged: tuple[tuple[int, int], ...] = ()

    def first_free(self, header: int) -> int:
        """Return the first column right of everything from the header row down."""
        used = {number for row in self.rows for number, text in enumerate(row) if text}
        used.update(column for _, column in self.unknown)
        used.update(column for row, column in self.merged if row >= header)
        return max(used, default=-1) + 1


@dataclass(frozen=True, slots=True)
class Book:
    """A file of tables: `original` is the workbook that is filled in place, if there is one."""

    source: Path
    sheets: tuple[Sheet, ...]
    delimiter: str = ""
    original: Workbook | None = None
    losses: tuple[str, ...] = ()


def check_target(source: Path, target: Path) -> None:
    """Refuse what cannot be read or written before any work is done."""
    if not source.is_file():
        raise WorkbookError(f"{source}: no such file")
    if source.suffix.lower() not in SOURCES:
        raise WorkbookError(f"{source}: not a workbook; questions come in {', '.join(SOURCES)}")
    if target.suffix.lower() not in TARGETS:
        raise WorkbookError(f"{target}: answers go to {', '.join(TARGETS)}; give it such a name")
    if target.resolve() == source.resolve() or (target.exists() and target.samefile(source)):
        raise WorkbookError(f"{target}: would replace the questions; choose another file for -o")
    if target.is_dir():
        raise WorkbookError(f"{target}: is a folder; name a file in it")
    if not target.parent.is_dir():
        raise WorkbookError(f"{target}: the folder {target.parent} does not exist; create it first")
    if not os.access(target.parent, os.W_OK):
        raise WorkbookError(f"{target}: the folder {target.parent} cannot be written to")


def check_upload(path: Path) -> None:
    """Refuse a file that is not what its name says, or unpacks to more than it should."""
    if path.suffix.lower() in {".csv", ".tsv"}:
        encoding_of(path)
        return
    raw = path.read_bytes()
    if zipfile.is_zipfile(BytesIO(raw)):
        _check_size(path, raw)
    elif not raw.startswith(_OLE):
        raise WorkbookError(f"{path}: not a workbook; open it in Excel and save it as .xlsx")


def read_book(path: Path) -> Book:
    """Return the tables of a file; raises WorkbookError."""
    try:
        if path.suffix.lower() in {".csv", ".tsv"}:
            rows, delimiter = read_delimited(path)
            book = Book(path, (Sheet(path.stem, rows, rows),), delimiter)
        else:
            book = _read_excel(path)
    except OSError as error:
        raise WorkbookError(f"{path}: {error.strerror or error}") from error
    if not any(text.strip() for sheet in book.sheets for row in sheet.rows for text in row):
        raise WorkbookError(f"{path}: the workbook is empty")
    return book


def write_book(
    book: Book,
    fillings: Sequence[Filling],
    target: Path,
    finish: Callable[[Workbook], None] | None = None,
) -> None:
    """Write the tables with their answers; the target is whole or not there.

    `finish` adds to an .xlsx once it is filled. What was written is read again, by another
    library for an .xlsx: WorkbookError if a row of it is not there.
    """
    kind = target.suffix.lower()
    with _replacing(target) as temporary:
        if kind == ".xlsx":
            counted = [_Counted(one) for one in fillings]
            _write_excel(book, [one.filling for one in counted], temporary, finish)
            _check_excel(book, counted, temporary, target)
        else:
            same = book.delimiter and kind == book.source.suffix.lower()
            delimiter = book.delimiter if same else {".csv": ",", ".tsv": "\t"}[kind]
            write_delimited(temporary, _filled_rows(book, fillings[0]), delimiter)
            found = count_delimited(temporary, delimiter)
            check_rows(target, len(book.sheets[fillings[0].sheet].rows), found)


def check_rows(target: Path, rows: int, found: int) -> None:
    """Raise WorkbookError where fewer or more rows come out than went in."""
    if rows != found:
        raise WorkbookError(
            f"{target}: {rows} rows went in and {found} came out; nothing was written. Run it "
            "again while no other program changes the file, and report it if it stays so"
        )


class _Counted:
    """A filling that counts the rows with a status as they are taken."""

    def __init__(self, filling: Filling) -> None:
        self.rows = 0
        self.filling = replace(filling, cells=self._count(filling.cells))

    def _count(
        self, cells: Iterable[Sequence[str | float | Link]]
    ) -> Iterator[Sequence[str | float | Link]]:
        for values in cells:
            self.rows += len(values) > STATUS and values[STATUS] != ""
            yield values


def losses_of(book: Book, target: Path) -> tuple[str, ...]:
    """Return what of the source a target cannot keep."""
    if target.suffix.lower() != ".xlsx":
        others = ("the other sheets",) if len(book.sheets) > 1 else ()
        unknown = any(sheet.unknown for sheet in book.sheets)
        return (*others, *(("formulas without a stored result",) if unknown else ()))
    return book.losses


def _read_excel(path: Path) -> Book:
    raw = path.read_bytes()
    zipped, old = zipfile.is_zipfile(BytesIO(raw)), raw.startswith(_OLE)
    if not zipped and not old:
        raise WorkbookError(f"{path}: not a workbook; open it in Excel and save it as .xlsx")
    if zipped:
        _check_size(path, raw)
    try:
        reader = CalamineWorkbook.from_filelike(BytesIO(raw))
        tables = [
            (meta, reader.get_sheet_by_name(meta.name).to_python(skip_empty_area=False))
            for meta in reader.sheets_metadata
            if meta.typ == SheetTypeEnum.WorkSheet
        ]
    except CalamineError as error:
        if old:
            raise WorkbookError(
                f"{path}: protected by a password, or damaged; remove the password in Excel "
                "(File, Info, Protect Workbook) and save it as .xlsx"
            ) from error
        raise WorkbookError(f"{path}: not a workbook that can be read: {error}") from error
    original, losses = _open_original(raw) if zipped else (None, ("styles", "formulas"))
    sheets = tuple(
        _sheet(meta.name, values, meta.visible == SheetVisibleEnum.Visible, original)
        for meta, values in tables
    )
    return Book(path, sheets, original=original, losses=losses)


def _check_size(path: Path, raw: bytes) -> None:
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            infos = archive.infolist()
            if "xl/workbook.xml" not in archive.namelist():
                raise WorkbookError(f"{path}: not a workbook; save it as .xlsx in Excel")
        if sum(info.file_size for info in infos) > _LARGEST_UNPACKED:
            raise WorkbookError(f"{path}: unpacks to more than 1 GB; split it")
        honest = all(_unpacks_to(raw, info) for info in infos)
    except (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError) as error:
        raise WorkbookError(f"{path}: not a workbook that can be read: {error}") from error
    if not honest:
        raise WorkbookError(f"{path}: unpacks to more than it says; save it anew in Excel")


def _unpacks_to(raw: bytes, info: zipfile.ZipInfo) -> bool:
    """Return whether a part is no larger than is declared; not every reader stops there."""
    name, extra = struct.unpack_from("<HH", raw, info.header_offset + 26)
    start = info.header_offset + 30 + name + extra
    if info.compress_type == zipfile.ZIP_STORED:
        return info.compress_size == info.file_size
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise NotImplementedError(f"{info.filename} is compressed in an unusual way")
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    rest: bytes = raw[start : start + info.compress_size]
    size = 0
    while rest and not stream.eof and size <= info.file_size:
        size += len(stream.decompress(rest, _AT_ONCE))
        rest = stream.unconsumed_tail
    return size <= info.file_size


def _open_original(raw: bytes) -> tuple[Workbook | None, tuple[str, ...]]:
    """Return the workbook to fill in place, None if its styles are beyond us, and its losses."""
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        names = archive.namelist()
        losses = [
            what
            for part, what in _DROPPED_PARTS.items()
            if any(name.startswith(part) for name in names)
            and not (what == "pictures" and find_spec("PIL"))
        ]
        drawings = [name for name in names if name.startswith("xl/drawings/drawing")]
        if any(b"<xdr:sp" in archive.read(name) for name in drawings):
            losses.append("shapes and text boxes")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            original = load_workbook(BytesIO(raw), rich_text=True)
        except (ValueError, TypeError, LookupError, AttributeError, SyntaxError) as error:
            logger.warning("read without styles and formulas: %s", error)
            return None, ("styles", "formulas", *losses)
    for one in caught:
        what, found, _ = str(one.message).partition(" extension is not supported")
        if found and what not in losses:
            losses.append(what)
    return original, tuple(losses)


def _sheet(
    name: str,
    values: Sequence[Sequence[Value]],
    visible: bool = True,
    original: Workbook | None = None,
) -> Sheet:
    rows = [[_text(value) for value in row] for row in values]
    if original is None:
        return Sheet(name, values, rows, visible)
    sheet = original[name]
    used = {place: cell for place, cell in sheet._cells.items() if cell.value is not None}
    for _ in range(len(rows), max((row for row, _ in used), default=0)):
        rows.append([])
    unknown = frozenset(
        (row - 1, column - 1)
        for (row, column), cell in used.items()
        if cell.data_type == "f" and not "".join(rows[row - 1][column - 1 : column])
    )
    merged = tuple((one.max_row - 1, one.max_col - 1) for one in sheet.merged_cells.ranges)
    return Sheet(name, values, rows, visible, unknown, merged)


def _filled_rows(book: Book, filling: Filling) -> Iterator[list[str]]:
    """Yield the rows of the one table that a delimited file holds, answers in their columns."""
    rows = book.sheets[filling.sheet].rows
    width = max([max(map(len, rows)), *(column + 1 for column in filling.columns)])
    answers = iter(filling.cells)
    for number, row in enumerate(rows):
        cells = [*row, *[""] * (width - len(row))]
        values: Sequence[str | float | Link] = filling.headings if number == filling.header else ()
        if number > filling.header:
            values = next(answers, ())
        for column, value in zip(filling.columns, values, strict=False):
            text = value.spelled_out() if isinstance(value, Link) else _text(value)
            cells[column] = defuse(text)
        yield cells


def _write_excel(
    book: Book,
    fillings: Sequence[Filling],
    path: Path,
    finish: Callable[[Workbook], None] | None,
) -> None:
    workbook = book.original
    if workbook is None:
        workbook = Workbook()
        workbook.remove(workbook.worksheets[0])
        headers = {filling.sheet: filling.header for filling in fillings}
        for number, sheet in enumerate(book.sheets):
            made = workbook.create_sheet(_sheet_title(sheet.name))
            write_sheet(made, sheet.values, headers.get(number, -1))
    for filling in fillings:
        name = book.sheets[filling.sheet].name
        fill_sheet(workbook[name if book.original else _sheet_title(name)], filling)
    if finish is not None:
        finish(workbook)
    if workbook.calculation is not None:
        workbook.calculation.fullCalcOnLoad = True
    workbook.save(path)


def _check_excel(book: Book, counted: Sequence[_Counted], written: Path, target: Path) -> None:
    """Check that each row with a status has one in the file, as another library reads it."""
    reader = CalamineWorkbook.from_path(str(written))
    for one in counted:
        filling = one.filling
        if len(filling.columns) <= STATUS:
            continue
        name = book.sheets[filling.sheet].name
        table = reader.get_sheet_by_name(name if book.original else _sheet_title(name))
        rows = islice(iter(table.to_python(skip_empty_area=False)), filling.header + 1, None)
        place = filling.columns[STATUS]
        check_rows(
            target, one.rows, sum("".join(map(str, row[place : place + 1])) != "" for row in rows)
        )


def _sheet_title(name: str) -> str:
    return re.sub(r"[\\/*?:\[\]]", " ", name)[:31].strip(" '") or "Sheet1"


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Yield the name of a file that takes the place of the target when all is written."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise WorkbookError(
            f"{target}: cannot be written: {error.strerror or error}; close it if it is open in "
            "another program and run again, the answers are kept"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _text(value: Value) -> str:
    """Return what a cell shows, near enough: 12.0 -> 12."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
