"""DOCX → paragraphs and rows of tables in order, with the numbers that Word itself generates."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qa.errors import CorpusError
from qa.readers.rows import row_lines
from qa.text import numeral_of

LARGEST_UNPACKED = 500_000_000
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HAN = {
    *("chineseCounting", "chineseCountingThousand", "ideographDigital", "japaneseCounting"),
    *("taiwaneseCounting", "taiwaneseCountingThousand", "ideographTraditional"),
}
_ROMAN = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


def read_word(path: Path) -> list[str]:
    """Return the paragraphs of a .docx; a row of a table is one, its cells after their headings.

    Raises CorpusError.
    """
    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from docx.table import Table
    from lxml.etree import XMLSyntaxError  # type: ignore[import-untyped]

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(one.file_size for one in archive.infolist()) > LARGEST_UNPACKED:
                raise CorpusError(f"{path}: would be larger than 500 MB unpacked; split it")
        document = docx.Document(str(path))
    except (
        zipfile.BadZipFile,
        PackageNotFoundError,
        XMLSyntaxError,
        KeyError,
        ValueError,
    ) as error:
        raise CorpusError(
            f"{path}: is no Word document that can be read ({error}); save it anew as .docx"
        ) from error
    numbers = _Numbers(document)
    lines: list[str] = []
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            lines += row_lines(_cells(block))
        else:
            lines += _texts(block, numbers)
    return lines


def _texts(paragraph: Any, numbers: _Numbers) -> Iterator[str]:
    text = paragraph.text.replace("\t", " ")
    if text.strip():
        first, *rest = text.split("\n")
        yield numbers.label(paragraph) + first
        yield from rest


def _cells(table: Any) -> list[list[str]]:
    """Return the texts of a table; a merged cell stands once in its row."""
    found = []
    for row in table.rows:
        seen: list[Any] = []
        texts = []
        for cell in row.cells:
            if any(cell._tc is one for one in seen):
                continue
            seen.append(cell._tc)
            texts.append(" ".join(cell.text.split()))
        found.append(texts)
    return found


class _Numbers:
    """Counts the numbered paragraphs of a document as Word would."""

    def __init__(self, document: Any) -> None:
        self._levels: dict[str, dict[int, tuple[str, str, int]]] = {}
        self._counts: dict[str, dict[int, int]] = {}
        self._abstract: dict[str, str] = {}
        self._styles = {style.style_id: style for style in document.styles}
        try:
            root = document.part.numbering_part.element
        except (KeyError, NotImplementedError):
            return
        abstract = {one.get(f"{_W}abstractNumId"): one for one in root.iter(f"{_W}abstractNum")}
        for one in root.iter(f"{_W}num"):
            number, pointer = one.get(f"{_W}numId"), one.find(f"{_W}abstractNumId")
            if pointer is None:
                continue
            own = abstract.get(pointer.get(f"{_W}val"))
            if own is not None:
                self._abstract[number] = pointer.get(f"{_W}val")
                self._levels[number] = dict(_level(level) for level in own.iter(f"{_W}lvl"))

    def label(self, paragraph: Any) -> str:
        """Return what Word prints before a paragraph, "" where it prints nothing, or a bullet."""
        number, level = self._place(paragraph)
        levels = self._levels.get(number)
        if not levels or level not in levels:
            return ""
        counts = self._counts.setdefault(self._abstract[number], {})
        counts[level] = counts.get(level, levels[level][2] - 1) + 1
        for deeper in [one for one in counts if one > level]:
            del counts[deeper]
        form, text, _ = levels[level]
        if form in ("bullet", "none"):
            return ""
        for place in range(level + 1):
            style, _, start = levels.get(place, ("decimal", "", 1))
            text = text.replace(f"%{place + 1}", _printed(style, counts.get(place, start)))
        return text if text.endswith(("、", "）", ")", "．")) else f"{text} "

    def _place(self, paragraph: Any) -> tuple[str, int]:
        """Return the list and the level of a paragraph, its own or that of its style."""
        properties = paragraph._p.pPr
        style = paragraph.style
        while True:
            found = properties.find(f"{_W}numPr") if properties is not None else None
            if found is not None:
                number, level = found.find(f"{_W}numId"), found.find(f"{_W}ilvl")
                if number is not None:
                    depth = int(level.get(f"{_W}val")) if level is not None else 0
                    return number.get(f"{_W}val"), depth
            if style is None:
                return "", 0
            properties, style = style.element.find(f"{_W}pPr"), style.base_style


def _level(level: Any) -> tuple[int, tuple[str, str, int]]:
    """Return a level's depth, and how its number is written, in what text, from which number."""

    def value(name: str, default: str) -> str:
        found = level.find(f"{_W}{name}")
        return str(found.get(f"{_W}val")) if found is not None else default

    start = value("start", "1")
    return int(level.get(f"{_W}ilvl")), (
        value("numFmt", "decimal"),
        value("lvlText", ""),
        int(start) if start.isdigit() else 1,
    )


def _printed(form: str, number: int) -> str:
    if form in _HAN:
        return numeral_of(number)
    if form in ("lowerLetter", "upperLetter"):
        letter = chr(ord("a") + (number - 1) % 26)
        return letter.upper() if form == "upperLetter" else letter
    if form in ("lowerRoman", "upperRoman"):
        text, rest = "", number
        for value, letters in _ROMAN:
            while rest >= value:
                text, rest = text + letters, rest - value
        return text.upper() if form == "upperRoman" else text
    return str(number)
