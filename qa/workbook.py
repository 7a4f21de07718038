"""A workbook of tables: .xlsx, .xls, .csv and .tsv in; .xlsx, .csv and .tsv out.

An .xlsx that comes back as .xlsx is the one that was read with cells added: its styles, widths,
formulas and other sheets stay.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from openpyxl import Workbook, load_workbook
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from qa.delimited import defuse, read_delimited, write_delimited
from qa.errors import WorkbookError
from qa.sheet import Filling, Value, fill_sheet, write_sheet

logger = logging.getLogger(__name__)

SOURCES = (".xlsx", ".xlsm", ".xls", ".csv", ".tsv")
TARGETS = (".xlsx", ".csv", ".tsv")
_OLE = bytes.fromhex("D0CF11E0A1B11AE1")
_LARGEST_UNPACKED = 1 << 30
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
    rows: list[list[str]]
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


def read_book(path: Path) -> Book:
    """Return the tables of a file; raises WorkbookError."""
    try:
        if path.suffix.lower() in {".csv", ".tsv"}:
            rows, delimiter = read_delimited(path)
            book = Book(path, (_sheet(path.stem, rows),), delimiter)
        else:
            book = _read_excel(path)
    except OSError as error:
        raise WorkbookError(f"{path}: {error.strerror or error}") from error
    if not any(text.strip() for sheet in book.sheets for row in sheet.rows for text in row):
        raise WorkbookError(f"{path}: the workbook is empty")
    return book


def write_book(book: Book, fillings: Sequence[Filling], target: Path) -> None:
    """Write the tables with their answers; the target is whole or not there."""
    kind = target.suffix.lower()
    with _replacing(target) as temporary:
        if kind == ".xlsx":
            _write_excel(book, fillings, temporary)
        else:
            same = book.delimiter and kind == book.source.suffix.lower()
            delimiter = book.delimiter if same else {".csv": ",", ".tsv": "\t"}[kind]
            write_delimited(temporary, _filled_rows(book, fillings[0]), delimiter)


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
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        if sum(info.file_size for info in archive.infolist()) > _LARGEST_UNPACKED:
            raise WorkbookError(f"{path}: unpacks to more than 1 GB; split it")


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
    width = max([*map(len, rows), *(column + 1 for column in filling.columns)])
    for number, row in enumerate(rows):
        cells = row + [""] * (width - len(row))
        texts: Sequence[str | float] = filling.headings if number == filling.header else ()
        if number > filling.header:
            texts = filling.cells[number - filling.header - 1]
        for column, text in zip(filling.columns, texts, strict=False):
            cells[column] = defuse(_text(text))
        yield cells


def _write_excel(book: Book, fillings: Sequence[Filling], path: Path) -> None:
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
    if workbook.calculation is not None:
        workbook.calculation.fullCalcOnLoad = True
    workbook.save(path)


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
