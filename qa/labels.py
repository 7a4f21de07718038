"""How a clause, a paragraph (款) or an item (项) is cited, in Chinese and in English."""

from __future__ import annotations

import functools
import re

from qa.models import Clause
from qa.numbering import Level, Mark, opening_of
from qa.text import numeral_of

_ROMAN = ((50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
_FIXED = {"前言": "Preamble", "末段": "Closing provisions"}
_ENGLISH = {
    Level.VOLUME: "Book",
    Level.PART: "Part",
    Level.CHAPTER: "Chapter",
    Level.SECTION: "Section",
    Level.ARTICLE: "Article",
}


def label_of(clause: Clause, paragraph: int = 0, item: str = "") -> str:
    """Return the Chinese label, down to the paragraph where the clause has several.

    第二十五条第二款; in a document without articles 二（四）8第2段.
    """
    label = clause.label
    if paragraph and len(clause.paragraphs) > 1:
        if opening_of(clause.label).level is Level.ARTICLE and clause.label[0] == "第":
            label += f"第{numeral_of(paragraph)}款"
        else:
            label += f"第{paragraph}段"
    return label + (f"第{item}项" if item else "")


def label_en(clause: Clause, paragraph: int = 0, item: str = "") -> str:
    """Return the English label: Article 25, paragraph 2; Part II (4) 8."""
    label = _clause_en(clause.label, clause.key)
    if paragraph and len(clause.paragraphs) > 1:
        label += f", paragraph {paragraph}"
    if item:
        label += f", item {_item_en(item)}"
    return label


@functools.lru_cache(maxsize=10_000)
def _clause_en(printed: str, key: str) -> str:
    if printed in _FIXED:
        return _FIXED[printed]
    if match := re.fullmatch(r"第(\d+)(?:—(\d+))?段", printed):
        return f"Passage {match.group(1)}" + (f"–{match.group(2)}" if match.group(2) else "")
    if match := re.match(r"annex-(\d+)", key):
        return f"Annex {match.group(1)}"
    label, _, heading = printed.partition("“")
    suffix = f" “{heading}" if heading else ""
    mark = opening_of(label)
    if mark.level in _ENGLISH:
        return f"{_ENGLISH[mark.level]} {'-'.join(map(str, mark.numbers))}{suffix}"
    if re.match(r"\d+\.\d", label):
        return f"Section {label}{suffix}"
    return (_outline_en(label) + suffix).strip()


def _outline_en(label: str) -> str:
    """Return an outline label in English: 二（四）8 → Part II (4) 8."""
    parts: list[str] = []
    rest = label
    while rest:
        mark = opening_of(rest) or opening_of(rest + "、") or opening_of(rest + ".")
        if not mark:
            match = re.match(r"[一二三四五六七八九十百]+|[（(].+?[）)]|\d+|.", rest)
            text = match.group() if match else rest
            mark = opening_of(text + "、") or opening_of(text)
            width = len(text)
        else:
            width = min(mark.width, len(rest))
        parts.append(_mark_en(mark, rest[:width]))
        rest = rest[width:].lstrip("、")
    return " ".join(part for part in parts if part)


def _mark_en(mark: Mark, text: str) -> str:
    if not mark:
        return text
    number = mark.numbers[-1]
    if mark.level is Level.HAN:
        return f"Part {_roman(number)}"
    return f"({number})" if mark.level is Level.HAN_BRACKET else str(number)


def _item_en(item: str) -> str:
    mark = opening_of(item)
    return f"({mark.numbers[-1]})" if mark else item


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        while number >= value:
            text, number = text + letters, number - value
    return text
