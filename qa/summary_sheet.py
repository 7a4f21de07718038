"""The sheet with the figures of a batch: counts, a chart, the rows that need a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink

SHEET_NAMES = ("条问汇总", "Tiaowen summary")
MOST_LISTED = 5000
_LONGEST = 300  # characters of a question that are listed
_WORDS = {
    True: {
        **{"title": "批量回答汇总", "rows": "总行数", "made": "生成日期", "snapshot": "索引版本"},
        **{"answered": "有依据", "closest": "只有相近条款", "no_basis": "没有依据"},
        **{"failed": "无法回答", "empty": "空行", "count": "行数", "person": "需要人工处理的行"},
        **{"place": "位置", "status": "状态", "question": "问题"},
    },
    False: {
        **{"title": "Summary of the batch", "rows": "Rows", "made": "Made on", "snapshot": "Index"},
        **{"answered": "Answered", "closest": "Closest clauses only", "no_basis": "No basis"},
        **{"failed": "Could not be asked", "empty": "Empty rows", "count": "Rows"},
        **{"person": "Rows that need a person", "place": "Place", "status": "Status"},
        "question": "Question",
    },
}


@dataclass(frozen=True, slots=True)
class RowToCheck:
    """A row that a person should look at; `row` counts from 1, `column` from 0."""

    sheet: str
    row: int
    column: int
    status: str
    question: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one batch: rows in all, rows by status, and those that need a person."""

    rows: int
    counts: Mapping[str, int]
    to_check: tuple[RowToCheck, ...]
    snapshot: str
    day: date


def put_summary(workbook: Workbook, summary: Summary, *, chinese: bool) -> None:
    """Add the sheet behind all others, in place of that of an earlier run."""
    for name in SHEET_NAMES:
        if name in workbook.sheetnames:
            del workbook[name]
    words = _WORDS[chinese]
    sheet = workbook.create_sheet(SHEET_NAMES[not chinese])
    bold = Font(bold=True)
    for row in (
        (words["title"],),
        (words["rows"], summary.rows),
        (words["made"], summary.day),
        (words["snapshot"], summary.snapshot),
        (),
        ("", words["count"]),
        *((words[name], count) for name, count in summary.counts.items()),
    ):
        sheet.append(row)
    sheet["A1"].font = Font(bold=True, size=14)
    last = 6 + len(summary.counts)
    chart = BarChart()
    chart.type, chart.style, chart.legend, chart.title = "bar", 10, None, words["title"]
    chart.add_data(Reference(sheet, min_col=2, min_row=6, max_row=last), titles_from_data=True)
    chart.set_categories(Reference(sheet, min_col=1, min_row=7, max_row=last))
    chart.height, chart.width = 7, 15
    sheet.add_chart(chart, "E1")
    first = max(last + 2, 17)
    sheet.cell(first, 1, words["person"]).font = bold
    for column, name in enumerate(("place", "status", "question"), 1):
        sheet.cell(first + 1, column, words[name]).font = bold
    for number, one in enumerate(summary.to_check[:MOST_LISTED], first + 2):
        place = f"{get_column_letter(one.column + 1)}{one.row}"
        cell = sheet.cell(number, 1, f"{one.sheet}!{place}")
        cell.data_type = "s"
        quoted = one.sheet.replace("'", "''")
        cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{quoted}'!{place}")
        cell.style = "Hyperlink"
        sheet.cell(number, 2, words[one.status])
        text = ILLEGAL_CHARACTERS_RE.sub("", one.question)[:_LONGEST]
        asked = sheet.cell(number, 3, text)
        asked.data_type = "s"
    for letter, width in (("A", 26), ("B", 22), ("C", 80)):
        sheet.column_dimensions[letter].width = width
