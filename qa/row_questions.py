"""The rows of a table → questions with their limits: language, documents, a day."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from qa.columns import Layout, Rows, cell
from qa.models import AnswerLanguage, Document, Question
from qa.text import number_of

_LANGUAGE = ("语言", "回答语言", "答案语言", "language", "answerlanguage")
_DOCUMENTS = ("文件", "文件范围", "限定文件", "适用文件", "document", "documents", "documentfilter")
_AS_OF = ("适用日期", "截至日期", "基准日期", "时点", "asof", "asofdate")
_LANGUAGES: Mapping[str, AnswerLanguage] = {
    **dict.fromkeys(("zh", "cn", "中文", "汉语", "chinese", "简体中文"), "zh"),
    **dict.fromkeys(("en", "英文", "英语", "english"), "en"),
    **dict.fromkeys(("auto", "自动"), "auto"),
}
_DAY = re.compile(r"(\d{4})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})\s*日?(?:\s+[\d:]+)?")
_HAN_DAY = re.compile(
    r"([\u3007零一二三四五六七八九]{4})年([一二三四五六七八九十]+)月([一二三四五六七八九十]+)日"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The columns that limit a question, -1 where there is none."""

    language: int = -1
    documents: int = -1
    as_of: int = -1


@dataclass(frozen=True, slots=True)
class RowQuestion:
    """What one row asks; `problem` says why it cannot be asked, "" where it can."""

    question: Question
    problem: str = ""

    @property
    def key(self) -> str:
        """Return what is the same for rows that have the same answer, "" for an empty row."""
        asked = self.question
        if not asked.text:
            return ""
        day = asked.as_of.isoformat() if asked.as_of else ""
        limits = [asked.language, ",".join(asked.documents), day]
        return asked.text if limits == ["auto", "", ""] else "\x1f".join([asked.text, *limits])


def find_limits(rows: Rows, layout: Layout) -> Limits:
    """Return the columns whose headings say that they limit the question, and nothing else."""
    if layout.header < 0:
        return Limits()
    header = [_plain(text) for text in rows[layout.header]]

    def place(names: Sequence[str]) -> int:
        return next((header.index(name) for name in names if name in header), -1)

    return Limits(place(_LANGUAGE), place(_DOCUMENTS), place(_AS_OF))


def read_rows(
    rows: Rows, layout: Layout, limits: Limits, documents: Sequence[Document]
) -> list[RowQuestion]:
    """Return what each row below the header asks."""
    names = _names(documents)
    return [_read(row, layout, limits, names) for row in rows[layout.header + 1 :]]


def _read(
    row: Sequence[str], layout: Layout, limits: Limits, names: Mapping[str, str]
) -> RowQuestion:
    text = cell(row, layout.question)
    plain = Question(text)
    if not text:
        return RowQuestion(plain)
    language, wanted, day = (
        cell(row, place) if place >= 0 else ""
        for place in (limits.language, limits.documents, limits.as_of)
    )
    spoken = _LANGUAGES.get(_plain(language), "auto")
    if language and _plain(language) not in _LANGUAGES:
        return RowQuestion(plain, f"the language {language!r} is neither 中文 nor 英文 (zh, en)")
    asked_of = [one for one in re.split(r"[;；,，、\n]", wanted) if one.strip()]
    ids = [names.get(_plain(one), "") for one in asked_of]
    if "" in ids:
        unknown = asked_of[ids.index("")]
        return RowQuestion(plain, f"there is no document {unknown.strip()!r}; name it as listed")
    when = read_day(day)
    if day and when is None:
        return RowQuestion(plain, f"{day!r} is not a date; write it like 2026-11-20")
    return RowQuestion(Question(text, documents=tuple(ids), as_of=when, language=spoken))


def read_day(text: str) -> date | None:
    """Return the day that a cell names, in any usual form, None where it names none.

    >>> read_day("2022年6月1日"), read_day("2022/6/1"), read_day("soon")
    (datetime.date(2022, 6, 1), datetime.date(2022, 6, 1), None)
    """
    match = _DAY.fullmatch(text.strip()) or _HAN_DAY.fullmatch(text.strip())
    if not match:
        return None
    try:
        return date(*(number_of(one) for one in match.groups()))
    except ValueError:
        return None


def _names(documents: Sequence[Document]) -> dict[str, str]:
    """Return the ids of documents by every name they go by."""
    found: dict[str, str] = {}
    for one in documents:
        for name in (one.id, one.title, one.title_en, *one.aliases):
            if name:
                found.setdefault(_plain(name), one.id)
    return found


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())
