"""What a row of a table says of its answer, what has changed in it, and how many came out how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from qa.columns import ANSWERS, STATUS, Places, cell
from qa.models import Answer, Citation, Language
from qa.sheet import Link
from qa.summary import MOST_LISTED, Listed, Summary

_REASONS = {
    "closest": (
        "没有条款直接回答；所列为最接近的，请人工核对",
        "no clause answers this directly; the nearest are shown, please check",
    ),
    "no_basis": ("现有文件中没有依据", "the documents hold no basis for an answer"),
}
_CHANGES = {
    "new": ("新增", "new"),
    "same": ("未变", "unchanged"),
    "other": ("答案有变", "changed"),
}
_COMPARED = 32_000  # letters; a cell holds hardly more


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row whose question has no answer: its number as a spreadsheet shows it, and why."""

    sheet: str
    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class AnswerCells:
    """What one row says of its answer; `links` are the addresses of its citations, in order."""

    answer_zh: str = ""
    answer_en: str = ""
    citations: Sequence[str] = ()
    links: Sequence[str] = ()
    quote: str = ""
    status: str = ""
    confidence: float | str = ""
    reason: str = ""
    note: str = ""

    def values(self, language: Language, base: str) -> tuple[str | float | Link, ...]:
        """Return the cells from left to right, all but the change; `base` is our own address."""
        english = language == "en"
        reason = self.reason or _REASONS.get(self.status, ("", ""))[english]
        citation: str | Link = "\n".join(self.citations)
        if base and self.links:
            pairs = zip(self.citations, self.links, strict=True)
            citation = Link(tuple((text, base + url) for text, url in pairs))
        answers = (self.answer_en, self.answer_zh) if english else (self.answer_zh, self.answer_en)
        return (*answers, citation, self.quote, self.status, self.confidence, reason, self.note)


def cells_of(answer: Answer, other: str) -> AnswerCells:
    """Return what a row says of an answer, whose text in the other language is `other`."""
    english = answer.language == "en"
    return AnswerCells(
        answer_zh=other if english else answer.text,
        answer_en=answer.text if english else other,
        citations=[cite(one, answer.language) for one in answer.citations],
        links=[one.url for one in answer.citations],
        quote="\n".join(one.quote for one in answer.citations),
        status=answer.status,
        confidence=round(answer.confidence, 3),
        note="\n".join(answer.notes),
    )


def cite(citation: Citation, language: str) -> str:
    """Return a citation on one line: 《条例》第二十五条第二款."""
    if language == "en" and citation.title_en:
        return f"{citation.title_en}, {citation.label_en}"
    return f"《{citation.title}》{citation.label}"


def change_of(row: Sequence[str], places: Places, values: Sequence[str | float | Link]) -> str:
    """Return what a second run says of a row that had an answer, or had none."""
    if not values[STATUS]:
        return ""
    before = [cell(row, places.columns[place]) for place in (STATUS, *ANSWERS)]
    if not before[0]:
        kind = "new"
    else:
        pairs = zip(before, (values[place] for place in (STATUS, *ANSWERS)), strict=True)
        same = all(_bare(old) == _bare(str(new)) for old, new in pairs)
        kind = "same" if same else "other"
    return _CHANGES[kind][places.language == "en"]


def _bare(text: str) -> str:
    """Return the letters of a text that survive being written into any table."""
    return "".join(one for one in text[:_COMPARED].lstrip("'") if one.isprintable() and one != " ")


@dataclass(slots=True)
class Tally:
    """Counts rows as they are written."""

    counts: Counter[str] = field(default_factory=Counter)
    failed: list[FailedRow] = field(default_factory=list)
    listed: list[Listed] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Return how many rows there were, empty ones too."""
        return self.counts.total()

    def add(
        self, place: tuple[str, int, int], question: str, one: AnswerCells, reason: str
    ) -> None:
        """Count a row at a sheet, row and column, and keep it if it needs a person."""
        self.counts[one.status or "empty"] += 1
        if one.status == "failed":
            self.failed.append(FailedRow(*place[:2], one.reason))
        if one.status not in ("", "answered") and len(self.listed) < MOST_LISTED:
            confidence = one.confidence if isinstance(one.confidence, float) else 0.0
            self.listed.append(Listed(*place, one.status, confidence, question[:300], reason))

    def summary(self, language: Language, made: str, snapshot: str) -> Summary:
        """Return what the sheet of the summary says."""
        to_see = sum(self.counts[one] for one in ("closest", "no_basis", "failed"))
        return Summary(language, made, snapshot, self.rows, self.counts, self.listed, to_see)
