"""What quantity a question asks for, and which quantities a text holds: money, shares, times."""

from __future__ import annotations

import re
from enum import IntFlag


class Quantity(IntFlag):
    """Kinds of quantity; a text may hold several."""

    NONE = 0
    MONEY = 1
    SHARE = 2
    TIME = 4
    DATE = 8
    COUNT = 16


_N = r"(?:\d[\d.,]*|[〇零一二三四五六七八九十百千万亿两]+)\s*(?:余|多)?\s*"
_EN = r"(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|sixty|hundred)"
_CLASSIFIER = "[家个项名人件次种所座处位辆台套亩吨类批倍岁条部]|平方|公里|公顷"
_FEW = r"(?:\d{1,3}(?:\.\d+)?(?!\d)|[零一二三四五六七八九十百两]+)\s*(?:余|多)?\s*"
_PERIOD = "(?:个?(?:工作日|自然日|交易日|小时|季度|月(?!\\d))|日|天|年|年度|周|分钟)"

_HELD: tuple[tuple[Quantity, re.Pattern[str]], ...] = (
    (
        Quantity.MONEY,
        re.compile(rf"{_N}(?:[百千万亿]*(?:美|港|欧)?元)|{_EN}.{{0,20}}\b(?:yuan|rmb)\b"),
    ),
    (
        Quantity.SHARE,
        re.compile(rf"{_N}[%‰]|百分之|千分之|[一二三四五六七八九十]分之|{_N}倍|per ?cent"),
    ),
    (
        Quantity.TIME,
        re.compile(
            rf"(?<![\d月.]){_FEW}{_PERIOD}|每[年季月周日半]|"
            rf"{_EN}\W+(?:working |business )?(?:day|month|year|hour|week)s?\b"
        ),
    ),
    (Quantity.DATE, re.compile(rf"(?:19|20)\d\d(?:年|\b)|{_N}月{_N}日|每年|二[\u3007零]..年")),
    (Quantity.COUNT, re.compile(rf"{_N}(?:{_CLASSIFIER})|\b{_EN}\b")),
)
_ASKED: tuple[tuple[Quantity, re.Pattern[str]], ...] = (
    (
        Quantity.MONEY,
        re.compile(
            r"多少钱|多少[百千万亿]*(?:美|港)?元|几[百千万]*(?:块钱|元)|[罚赔补奖]多少|资助多少|多大金额|"
            r"\bhow much (?:money|can|does|do|is|will|must|are|was|did|would)\b|"
            r"\bhow (?:big|large|high) (?:a|an|is|are|was)?\b.{0,12}\b"
            r"(?:fine|fund|grant|subsidy|penalty|loan|allowance)|"
            r"\bwhat (?:is the )?(?:fine|fee|cost|price|amount|rent|salary|wage|budget)\b"
        ),
    ),
    (
        Quantity.SHARE,
        re.compile(
            r"百分之[几多]|比例|占比|比重|几成|几倍|多少倍|利率|税率|费率|"
            r"\bwhat (?:percentage|proportion|share|rate|portion)\b|\bhow much of\b|\bpercentage\b|"
            r"\b(?:interest|tax|vat) rate\b|\bhow many times\b"
        ),
    ),
    (
        Quantity.TIME,
        re.compile(
            r"多久|多长时间|多长|[几多]少?个?(?:工作日|天|日|月|年|小时)|期限|时限|有效期|"
            r"\bhow (?:long|soon|often|quickly)\b|"
            r"\bhow many (?:\w+ )?(?:days|months|years|hours|weeks)\b|"
            r"\bdeadline\b|\btime limit\b|\bwithin what\b"
        ),
    ),
    (
        Quantity.DATE,
        re.compile(
            r"什么时候|何时|啥时候|哪一?年|哪天|几月|几号|什么日期|截止|"
            r"(?:^|[,.;?!]\s*)(?:and |so )?when "
            r"(?:did|does|do|is|was|will|must|can|should|are|were)\b|"
            r"\bwhat (?:date|year|day)\b|\bwhich (?:year|month|day)\b|\bby what year\b"
        ),
    ),
    (
        Quantity.COUNT,
        re.compile(
            rf"多少|(?<!哪)几(?:{_CLASSIFIER})|\bhow (?:many|much)\b|\bwhat number\b|\bnumber of\b"
        ),
    ),
)


_BARE = re.compile(rf"多少(?!{_CLASSIFIER})")


def asked_quantities(question: str) -> Quantity:
    """Return the kinds of quantity that a normalised question asks for; the nearest kind alone.

    >>> asked_quantities("要交多少万元？"), asked_quantities("how many days do I have?")
    (<Quantity.MONEY: 1>, <Quantity.TIME: 4>)
    """
    found = Quantity.NONE
    for kind, pattern in _ASKED:
        if pattern.search(question) and not (kind is Quantity.COUNT and found):
            found |= kind
    if found == Quantity.COUNT and _BARE.search(question):
        found |= Quantity.MONEY | Quantity.SHARE  # 能分到多少: nothing says of what
    if found & (Quantity.TIME | Quantity.DATE):
        found |= Quantity.TIME | Quantity.DATE if found & Quantity.DATE else Quantity.TIME
    return found


def held_quantities(text: str) -> Quantity:
    """Return the kinds of quantity that stand in a normalised text, Chinese or English."""
    found = Quantity.NONE
    for kind, pattern in _HELD:
        if pattern.search(text):
            found |= kind
    return found
