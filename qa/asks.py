"""A row of a table → what it asks, or why it cannot be asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from qa.columns import Inputs, Layout, cell
from qa.dates import read_day
from qa.models import AnswerLanguage, Language, Question

_LANGUAGES: dict[str, AnswerLanguage] = {
    **dict.fromkeys(("", "auto", "自动"), "auto"),
    **dict.fromkeys(("中", "中文", "汉语", "简体中文", "zh", "zh-cn", "cn", "chinese"), "zh"),
    **dict.fromkeys(("英", "英文", "英语", "en", "en-us", "en-gb", "english"), "en"),
}
_BETWEEN = re.compile(r"[；;、\n]+")
_REASONS: dict[str, tuple[str, str]] = {
    "language": ("语言“{}”无法识别；请写 中文 或 英文", "language “{}” is unknown; write zh or en"),
    "documents": (
        "没有名为“{}”的文件，或不止一份；请写文件的编号或完整标题",
        "no document, or more than one, is called “{}”; write its id or its whole title",
    ),
    "as_of": (
        "日期“{}”无法识别；请写成 2026-11-20",
        "“{}” is no date, or might be two; write 2026-11-20",
    ),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """What one row asks; `reason` says why it cannot be asked, "" where it can."""

    text: str
    language: AnswerLanguage = "auto"
    documents: tuple[str, ...] = ()
    as_of: date | None = None
    reason: str = ""

    @property
    def key(self) -> str:
        """Return what two rows have in common that get the same answer."""
        day = self.as_of.isoformat() if self.as_of else ""
        limits = (self.language, " ".join(self.documents), day)
        return self.text if limits == ("auto", "", "") else "\x1f".join((self.text, *limits))

    def as_question(self) -> Question:
        """Return the question for the engine."""
        return Question(
            self.text, documents=self.documents, as_of=self.as_of, language=self.language
        )


def read_ask(
    row: Sequence[str],
    layout: Layout,
    inputs: Inputs,
    find_document: Callable[[str], str],
    language: Language,
) -> Ask:
    """Return what a row asks; `find_document` gives the id of a name, "" for none."""
    text = cell(row, layout.question)
    said = {
        name: cell(row, column) if column >= 0 else ""
        for name, column in (
            ("language", inputs.language),
            ("documents", inputs.documents),
            ("as_of", inputs.as_of),
        )
    }
    wanted = _LANGUAGES.get(said["language"].casefold())
    if wanted is None:
        return _unasked(text, "language", said["language"], language)
    documents = []
    for name in _names(said["documents"], find_document):
        found = find_document(name)
        if not found:
            return _unasked(text, "documents", name, language)
        documents.append(found)
    day = read_day(said["as_of"]) if said["as_of"] else None
    if said["as_of"] and day is None:
        return _unasked(text, "as_of", said["as_of"], language)
    return Ask(text, wanted, tuple(dict.fromkeys(documents)), day)


def _names(text: str, find_document: Callable[[str], str]) -> list[str]:
    """Return the names in a cell; one that is a document as a whole is not taken apart."""
    if not text or find_document(text):
        return [text] if text else []
    return [name.strip() for name in _BETWEEN.split(text) if name.strip()]


def _unasked(text: str, kind: str, said: str, language: Language) -> Ask:
    return Ask(text, reason=_REASONS[kind][language == "en"].format(said[:80]) if text else "")
