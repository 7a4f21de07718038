"""The numbers that a text states, in any form: 30日 = 三十日, 50％ = 百分之五十, 1,800万元."""

from __future__ import annotations

import re
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


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that a text states: its value, whether it is a share of a hundred, its span."""

    value: Decimal
    is_percent: bool
    start: int
    end: int


def find_amounts(text: str) -> list[Amount]:
    """Return the numbers that a text states, in order; numbers of articles and lists are none.

    >>> [(str(one.value), one.is_percent) for one in find_amounts("三十日内，不低于百分之五十")]
    [('30', False), ('50', True)]
    """
    plain = _NOT_STATED.sub(lambda match: " " * len(match[0]), text)
    found = []
    for match in _FORMS.finditer(plain):
        amount = _amount(match)
        if amount is not None:
            found.append(amount)
    return found


def _amount(match: re.Match[str]) -> Amount | None:
    groups = {name: value for name, value in match.groupdict().items() if value}
    is_percent = bool({"percent", "wordpercent"} & groups.keys())
    try:
        if "share" in groups:
            part = _decimal(groups["of"])
            value, is_percent = part * 100 / _SCALES[groups["share"]], True
        elif "digits" in groups:
            value = Decimal(groups["digits"].replace(",", "").rstrip("."))
            value *= _scale(groups.get("scale", ""))
        elif "han" in groups:
            value = Decimal(number_of(groups["han"])) * _scale(groups.get("hanscale", ""))
        else:
            value = Decimal(_WORDS[groups["word"].lower()])
    except (ValueError, InvalidOperation):
        return None
    return Amount(Decimal(value).normalize() + 0, is_percent, *match.span())


def _scale(text: str) -> int:
    if text.lower() in _SCALES:
        return _SCALES[text.lower()]
    product = 1
    for sign in text:
        product *= _SCALES[sign]
    return product


def _decimal(text: str) -> Decimal:
    return Decimal(text) if text[0].isdigit() and text.isascii() else Decimal(number_of(text))
