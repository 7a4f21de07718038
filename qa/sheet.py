"""One sheet of an .xlsx: answers put into its columns, or a new sheet made of plain rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, time, timedelta

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, MergedCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from qa.delimited import is_formula

Value = str | int | float | bool | date | time | timedelta

_LONGEST_CELL = 32_767
_WIDEST_COLUMN = 50
_DEFAULT_WIDTH = 8.43
_HIGHEST_ROW = 409
_MOST_LINKS = 60_000  # of a sheet; Excel drops all where there are more than 65,530
_FONT_SIZE = 11
_LINE_SPACING = 1.35
_USED_WIDTH = 0.93  # of a column, by lines that are broken between words
LINK = "0563C1"
_WIDE = re.compile(
    r"[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6"
    r"\U0001f300-\U0001faff\U00020000-\U0003fffd]"
)
HEADING = PatternFill("solid", start_color="DDE6F0")


@dataclass(frozen=True, slots=True)
class Link:
    """Lines of a cell and the address that each leads to, if any."""

    lines: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "\n".join(text for text, _ in self.lines)

    def spelled_out(self) -> str:
        """Return the lines with their addresses, for a table that has no links."""
        return "\n".join(f"{text} {url}".rstrip() for text, url in self.lines)


@dataclass(frozen=True, slots=True)
class Filling:
    """What is put into a table: `cells[0]` belongs to the row after `header`, -1 for no header.

    `sheet`, `header`, `question` and `columns` are places that count from 0.
    """

    sheet: int
    header: int
    question: int
    columns: tuple[int, ...]
    headings: tuple[str, ...]
    widths: tuple[int, ...]
    cells: Iterable[Sequence[str | float | Link]]


def fill_sheet(sheet: Worksheet, filling: Filling) -> None:
    """Put headings and answers into their columns, dressed like the column of the questions."""
    first = filling.header + 2
    _unmerge(sheet, filling, first)
    for column, width in zip(filling.columns, filling.widths, strict=True):
        _widen(sheet, column + 1, width)
    if filling.header >= 0:
        model = sheet.cell(first - 1, filling.question + 1)
        for column, heading in zip(filling.columns, filling.headings, strict=True):
            cell = sheet.cell(first - 1, column + 1)
            if isinstance(cell, Cell):
                _dress(cell, model)
                put_value(cell, heading)
    links = 0
    styles: dict[tuple[bool, tuple[int, ...]], object] = {}  # made once, not for every cell
    for number, values in enumerate(filling.cells, first):
        model = sheet.cell(number, filling.question + 1)
        for column, value in zip(filling.columns, values, strict=True):
            cell = sheet.cell(number, column + 1)
            if isinstance(cell, Cell):
                kind = (isinstance(value, float), tuple(model._style or ()))  # type: ignore[union-attr]
                if kind not in styles:
                    styles[kind] = _style_of(cell, model, is_number=kind[0])
                cell._style = copy(styles[kind])  # type: ignore[attr-defined]
                cell.hyperlink = None  # that of an earlier run
                if isinstance(value, Link):
                    links += put_link(cell, value, links < _MOST_LINKS)
                else:
                    put_value(cell, value)
        if any(str(value) != "" for value in values):
            cells = [(filling.question, str(model.value or ""))]
            cells += zip(filling.columns, map(str, values), strict=True)
            _heighten(sheet, number, cells, model.font.size or _FONT_SIZE)


def write_sheet(sheet: Worksheet, rows: Sequence[Sequence[Value]], header: int) -> None:
    """Write rows into a new sheet: texts stay texts, columns as wide as they need."""
    widths: dict[int, int] = {}
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            if value == "":
                continue
            cell = sheet.cell(number, column)
            assert isinstance(cell, Cell)
            put_value(cell, value)
            if number - 1 == header:
                cell.font, cell.fill = Font(bold=True), HEADING
            if number - 1 >= header:  # what stands above are titles
                cell.alignment = Alignment(wrap_text=True, vertical="top")
                widths[column] = max(widths.get(column, 8), _width(str(value)) + 2)
    for column, width in widths.items():
        sheet.column_dimensions[get_column_letter(column)].width = min(width, _WIDEST_COLUMN)
    if header >= 0:
        sheet.freeze_panes = f"A{header + 2}"


def _dress(cell: Cell, model: Cell | MergedCell) -> None:
    """Give a cell the font, fill and borders of another."""
    cell._style = copy(model._style)  # type: ignore[attr-defined, union-attr]


def _style_of(cell: Cell, model: Cell | MergedCell, *, is_number: bool) -> object:
    """Return the style of an answer: that of the question, wrapped."""
    _dress(cell, model)
    cell.alignment = Alignment(
        wrap_text=True, horizontal="left", vertical=model.alignment.vertical or "top"
    )
    if is_number:
        cell.number_format = "0.00"
    style: object = copy(cell._style)  # type: ignore[attr-defined]
    return style


def put_value(cell: Cell, value: Value) -> None:
    """Set a value; a text is a text even where it looks like a formula."""
    if not isinstance(value, str):
        cell.value = value
        return
    text = ILLEGAL_CHARACTERS_RE.sub("", value)
    if len(text) > _LONGEST_CELL:
        text = text[: _LONGEST_CELL - 1] + "…"
    cell.value = text or None
    if text:
        cell.data_type = "s"
        cell.quotePrefix = is_formula(text)


def put_link(cell: Cell, link: Link, linked: bool = True) -> bool:
    """Set the lines of a link; a cell leads to one address, the first. Return whether it does."""
    put_value(cell, str(link))
    address = next((url for _, url in link.lines if url), "")
    if not linked or not address:
        return False
    cell.hyperlink = address
    cell.font = copy(cell.font) + Font(color=LINK, underline="single")
    return True


def _width(text: str) -> int:
    """Return the width of the longest line, a Chinese letter being two wide."""
    return max(len(line) + len(_WIDE.findall(line)) for line in text.split("\n"))


def _widen(sheet: Worksheet, column: int, width: int) -> None:
    """Show a column at least so wide, cut out of the group of columns it may belong to."""
    groups = sheet.column_dimensions
    for key, group in list(groups.items()):
        if group.min and group.max and group.min <= column <= group.max and group.min < group.max:
            del groups[key]
            pieces = ((group.min, column - 1), (column, column), (column + 1, group.max))
            for first, last in pieces:
                if first <= last:
                    piece = copy(group)
                    piece.index, piece.min, piece.max = get_column_letter(first), first, last
                    groups[piece.index] = piece
    own = groups[get_column_letter(column)]
    own.width = max(own.width or 0, width)
    own.hidden = False


def _heighten(
    sheet: Worksheet, row: int, cells: Sequence[tuple[int, str]], font_size: float
) -> None:
    """Make a row high enough for its wrapped texts: not every program does so by itself."""
    lines = 1
    for column, text in cells:
        width = _width_of(sheet, column + 1) * _USED_WIDTH
        lines = max(lines, sum(math.ceil(_width(line) / width) or 1 for line in text.split("\n")))
    height = min(lines * font_size * _LINE_SPACING, _HIGHEST_ROW)
    dimension = sheet.row_dimensions[row]
    dimension.height = max(dimension.height or 0, height)


def _width_of(sheet: Worksheet, column: int) -> float:
    """Return the width of a column; asking openpyxl for it would set it."""
    for key, group in sheet.column_dimensions.items():
        first = group.min or column_index_from_string(key)
        if first <= column <= (group.max or first):
            return group.width or _DEFAULT_WIDTH
    return sheet.sheet_format.defaultColWidth or _DEFAULT_WIDTH


def _unmerge(sheet: Worksheet, filling: Filling, first: int) -> None:
    """Give every answer a cell of its own."""
    for merged in list(sheet.merged_cells.ranges):
        ours = any(merged.min_col <= one + 1 <= merged.max_col for one in filling.columns)
        if ours and merged.max_row >= first:
            sheet.unmerge_cells(merged.coord)
