"""The sheet of an answered workbook that says how its rows came out and which need a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from qa.models import Language
from qa.sheet import HEADING, LINK, Value, put_value

MARK = "条问汇总 Tiaowen summary"  # the first cell, by which the sheet is known again
MOST_LISTED = 5_000
_NAMES: dict[Language, tuple[str, str]] = {
    "zh": ("汇总", "条问汇总"),
    "en": ("Summary", "Tiaowen summary"),
}
_SAID: dict[Language, dict[str, str]] = {
    "zh": {
        "made": "生成时间",
        "snapshot": "索引快照",
        "rows": "读入行数",
        "out": "写出行数",
        "status": "状态",
        "count": "行数",
        "answered": "已回答 answered",
        "closest": "仅最接近 closest",
        "no_basis": "无依据 no_basis",
        "failed": "无法回答 failed",
        "empty": "空行",
        "person": "需要人工处理的行",
        "more": "共 {} 行，列出前 {} 行",
        "heads": "位置|状态|置信度|问题|原因",
    },
    "en": {
        "made": "Made",
        "snapshot": "Snapshot of the index",
        "rows": "Rows read",
        "out": "Rows written",
        "status": "Status",
        "count": "Rows",
        "answered": "answered",
        "closest": "closest",
        "no_basis": "no_basis",
        "failed": "failed",
        "empty": "empty rows",
        "person": "Rows that need a person",
        "more": "{} rows, of which the first {} are listed",
        "heads": "Place|Status|Confidence|Question|Reason",
    },
}
_STATUSES = ("answered", "closest", "no_basis", "failed", "empty")
_WIDTHS = (26, 18, 12, 60, 50)


@dataclass(frozen=True, slots=True)
class Listed:
    """A row that needs a person: where its question is, counted from 1, and how it came out."""

    sheet: str
    row: int
    column: int
    status: str
    confidence: float
    question: str
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How the rows came out: when, against which snapshot, counts by status, the rows to see."""

    language: Language
    made: str
    snapshot: str
    rows: int
    counts: Mapping[str, int]
    listed: Sequence[Listed]
    to_see: int


def is_summary(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a sheet is one that an earlier run has added."""
    return bool(rows) and list(rows[0][:1]) == [MARK]


def add_summary(workbook: Workbook, summary: Summary) -> None:
    """Add the sheet, in the place of that of an earlier run."""
    place = len(workbook.sheetnames)
    for old in list(workbook.worksheets):
        if old["A1"].value == MARK:
            place = workbook.sheetnames.index(old.title)
            workbook.remove(old)
    plain, other = _NAMES[summary.language]
    taken = {name.casefold() for name in workbook.sheetnames}
    name = other if plain.casefold() in taken else plain
    sheet = workbook.create_sheet(name, place)
    _write(sheet, summary)


def _write(sheet: Worksheet, summary: Summary) -> None:
    said = _SAID[summary.language]
    for column, width in enumerate(_WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    _row(sheet, 1, [MARK], bold=True)
    _row(sheet, 2, [said["made"], summary.made])
    _row(sheet, 3, [said["snapshot"], summary.snapshot])
    _row(sheet, 4, [said["rows"], summary.rows])
    _row(sheet, 5, [said["out"], sum(summary.counts.values())])
    _row(sheet, 7, [said["status"], said["count"]], bold=True)
    for number, status in enumerate(_STATUSES, 8):
        _row(sheet, number, [said[status], summary.counts.get(status, 0)])
    last = 7 + len(_STATUSES)
    chart = BarChart()
    chart.type, chart.legend, chart.height, chart.width = "bar", None, 6, 16
    chart.title = said["status"]
    chart.add_data(Reference(sheet, min_col=2, min_row=7, max_row=last), titles_from_data=True)
    chart.set_categories(Reference(sheet, min_col=1, min_row=8, max_row=last))
    sheet.add_chart(chart, "D2")
    _row(sheet, 16, [said["person"]], bold=True)
    if summary.to_see > len(summary.listed):
        _row(sheet, 16, [said["person"], said["more"].format(summary.to_see, len(summary.listed))])
    _row(sheet, 17, said["heads"].split("|"), bold=True)
    for number, one in enumerate(summary.listed, 18):
        place = f"{get_column_letter(one.column)}{one.row}"
        values: list[Value] = [f"{one.sheet}!{place}", one.status, one.confidence]
        values += [one.question, one.reason]
        _row(sheet, number, values)
        cell = sheet.cell(number, 1)
        assert isinstance(cell, Cell)
        quoted = one.sheet.replace("'", "''")
        cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{quoted}'!{place}")
        cell.font = Font(color=LINK, underline="single")


def _row(sheet: Worksheet, number: int, values: Sequence[Value], bold: bool = False) -> None:
    for column, value in enumerate(values, 1):
        cell = sheet.cell(number, column)
        assert isinstance(cell, Cell)
        put_value(cell, value)
        cell.alignment = Alignment(wrap_text=column > 3 and number > 17, vertical="top")
        if bold:
            cell.font = Font(bold=True)
            cell.fill = HEADING
