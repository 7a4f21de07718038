"""The numbers that a text states, in any form: 30日 = 三十日, 50％ = 百分之五十, 1,800万元."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from qa.text import number_of

_HAN = r"[〇零一二三四五六七八九十百千两]+(?:万[零一二三四五六七八九十百千]*)?(?:亿)?"
_UNIT = (
    r"个?(?:工作日|自然日|交易日|小时|分钟|季度|年度|平方|公里|公顷|万元|亿元)|个月|"
    r"[日天月年周元倍家项人名次件岁亩吨所座处位辆台套成米个种类批部]"
)
_FORMS = re.compile(
    rf"(?P<share>[百千万])分之(?P<of>\d[\d.]*|{_HAN})"
    rf"|(?P<digits>\d[\d,]*(?:\.\d+)?)\s*(?P<scale>[百千万亿]+|thousand|million|billion)?\s*"
    r"(?P<percent>[%％]|per\s?cent)?"
    rf"|(?P<han>{_HAN})(?=\s*(?:多|余)?\s*(?:[万亿]|{_UNIT}))(?P<hanscale>[万亿]*)"
    r"|\b(?P<word>two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|"
    r"thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred)\b\s*(?P<wordpercent>per\s?cent)?",
    re.IGNORECASE,
)
_SCALES = {
    **{"百": 10**2, "千": 10**3, "万": 10**4, "亿": 10**8},
    **{"thousand": 10**3, "million": 10**6, "billion": 10**9},
}
_WORDS = {
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9},
    **{"ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30},
    **{"forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90},
    "hundred": 100,
}
# Numbers that state nothing: marks of lists, ordinals, numbers of documents, words like 一般.
_NOT_STATED = re.compile(
    r"《[^《》]*》|〔\d+〕\s*\d*\s*号?|\[\d+\]|^\s*\d{1,2}\s*[.、．)）](?!\d)|[（(]\s*[\d一二三四五六七八九十]{1,3}\s*[）)]"
    r"|第\s*[\d\u3007零一二三四五六七八九十百千]+|十四五|十三五|[一二三四五六七八九十]、"
    r"|一(?:个|种|项|类|次|部|名|位|家|年一度)?(?=[般些切致定同起样律体])|[一二]者|十分",
    re.MULTILINE,
)


_HAN_YEAR = r"[\u3007零一二三四五六七八九]{4}"
_SMALL = r"\d{1,2}|[一二三四五六七八九十]{1,3}"
_MONTHS = "january february march april may june july august september october november december"
_MONTH_NUMBERS = {name[:3]: number for number, name in enumerate(_MONTHS.split(), 1)}
_MONTH = rf"(?:{'|'.join(f'{name[:3]}(?:{name[3:]})?' for name in _MONTHS.split())})\.?"
_DATES = re.compile(
    rf"(?P<y>(?:19|20)\d\d|{_HAN_YEAR})\s*年\s*(?P<m>{_SMALL})\s*月(?:\s*(?P<d>{_SMALL})\s*[日号])?"
    rf"|(?P<m2>{_SMALL})\s*月\s*(?P<d2>{_SMALL})\s*[日号]"
    r"|\b(?P<y3>(?:19|20)\d\d)[-./](?P<m3>\d{1,2})[-./](?P<d3>\d{1,2})\b"
    rf"|\b(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<m4>{_MONTH}),?\s+(?P<y4>(?:19|20)\d\d)\b"
    rf"|\b(?P<m5>{_MONTH})(?:\s+(?P<d5>\d{{1,2}})(?:st|nd|rd|th)?,?)?\s+(?P<y5>(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_UNITS = (
    ("point", r"个?百分点|percentage\s+points?"),
    ("workday", r"个?(?:工作日|交易日)|(?:working|business|trading)[\s-]+days?"),
    ("day", r"个?(?:自然)?[日天]|(?:calendar[\s-]+)?days?"),
    ("month", r"个?月|months?"),
    ("year", r"个?(?:周年|年度?)|years?"),
    ("hour", r"个?小时|hours?"),
    ("yuan", r"元|yuan|rmb|cny"),
    ("person", r"[名位]|人(?!次)|people|persons?"),
    ("times", r"倍|times"),
)
_UNIT_BEHIND = re.compile(
    r"\s*-?\s*(?:多|余)?(?:" + "|".join(f"(?P<{name}>{form})" for name, form in _UNITS) + ")",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that a text states: its value, its unit ("" where none is known), its span.

    A `date` has the value 20200501 or, without its day, 202005; a `monthday` 501.
    """

    value: Decimal
    unit: str
    start: int
    end: int

    @property
    def is_percent(self) -> bool:
        """Return whether it is a share of a hundred."""
        return self.unit == "%"

    def stands_in(self, others: Iterable[Amount]) -> bool:
        """Return whether one of others says the same; a date may be said without its day."""
        return any(_same(self, other) for other in others)


def find_amounts(text: str) -> list[Amount]:
    """Return the numbers that a text states, in order; numbers of articles and lists are none.

    >>> [(str(one.value), one.unit) for one in find_amounts("三十日内，不低于百分之五十")]
    [('30', 'day'), ('50', '%')]
    """
    plain = _NOT_STATED.sub(lambda match: " " * len(match[0]), text)
    found = []
    for match in _DATES.finditer(plain):
        date = _date(match)
        if date is not None:
            found.append(date)
            plain = plain[: date.start] + " " * (date.end - date.start) + plain[date.end :]
    for match in _FORMS.finditer(plain):
        amount = _amount(match)
        if amount is not None:
            found.append(amount)
    return sorted(found, key=lambda one: one.start)


def _same(one: Amount, other: Amount) -> bool:
    said, held = f"{one.value:f}", f"{other.value:f}"
    if one.unit == "date":
        return other.unit == "date" and (held.startswith(said) or said == held)
    if one.unit == "monthday":
        return other.unit in ("date", "monthday") and held[-4:].zfill(4) == said.zfill(4)
    if other.unit == "date":
        return one.unit in ("", "year") and len(said) == 4 and held.startswith(said)
    same_unit = one.unit == other.unit or (
        not {one.unit, other.unit} & {"%"} and (not one.unit or not other.unit)
    )
    return one.value == other.value and same_unit


def _date(match: re.Match[str]) -> Amount | None:
    groups = {name[0]: value for name, value in match.groupdict().items() if value}
    try:
        month = groups["m"]
        numbers = [
            number_of(groups.get("y", "0")),
            _MONTH_NUMBERS.get(month[:3].lower()) or number_of(month),
            number_of(groups.get("d", "0")),
        ]
    except ValueError:
        return None
    if not (1 <= numbers[1] <= 12 and numbers[2] <= 31):
        return None
    text = "".join(f"{one:02d}" for one in numbers if one)
    return Amount(Decimal(text), "date" if numbers[0] else "monthday", *match.span())


def _amount(match: re.Match[str]) -> Amount | None:
    groups = {name: value for name, value in match.groupdict().items() if value}
    unit = "%" if {"percent", "wordpercent"} & groups.keys() else ""
    try:
        if "share" in groups:
            part = _decimal(groups["of"])
            value, unit = part * 100 / _SCALES[groups["share"]], "%"
        elif "digits" in groups:
            value = Decimal(groups["digits"].replace(",", "").rstrip("."))
            value *= _scale(groups.get("scale", ""))
        elif "han" in groups:
            value = Decimal(number_of(groups["han"])) * _scale(groups.get("hanscale", ""))
        else:
            value = Decimal(_WORDS[groups["word"].lower()])
    except (ValueError, InvalidOperation):
        return None
    behind = _UNIT_BEHIND.match(match.string, match.end())
    if not unit and behind:
        unit = behind.lastgroup or ""
    return Amount(Decimal(value).normalize() + 0, unit, *match.span())


def _scale(text: str) -> int:
    if text.lower() in _SCALES:
        return _SCALES[text.lower()]
    product = 1
    for sign in text:
        product *= _SCALES[sign]
    return product


def _decimal(text: str) -> Decimal:
    return Decimal(text) if text[0].isdigit() and text.isascii() else Decimal(number_of(text))
