"""HTML → paragraphs: headings, paragraphs, items of lists and rows of tables, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qa.readers.rows import row_lines

_DROPPED = ("script", "style", "noscript", "template", "nav", "header", "footer", "aside", "form")
_BLOCKS = {
    *("p", "div", "section", "article", "main", "li", "dt", "dd", "blockquote", "pre", "body"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "td", "th", "tr", "figure", "center"),
}


def read_page(path: Path) -> list[str]:
    """Return the paragraphs of a page of the web, without its scripts, menus and footers.

    The encoding is the one that the page declares, else the one that its bytes are in.
    """
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(path.read_bytes(), "lxml")
    for one in soup(list(_DROPPED)):
        one.decompose()
    root = soup.find("article") or soup.find("main") or soup.body or soup
    return [line for line in _lines(root) if line]


def _lines(element: Any) -> Iterator[str]:
    """Yield the text of an element, broken where a block begins or ends."""
    from bs4.element import NavigableString

    text = ""
    for child in element.children:
        if isinstance(child, NavigableString):
            text += str(child) if type(child) is NavigableString else ""
        elif child.name == "br":
            yield _plain(text)
            text = ""
        elif child.name == "table":
            yield _plain(text)
            text = ""
            yield from row_lines(_cells(child))
        elif child.name in _BLOCKS or child.find(list(_BLOCKS)):
            yield _plain(text)
            text = ""
            yield from _lines(child)
        else:
            text += child.get_text()
    yield _plain(text)


def _cells(table: Any) -> list[list[str]]:
    return [
        [_plain(cell.get_text(" ")) for cell in row.find_all(["td", "th"], recursive=False)]
        for row in table.find_all("tr")
    ]


def _plain(text: str) -> str:
    return " ".join(text.split())
