"""PDF → text, page by page, without what stands at the head or foot of every page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa.errors import CorpusError

MOST_PAGES = 5000
FEWEST_LETTERS = 10  # on a page at the mean; a scan has fewer
INDENT = "\u3000\u3000"
_EDGE = 2  # lines at the head and the foot of a page that may be furniture
_OFTEN = 0.5  # share of the pages from which a line at the edge is furniture
_DIGITS = re.compile(r"[\d\u3007零一二三四五六七八九十百]+")


def read_pdf(path: Path) -> str:
    """Return the text of a PDF, pages parted by form feeds; raises CorpusError.

    A scan has no text; it must be read by OCR first.
    """
    import pypdfium2  # type: ignore[import-untyped]

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise CorpusError(
            f"{path}: cannot be opened as a PDF ({error}); take its password off, or export it anew"
        ) from error
    try:
        if len(document) > MOST_PAGES:
            raise CorpusError(
                f"{path}: has {len(document)} pages, more than {MOST_PAGES}; split it"
            )
        pages = [_page_lines(document, number) for number in range(len(document))]
    except pypdfium2.PdfiumError as error:
        raise CorpusError(f"{path}: a page cannot be read ({error}); export it anew") from error
    finally:
        document.close()
    letters = sum(len("".join(lines).replace(INDENT, "")) for lines in pages)
    if letters < FEWEST_LETTERS * max(len(pages), 1):
        raise CorpusError(
            f"{path}: {len(pages)} pages hold {letters} letters; it is a scan, and must be read "
            "by OCR first"
        )
    return "\n\f".join("\n".join(lines) for lines in without_furniture(pages))


def without_furniture(pages: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return pages without the lines that stand at the edge of most of them, numbers aside."""
    if len(pages) < 3:
        return [list(lines) for lines in pages]
    counted = Counter(
        shape for lines in pages for shape in {_shape(lines[n]) for n in _edges(lines)}
    )
    often = {shape for shape, count in counted.items() if count >= _OFTEN * len(pages)}
    kept = []
    for lines in pages:
        edges = set(_edges(lines))
        kept.append(
            [one for n, one in enumerate(lines) if n not in edges or _shape(one) not in often]
        )
    return kept


def _page_lines(document: Any, number: int) -> list[str]:
    """Return the lines of a page; one that is set in by about two characters gets two blanks."""
    page = document[number]
    text_page = page.get_textpage()
    try:
        text = text_page.get_text_range()
        places, at = [], 0
        for line in text.split("\n"):
            if line.strip():
                first = at + len(line) - len(line.lstrip())
                left, bottom, right, top = text_page.get_charbox(first, loose=True)
                places.append((line.strip("\r"), left, max(top - bottom, right - left)))
            at += len(line) + 1
    finally:
        text_page.close()
        page.close()
    margin = _margin([left for _, left, _ in places])
    return [
        f"{INDENT}{line.strip()}" if _is_indented(left - margin, size) else line.strip()
        for line, left, size in places
    ]


def _margin(lefts: Sequence[float]) -> float:
    """Return where most lines begin, the leftmost of such places."""
    counted = Counter(round(left) for left in lefts)
    often = [left for left, count in counted.items() if count >= 0.15 * len(lefts)]
    return min(often, default=min(lefts, default=0.0))


def _is_indented(offset: float, size: float) -> bool:
    return 1.5 * size <= offset <= 3 * size


def _edges(lines: Sequence[str]) -> list[int]:
    return sorted({*range(min(_EDGE, len(lines))), *range(max(len(lines) - _EDGE, 0), len(lines))})


def _shape(line: str) -> str:
    """Return a line with its numbers alike: 第 3 页 and 第 4 页 have one shape."""
    return _DIGITS.sub("0", re.sub(r"\s+", "", line))
