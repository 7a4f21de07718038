"""The marks that open a part, an article or a point: 第三章, 第二十五条, 一、, （一）, 1., 5.1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from qa.text import number_of

NUMERAL = r"[〇零一二三四五六七八九十百千万两\d]+"


class Level(IntEnum):
    """Kinds of marks from the outermost in; the order is that of official writing."""

    NONE = 0
    VOLUME = 1  # 第一编
    PART = 2  # 第一部分, 第一分编
    CHAPTER = 3  # 第一章
    SECTION = 4  # 第一节
    ARTICLE = 5  # 第一条, Article 1
    HAN = 6  # 一、
    DOTTED = 7  # 5.1
    HAN_BRACKET = 8  # （一）
    ARABIC = 9  # 1.  1、
    ARABIC_BRACKET = 10  # （1）
    CIRCLED = 11  # ①


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark at the start of a line: its level, its number parts, how it is printed.

    `width` counts the characters of mark and space; `spaced` says whether a space follows.
    """

    level: Level
    numbers: tuple[int, ...]
    label: str
    width: int
    spaced: bool

    def __bool__(self) -> bool:
        return self.level is not Level.NONE


NO_MARK = Mark(Level.NONE, (), "", 0, False)

_SPACE = r"(?P<space>[\s\u3000]*)"
_MARKS: tuple[tuple[Level, re.Pattern[str]], ...] = (
    (
        Level.ARTICLE,
        re.compile(rf"第\s*(?P<n>{NUMERAL})\s*条(?:\s*之\s*(?P<m>{NUMERAL}))?{_SPACE}"),
    ),
    (
        Level.ARTICLE,
        re.compile(rf"(?:Article|ARTICLE)\s+(?P<n>\d+)(?:-(?P<m>\d+))?[.:]?{_SPACE}(?![\w,)])"),
    ),
    (Level.VOLUME, re.compile(rf"第\s*(?P<n>{NUMERAL})\s*[编篇]{_SPACE}")),
    (Level.PART, re.compile(rf"第\s*(?P<n>{NUMERAL})\s*(?:部分|分编){_SPACE}")),
    (
        Level.CHAPTER,
        re.compile(rf"第\s*(?P<n>{NUMERAL})\s*章(?:\s*之\s*(?P<m>{NUMERAL}))?{_SPACE}"),
    ),
    (
        Level.CHAPTER,
        re.compile(rf"(?:Chapter|CHAPTER)\s+(?P<n>\d+|[IVXLC]+)[.:]?{_SPACE}(?=\s|[A-Z]|$)"),
    ),
    (Level.SECTION, re.compile(rf"第\s*(?P<n>{NUMERAL})\s*节{_SPACE}")),
    (Level.HAN, re.compile(rf"(?P<n>[一二三四五六七八九十百]+)\s*[、．]{_SPACE}")),
    (Level.HAN_BRACKET, re.compile(rf"[（(]\s*(?P<n>[一二三四五六七八九十百]+)\s*[）)]{_SPACE}")),
    (
        Level.DOTTED,
        re.compile(
            rf"(?P<n>\d{{1,2}})[.．](?P<m>\d{{1,2}})(?:[.．](?P<o>\d{{1,2}}))?(?![\d.%％]){_SPACE}"
        ),
    ),
    (Level.ARABIC, re.compile(rf"(?P<n>\d{{1,3}})\s*[.．、](?!\d){_SPACE}")),
    (
        Level.ARABIC_BRACKET,
        re.compile(rf"(?:[（(]\s*(?P<n>\d{{1,3}})\s*[）)]|(?P<m>\d{{1,2}})[)）]){_SPACE}"),
    ),
    (Level.CIRCLED, re.compile(rf"(?P<n>[①-⑳]){_SPACE}")),
)
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
# What follows 第二十五条 in a reference rather than in an opening.
_REFERENCE = re.compile(
    r"(?:第|的|和|与|及|或|至|、|，|规定|所|之规定|中|以外|修改|款|项|\uff5e|—|-|）|」|》)"
)


def opening_of(line: str) -> Mark:
    """Return the mark a line opens with, NO_MARK where it opens with none.

    >>> opening_of("第二十五条 本市通过").numbers
    (25,)
    >>> bool(opening_of("第二十五条第二款规定的单位"))
    False
    """
    text = line.lstrip()
    for level, pattern in _MARKS:
        match = pattern.match(text)
        if match is None:
            continue
        space = match.group("space")
        rest = text[match.end() :]
        if level <= Level.ARTICLE and not space and _REFERENCE.match(rest):
            return NO_MARK
        if (
            level is Level.DOTTED
            and rest
            and not re.match(r"(?![万亿千百倍个元成])[^\W\d_]|[“《（]", rest)
        ):
            return NO_MARK
        numbers = tuple(
            _number(one) for one in match.groupdict(default="").values() if one and one != space
        )
        label = text[: match.end()].rstrip()
        if level in (Level.CHAPTER, Level.SECTION, Level.VOLUME, Level.PART) and len(rest) > 60:
            return NO_MARK
        return Mark(
            level, numbers, label, len(line) - len(text) + match.end(), bool(space) or not rest
        )
    return NO_MARK


def _number(numeral: str) -> int:
    if "①" <= numeral <= "⑳":
        return ord(numeral) - ord("①") + 1
    if all(one in _ROMAN for one in numeral):
        values = [_ROMAN[one] for one in numeral]
        return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
    return number_of(numeral)


def continues(line: str, seen: Sequence[str]) -> bool:
    """Return whether a line's mark goes on from the marks of the lines before it.

    The first of a kind counts from one; a later one follows the last of its kind, or repeats it
    with a 之一.
    """
    mark = opening_of(line)
    if not mark:
        return False
    for before in reversed(seen):
        last = opening_of(before)
        if last.level is mark.level:
            return follows(mark.numbers, last.numbers)
    return mark.numbers[-1] == 1


def follows(numbers: tuple[int, ...], last: tuple[int, ...]) -> bool:
    """Return whether a number comes right after another: 26 or 25-1 after 25, 5.2 after 5.1."""
    if numbers[:-1] == last:
        return numbers[-1] in (1, 2)
    if len(numbers) == len(last):
        return numbers in ((*last[:-1], last[-1] + 1), (last[0] + 1, 1))
    return len(numbers) < len(last) and numbers[-1] == last[len(numbers) - 1] + 1
