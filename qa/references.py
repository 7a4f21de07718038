"""Text → the articles, paragraphs and items that it names: 第二十五条第二款, Art. 25(2).

Lists and ranges give a reference for each: 第三条至第五条、第八条; Articles 3 to 5 and 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qa.models import Reference
from qa.numbering import NUMERAL
from qa.text import number_of

MOST = 50  # references that one text may bring
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50}
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth"),
    *("sixth", "seventh", "eighth", "ninth", "tenth"),
)

_TO = r"(?:[-－—–~\uff5e]|至|到)"
_AND = r"(?:[、,，]|和|及|与|或)"
_SEP = rf"\s*(?:{_TO}|{_AND})\s*"
_BRACKETED = rf"[（(]?\s*{NUMERAL}\s*[）)]?"
_ARTICLES = (
    rf"第\s*(?P<articles>{NUMERAL}(?:{_SEP}(?:第\s*)?{NUMERAL})*)\s*条"
    rf"(?:\s*之\s*(?P<sub>[一二三四五六七八九十\d]+))?"
)
_PARAGRAPHS = rf"(?:\s*的?\s*第?\s*(?P<paragraphs>{NUMERAL}(?:\s*款?{_SEP}第?\s*{NUMERAL})*)\s*款)?"
_ITEMS = rf"(?:\s*的?\s*第?\s*(?P<items>{_BRACKETED}(?:\s*项?{_SEP}第?\s*{_BRACKETED})*)\s*[项目])?"
_CHINESE = re.compile(_ARTICLES + _PARAGRAPHS + _ITEMS)
_SAME = re.compile(r"(?P<same>[同该]条)\s*(?=第)" + _PARAGRAPHS + _ITEMS)
_SHORT = re.compile(
    rf"(?<=[例法定案见则程])\s*(?P<articles>\d{{1,4}}(?:{_SEP}\d{{1,4}})*)\s*条"
    + _PARAGRAPHS
    + _ITEMS
)
_BARE = re.compile(r"^\s*(?P<articles>\d{1,4})\s*条" + _PARAGRAPHS + _ITEMS)
_TASK = re.compile(rf"第\s*(?P<articles>{NUMERAL})\s*[项个]?\s*(?:重点|主要)?(?:任务|措施|工作)")
_SEGMENT = r"(?:\s*第\s*(?P<segment>\d{1,2})\s*段)?"
_POINT = re.compile(
    r"(?:第\s*)?(?P<part>[一二三四五六七八九十]+)\s*(?:部分|、)?\s*(?:的?第)?\s*"
    r"[（(]\s*(?P<group>[一二三四五六七八九十]+)\s*[）)]\s*(?:[条点]|部分)?\s*(?:第?\s*(?P<point>\d{1,3})(?!\s*[段\d]))?"
    rf"{_SEGMENT}"
)
# As our own labels have it, behind a title: 《…意见》三、12第1段.
_PLACE = re.compile(
    r"(?<=[》见案告究划知])\s*第?\s*(?P<part>[一二三四五六七八九十]{1,3})、\s*"
    rf"(?P<point>\d{{1,3}})(?![\d.年月日%])(?:\s*[条点])?{_SEGMENT}"
)

# Sections with decimal numbers: 第5.1节, 《…》5.1第1段; Section 5.1, paragraph 1.
_DECIMAL = re.compile(
    rf"(?:第\s*(?P<dotted>\d{{1,2}}(?:\.\d{{1,2}}){{1,3}})\s*(?:节|条|部分)"
    rf"|(?<=》)\s*(?P<behind>\d{{1,2}}(?:\.\d{{1,2}}){{1,3}})(?![\d.年月日%]))"
    rf"(?:\s*“[^”]{{1,40}}”?)?{_SEGMENT}"
)
_DECIMAL_EN = re.compile(
    r"\bsection\s*(?P<dotted>\d{1,2}(?:\.\d{1,2}){1,3})(?:\s*“[^”]{1,40}”?)?"
    r"(?:,?\s*paragraph\s*(?P<segment>\d{1,2})\b)?",
    re.IGNORECASE,
)

_EN_TO = r"(?:\s*[-–—]\s*|\s+(?:to|through)\s+)"
_EN_SEP = rf"(?:{_EN_TO}|\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*)"
_EN_PARAGRAPHS = (
    rf"(?:\s*\((?P<paragraphs>\d{{1,2}})\)|\s*,?\s*(?:paragraphs?|paras?\.?)\s*"
    rf"(?P<spelled>\d{{1,2}}(?:{_EN_SEP}\d{{1,2}})*)(?![\d)]))?"
)
_EN_ITEMS = (
    r"(?:\s*\((?P<items>\d{1,2})\)|\s*,?\s*(?:items?|sub-?paragraphs?|points?)\s*"
    rf"(?P<listed>\(?\d{{1,2}}\)?(?:{_EN_SEP}\(?\d{{1,2}}\)?)*))?"
)
_ONE = re.compile(
    r"\b(?:article|art\.?)\s*(?P<articles>\d{1,4})(?:-(?P<sub>\d{1,2}))?\b"
    + _EN_PARAGRAPHS
    + _EN_ITEMS,
    re.IGNORECASE,
)
_MANY = re.compile(
    rf"\b(?:articles|arts\.?)\s*(?P<articles>\d{{1,4}}(?:{_EN_SEP}\d{{1,4}})*)\b", re.IGNORECASE
)
_BEFORE = re.compile(
    r"\b(?:(?:item|point|subparagraph)\s*\(?(?P<items>\d{1,2})\)?,?\s*(?:of|in|,)?\s*)?"
    r"(?:(?:the\s+)?(?:(?:paragraphs?|paras?\.?)\s*(?P<paragraphs>\d{1,2})"
    rf"|(?P<ordinal>{'|'.join(_ORDINALS)}|\d(?:st|nd|rd|th))\s+paragraph))"
    r"\s*(?:of|in|,)?\s*(?:the\s+)?(?:article|art\.?)\s*(?P<articles>\d{1,4})\b",
    re.IGNORECASE,
)
_ITEM_BEFORE = re.compile(
    r"\b(?:item|point|subparagraph)\s*\(?(?P<items>\d{1,2})\)?,?\s*(?:of|in)\s+(?:the\s+)?"
    r"(?:article|art\.?)\s*(?P<articles>\d{1,4})\b",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\bpart\s+(?P<part>[IVXL]+|\d{1,2})\b(?:,?\s*\((?P<group>\d{1,2})\))?(?:,?\s*(?P<point>\d{1,3})\b)?"
    r"(?:,?\s*paragraph\s*(?P<segment>\d{1,2})\b)?",
    re.IGNORECASE,
)
_PATTERNS = (
    *(_BEFORE, _ITEM_BEFORE, _MANY, _ONE, _CHINESE, _SAME, _SHORT, _BARE, _TASK),
    *(_DECIMAL, _DECIMAL_EN, _PLACE, _POINT, _PART),
)


def find_references(text: str) -> list[Reference]:
    """Return what a text names, in order: article, paragraph and item numbers with their spans.

    >>> [(one.numbers, one.paragraph) for one in find_references("第五十八条第二款和 Art. 25(2)")]
    [((58,), 2), ((25,), 2)]
    """
    matches: list[re.Match[str]] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if all(match.end() <= one.start() or one.end() <= match.start() for one in matches):
                matches.append(match)
    found: list[Reference] = []
    previous: re.Match[str] | None = None
    for match in sorted(matches, key=lambda one: one.start()):
        try:
            made = list(_references(match, found))
        except ValueError:
            continue
        if previous is not None and found and made:
            between = text[previous.end() : match.start()].strip()
            if re.fullmatch(_TO, between) or between in ("to", "through"):
                made = [*_filled(found[-1], made[0]), *made]
        found += made
        previous = match
    return found[:MOST]


def _references(match: re.Match[str], before: list[Reference]) -> Iterator[Reference]:
    """Yield the references of one match; raises ValueError where a numeral is none."""
    groups = {name: value for name, value in match.groupdict().items() if value}
    span = match.span()
    dotted = groups.get("dotted", groups.get("behind", ""))
    if dotted:
        numbers = tuple(map(int, dotted.split(".")))
        yield Reference(numbers, int(groups.get("segment", "0")), 0, *span, outline=True)
        return
    if "part" in groups:
        parts = (groups.get(name) for name in ("part", "group", "point"))
        numbers = tuple(_number(part) for part in parts if part)
        yield Reference(numbers, int(groups.get("segment", "0")), 0, *span, outline=True)
        return
    if "same" in groups:
        if not before or not ({"paragraphs", "items"} & groups.keys()):
            return
        articles = [before[-1].numbers]
    else:
        articles = [(number,) for number in _numbers(groups["articles"])]
    if "sub" in groups:
        articles = [(*one, number_of(groups["sub"])) for one in articles]
    paragraphs = _numbers(groups.get("paragraphs", groups.get("spelled", "")))
    if "ordinal" in groups:
        said = groups["ordinal"].lower()
        paragraphs = [_ORDINALS.index(said) + 1 if said in _ORDINALS else int(said[0])]
    items = _numbers(groups.get("items", groups.get("listed", "")))
    for article in articles:
        for paragraph in paragraphs or [0]:
            for item in items or [0]:
                yield Reference(article, paragraph, item, *span)


def _filled(first: Reference, last: Reference) -> list[Reference]:
    """Return the articles between two that a range names."""
    if len(first.numbers) != 1 or len(last.numbers) != 1:
        return []
    between = range(first.numbers[0] + 1, min(last.numbers[0], first.numbers[0] + MOST))
    return [Reference((number,), 0, 0, first.start, last.end) for number in between]


def _numbers(text: str) -> list[int]:
    """Return the numbers of a list with its ranges: 三至五、八 → 3, 4, 5, 8."""
    found: list[int] = []
    after_range = False
    for piece in re.findall(rf"{NUMERAL}|{_TO}|\bto\b|\bthrough\b", text):
        if re.fullmatch(rf"{_TO}|to|through", piece):
            after_range = bool(found)
            continue
        number = number_of(piece)
        if after_range:
            found += range(found[-1] + 1, min(number, found[-1] + MOST))
        found.append(number)
        after_range = False
    return found


def _number(text: str) -> int:
    if text.upper().strip("IVXL"):
        return number_of(text)
    values = [_ROMAN[letter] for letter in text.upper()]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
