"""A reviewed sheet of questions, answers and citations → approved entries (qa.faq)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from qa import columns
from qa.batch import find_questions
from qa.engine import Engine
from qa.errors import WorkbookError
from qa.faq import ApprovedCitation, FaqEntry, digest_of, load_faq, write_faq
from qa.resolution import Target
from qa.text import language_of, normalise
from qa.workbook import read_book

_ANSWERS = ("标准答复", "标准答案", "答复", "回答", "答案", "answer", "reply", "approvedanswer")
_ENGLISH = ("英文答复", "英文答案", "答复英文", "answerinenglish", "answeren", "englishanswer")
_CITATIONS = (
    "依据",
    "引用",
    "法律依据",
    "政策依据",
    "条款",
    "出处",
    "citation",
    "citations",
    "basis",
)
_WORDINGS = re.compile(r"[\n|\uff5c]+")


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of which no entry can be made, and why."""

    sheet: str
    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class ApprovalReport:
    """What a sheet came to: entries that are new, that took another's place, rows refused."""

    added: int
    replaced: int
    refused: tuple[RefusedRow, ...]


@dataclass(frozen=True, slots=True)
class ChangedEntry:
    """An entry of which a clause has changed or gone since it was approved."""

    entry: FaqEntry
    clause_ids: tuple[str, ...]


def approve_sheet(engine: Engine, sheet: Path, day: date) -> ApprovalReport:
    """Enter the rows of a sheet as approved on a day; the same question again replaces its entry.

    A row without an answer, or whose citation is none of the documents', is refused with the
    reason. Raises WorkbookError or CorpusError.
    """
    book = read_book(sheet)
    entries: list[FaqEntry] = []
    refused: list[RefusedRow] = []
    for number, layout in find_questions(book).items():
        table = book.sheets[number]
        header = table.rows[layout.header] if layout.header >= 0 else []
        answer, citation = (_find(header, names) for names in (_ANSWERS, _CITATIONS))
        if answer < 0 or citation < 0:
            raise WorkbookError(
                f"{sheet}: the sheet {table.name!r} needs a column of answers (答复) and one of "
                "citations (依据) beside the questions"
            )
        english = _find(header, _ENGLISH)
        for row, cells in enumerate(table.rows[layout.header + 1 :], layout.header + 2):
            asked = columns.cell(cells, layout.question)
            if not asked:
                continue
            said, cited = columns.cell(cells, answer), columns.cell(cells, citation)
            targets = engine.cited(cited)
            if not said or not targets:
                why = "no answer" if not said else f"{cited or 'nothing'!r} cites no article here"
                refused.append(RefusedRow(table.name, row, why))
                continue
            wordings = tuple(dict.fromkeys(filter(None, map(str.strip, _WORDINGS.split(asked)))))
            other = columns.cell(cells, english) if english >= 0 else ""
            if not other and language_of(said) == "en":
                other = said
            entries.append(FaqEntry(wordings, said, other, _citations(targets), day))
    return _merged(engine, entries, refused)


def find_changed(engine: Engine) -> list[ChangedEntry]:
    """Return the entries of which a cited clause has changed or gone since."""
    found = []
    for entry in load_faq(engine.settings.corpus):
        changed = tuple(one.clause_id for one in entry.citations if not engine.is_unchanged(one))
        if changed:
            found.append(ChangedEntry(entry, changed))
    return found


def _merged(
    engine: Engine, entries: Sequence[FaqEntry], refused: Sequence[RefusedRow]
) -> ApprovalReport:
    corpus = engine.settings.corpus
    kept = {normalise(one.questions[0]): one for one in load_faq(corpus)}
    before = len(kept)
    fresh = {normalise(one.questions[0]): one for one in entries}
    replaced = len(fresh.keys() & kept.keys())
    kept |= fresh
    if fresh:
        write_faq(corpus, list(kept.values()))
    return ApprovalReport(len(kept) - before, replaced, tuple(refused))


def _citations(targets: Sequence[Target]) -> tuple[ApprovedCitation, ...]:
    return tuple(
        ApprovedCitation(
            one.clause.id, one.paragraph, one.item, digest_of(one.clause, one.paragraph, one.item)
        )
        for one in targets
    )


def _find(header: Sequence[str], names: Sequence[str]) -> int:
    """Return the column with one of these headings, -1 where there is none."""
    plain = [re.sub(r"[\W_]+", "", normalise(text)) for text in header]
    places = [plain.index(name) for name in names if name in plain]
    return places[0] if places else -1
