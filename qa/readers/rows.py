"""Tables → lines: each row with its headings, so that it can be understood alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qa.errors import CorpusError

MOST_ROWS = 100_000


def row_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row below the first: heading：cell；heading：cell.

    A table of one row or one column has no headings.

    >>> row_lines([["项目", "补贴"], ["落户", "3万元"]])
    ['项目：落户；补贴：3万元']
    """
    filled = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if len(filled) < 2 or max(map(len, filled)) < 2:
        return ["；".join(filter(None, row)) for row in filled]
    header, *rest = filled
    lines = []
    for row in rest:
        pairs = [
            f"{header[n]}：{cell}" if n < len(header) and header[n] and header[n] != cell else cell
            for n, cell in enumerate(row)
            if cell
        ]
        lines.append("；".join(pairs))
    return lines


def read_sheets(path: Path) -> list[str]:
    """Return the rows of every sheet of a workbook as lines; raises CorpusError."""
    from qa.workbook import read_book

    lines: list[str] = []
    for sheet in read_book(path).sheets:
        if sheet.visible and len(sheet.rows) > MOST_ROWS:
            raise CorpusError(f"{path}: the sheet {sheet.name!r} has too many rows; split it")
        if sheet.visible:
            lines += row_lines(sheet.rows)
    return lines
