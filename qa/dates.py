"""When a text says that it applies, until when, and which rules it puts out of force."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from qa.text import normalise, number_of

_NUMBER = r"[\d\u3007零一二三四五六七八九十]+"
_DAY = rf"(?P<year>{_NUMBER})\s*年\s*(?P<month>{_NUMBER})\s*月\s*(?P<day>{_NUMBER})\s*日"
_EFFECTIVE = re.compile(rf"自\s*{_DAY}\s*起\s*(?:正式)?(?:施行|实施|生效|执行|试行)")
_UNTIL = re.compile(
    rf"(?:有效期|施行期限|实施期限|执行期限|试行期)\s*(?:限)?\s*(?:截?至|到|截止到?)\s*{_DAY}"
)
_YEARS = re.compile(rf"(?:有效期|试行期|施行期限)\s*(?:限)?\s*为?\s*(?P<years>{_NUMBER}|两)\s*年")
_TERM = re.compile(
    r"[（(]\s*(?P<first>(?:19|20)\d\d)\s*年?\s*[－—–~\uff5e\-至]+\s*(?P<last>(?:19|20)\d\d)\s*年?\s*[)）]"
)
_REPEALED = re.compile(
    r"(?P<rules>《[^《》]{2,80}》[^。；《》]{0,80}(?:[、，和及]\s*《[^《》]{2,80}》[^。；《》]{0,80})*)"
    r"(?:同时|即行|予以|相应)?废止"
)
_TIME = r"(?:[t\s]+\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)?"
_CELL_DAY = re.compile(
    rf"(?P<year>\d{{4}}|[〇零一二三四五六七八九]{{4}})(?:\s*[-/.年]\s*)(?P<month>{_NUMBER})(?:\s*[-/.月]\s*)"
    rf"(?P<day>{_NUMBER})\s*[日号]?{_TIME}"
    r"|(?P<year8>(?:19|20)\d\d)(?P<month8>\d\d)(?P<day8>\d\d)"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ENGLISH_DAY = re.compile(
    r"(?:(?P<number>\d{1,2})(?:st|nd|rd|th)?[\s-]+(?P<name>[a-z]{3,9})\.?"
    r"|(?P<first>[a-z]{3,9})\.?\s+(?P<second>\d{1,2})(?:st|nd|rd|th)?),?[\s-]+(?P<year>\d{4})"
)
_DAY_LAST = re.compile(r"(?P<one>\d{1,2})[-/.](?P<other>\d{1,2})[-/.](?P<year>\d{4})")
_TITLE = re.compile(r"《([^《》]{2,80})》")


@dataclass(frozen=True, slots=True)
class Dates:
    """What a text says of its own force; None and () where it says nothing."""

    effective: date | None = None
    expires: date | None = None
    repeals: tuple[str, ...] = ()


def read_dates(title: str, text: str) -> Dates:
    """Return the dates that a document's title and text give, and the titles it repeals.

    >>> read_dates("某办法", "本办法自2020年5月1日起施行，有效期为两年。").expires.isoformat()
    '2022-04-30'
    """
    effective = _last(_EFFECTIVE, text)
    expires = _last(_UNTIL, text)
    if expires is None and effective is not None and (match := _YEARS.search(text)):
        expires = _years_later(effective, _value(match["years"]))
    if expires is None and (match := _TERM.search(title)):
        expires = date(int(match["last"]), 12, 31)
    repeals = [
        name
        for match in _REPEALED.finditer(text)
        for name in _TITLE.findall(match["rules"])
        if name != title
    ]
    return Dates(effective, expires, tuple(dict.fromkeys(repeals)))


def read_day(text: str) -> date | None:
    """Return the day that a cell of a table names, None where it is none or might be another.

    >>> [str(read_day(one)) for one in ("2026/1/5", "二〇二六年一月五日", "5 Jan 2026", "46027")]
    ['2026-01-05', '2026-01-05', '2026-01-05', '2026-01-05']
    >>> read_day("1/5/2026") is None, str(read_day("25/1/2026"))
    (True, '2026-01-25')
    """
    said = normalise(text).strip()
    if match := _CELL_DAY.fullmatch(said):
        end = "" if match["year"] else "8"
        return _day_of(*(match[name + end] for name in ("year", "month", "day")))
    if match := _ENGLISH_DAY.fullmatch(said):
        name = (match["name"] or match["first"])[:3]
        if name in _MONTHS:
            month = _MONTHS.index(name) + 1
            return _day_of(match["year"], str(month), match["number"] or match["second"])
    if match := _DAY_LAST.fullmatch(said):
        one, other = int(match["one"]), int(match["other"])
        if one > 12 or other > 12 or one == other:
            return _day_of(match["year"], str(min(one, other)), str(max(one, other)))
    if said.isdecimal() and len(said) == 5:  # as Excel counts days
        return date(1899, 12, 30) + timedelta(days=int(said))
    return None


def _day_of(year: str, month: str, day: str) -> date | None:
    try:
        return date(_value(year), _value(month), _value(day))
    except ValueError:
        return None


def _last(pattern: re.Pattern[str], text: str) -> date | None:
    """Return the last date that a pattern finds: its own clause stands at the end of a rule."""
    found = [day for match in pattern.finditer(text) if (day := _day(match))]
    return found[-1] if found else None


def _day(match: re.Match[str]) -> date | None:
    try:
        return date(*(_value(match[name]) for name in ("year", "month", "day")))
    except ValueError:
        return None


def _value(numeral: str) -> int:
    try:
        return number_of(numeral)
    except ValueError:
        return 0


def _years_later(day: date, years: int) -> date | None:
    """Return the last day of a term of whole years that begins on a day."""
    if not 0 < years <= 100:
        return None
    last = calendar.monthrange(day.year + years, day.month)[1]
    return day.replace(year=day.year + years, day=min(day.day, last)) - timedelta(days=1)
