"""Approved questions and answers: a file beside the corpus, and which of them a question asks.

`corpus/faq.toml` holds them as plain text that people review; `tiaowen faq SHEET` writes it. An
entry keeps a digest of each clause it cites, so that it is known when one has changed since.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import tomlkit

from qa.encoder import Encoder
from qa.errors import CorpusError
from qa.models import Clause
from qa.quantities import asked_quantities
from qa.resolution import span_of
from qa.support import is_negative
from qa.text import normalise, words

FILE = "faq.toml"
ALIKE = 0.85  # cosine from which a question is that of an entry, if its words agree as well
WORDS_SHARED = 0.5  # share of the words of both that both have
_POLITE = re.compile(r"^(?:请问|你好|您好|想问一下|咨询一下|麻烦问下)[,，\s]*|[\s?？。.!！~,，]+")


@dataclass(frozen=True, slots=True)
class ApprovedCitation:
    """What an entry cites, and the digest of its text when it was approved."""

    clause_id: str
    paragraph: int
    item: str
    digest: str


@dataclass(frozen=True, slots=True)
class FaqEntry:
    """An approved answer, in how many wordings it is asked, what it cites, when it was approved."""

    questions: tuple[str, ...]
    answer: str
    answer_en: str
    citations: tuple[ApprovedCitation, ...]
    approved: date


@dataclass(frozen=True, slots=True)
class FaqMatch:
    """An entry that a question asks, by which of its wordings, and how alike, 1.0 if the same."""

    entry: FaqEntry
    question: str
    likeness: float


def digest_of(clause: Clause, paragraph: int, item: str) -> str:
    """Return the digest of the cited part of a clause, blanks and width aside."""
    start, end = span_of(clause, paragraph, item)
    text = clause.text[start - clause.start : end - clause.start]
    return hashlib.sha256("".join(normalise(text).split()).encode()).hexdigest()[:16]


def load_faq(corpus: Path) -> tuple[FaqEntry, ...]:
    """Return the approved entries of a corpus folder, none where it has no file of them.

    Raises CorpusError with the place of what cannot be read.
    """
    path = corpus / FILE
    try:
        rows = tomllib.loads(path.read_text("utf-8")).get("faq", [])
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CorpusError(f"{path}: {error}; mend that line") from error
    found = []
    for number, row in enumerate(rows, 1):
        try:
            found.append(_entry(row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CorpusError(
                f"{path}: entry {number} lacks or misspells {error}; "
                "it needs questions, answer, approved and citations"
            ) from error
    return tuple(found)


def write_faq(corpus: Path, entries: Sequence[FaqEntry]) -> None:
    """Write the entries, the file whole or not at all; raises CorpusError."""
    table = tomlkit.document()
    table.add(tomlkit.comment("Approved answers; `tiaowen faq` says which cite what has changed."))
    rows = tomlkit.aot()
    for one in entries:
        row = tomlkit.table()
        row.update({"questions": list(one.questions), "answer": one.answer})
        if one.answer_en:
            row["answer_en"] = one.answer_en
        row["approved"] = one.approved
        row["citations"] = [
            {"clause": c.clause_id, "paragraph": c.paragraph, "item": c.item, "digest": c.digest}
            for c in one.citations
        ]
        rows.append(row)
    table["faq"] = rows
    path = corpus / FILE
    partial = path.with_suffix(".toml.partial")
    try:
        partial.write_text(tomlkit.dumps(table), "utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror or error}; make it writable") from error


class Faq:
    """Entries with the vectors of their questions, ready to be matched."""

    def __init__(self, entries: Sequence[FaqEntry], encoder: Encoder) -> None:
        """Take in entries; the first of two with the same question wins."""
        self._encoder = encoder
        pairs = [(question, entry) for entry in entries for question in entry.questions]
        self._pairs = pairs
        texts = [normalise(question) for question, _ in pairs]
        self._vectors = encoder.encode_questions(texts) if texts else np.zeros((0, 1), np.float32)
        self._words = [frozenset(found) for found in words(texts)]
        self._same: dict[str, int] = {}
        for place, text in enumerate(texts):
            self._same.setdefault(_plain(text), place)

    def match(self, question: str) -> list[FaqMatch]:
        """Return the entry that a question asks, or nothing.

        Nearly the same is not the same: amounts asked for and negation must agree as well.
        """
        if not self._pairs:
            return []
        text = normalise(question)
        same = self._same.get(_plain(text))
        if same is not None:
            wording, entry = self._pairs[same]
            return [FaqMatch(entry, wording, 1.0)]
        (vector,) = self._encoder.encode_questions([text])
        likeness = self._vectors @ vector
        place = int(np.argmax(likeness))
        wording, entry = self._pairs[place]
        (said,) = words([text])
        known = self._words[place]
        shared = len(known & set(said)) / max(len(known | set(said)), 1)
        if (
            likeness[place] < ALIKE
            or shared < WORDS_SHARED
            or asked_quantities(text) != asked_quantities(normalise(wording))
            or is_negative(text) != is_negative(wording)
        ):
            return []
        return [FaqMatch(entry, wording, float(likeness[place]))]


def _plain(text: str) -> str:
    return _POLITE.sub("", text)


def _entry(row: dict[str, object]) -> FaqEntry:
    questions, citations = row["questions"], row["citations"]
    if not isinstance(questions, list) or not isinstance(citations, list) or not questions:
        raise TypeError("questions")
    approved = row["approved"]
    if type(approved) is not date:
        raise TypeError("approved")
    return FaqEntry(
        questions=tuple(map(str, questions)),
        answer=str(row["answer"]),
        answer_en=str(row.get("answer_en", "")),
        citations=tuple(
            ApprovedCitation(
                str(one["clause"]),
                int(one.get("paragraph", 0)),
                str(one.get("item", "")),
                str(one["digest"]),
            )
            for one in citations
        ),
        approved=approved,
    )
