"""The nouns: what a document, a clause, a question, a hit, a citation and an answer are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Language = Literal["zh", "en"]
AnswerLanguage = Literal["zh", "en", "auto"]
Status = Literal["answered", "closest", "no_basis"]
Validity = Literal["in_force", "expired", "not_yet_effective", "repealed", "unknown"]


@dataclass(frozen=True, slots=True)
class Document:
    """One published text: its catalog entry and its cleaned text.

    `successor` is the title of the rule that repealed it, where a document of the corpus says so;
    `source` is the name of the file as published; `text` is what every offset counts in.
    `path` is where it was read, and `lines[i]` the line of that file on which line i of `text`
    begins; both are empty for a document that comes out of an index.
    """

    id: str
    title: str
    text: str
    title_en: str = ""
    aliases: tuple[str, ...] = ()
    issuer: str = ""
    kind: str = ""
    number: str = ""
    issued: date | None = None
    effective: date | None = None
    expires: date | None = None
    repealed: date | None = None
    successor: str = ""
    source: str = ""
    path: str = field(default="", compare=False)
    lines: tuple[int, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Item:
    """One 项 of a paragraph: its label as printed, and its span in the document text."""

    label: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One 款 of a clause: its number from 1, its span without the clause label, its items."""

    number: int
    text: str
    start: int
    end: int
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    """One article, or its equal in a document without articles: the unit that is cited.

    `text == document.text[start:end]`; `key` is unique within the document ("25", "25-1").
    """

    document_id: str
    key: str
    label: str
    text: str
    start: int
    end: int
    path: tuple[str, ...] = ()
    paragraphs: tuple[Paragraph, ...] = ()

    @property
    def id(self) -> str:
        """Return the id that stays the same across rebuilds: `sti-center-regulations#25`."""
        return f"{self.document_id}#{self.key}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a text names an article: its numbers (25, or 25 and 1 for 第二十五条之一), its span.

    `paragraph` and `item` are 0 where none is named. `outline` says that the numbers are those of
    headings one below the other, as in 二（四）8.
    """

    numbers: tuple[int, ...]
    paragraph: int
    item: int
    start: int
    end: int
    outline: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks, and the limits they set: documents, kinds, a date, how many hits.

    `history` holds the questions asked before it in the same conversation, the oldest first.
    """

    text: str
    top_k: int = 5
    documents: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    as_of: date | None = None
    language: AnswerLanguage = "auto"
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One clause found for a question: rank from 1, score higher is better.

    `paragraph` is the number of the 款 that matched best, 0 where the whole clause did;
    `item` the label of the item that was asked for by its number;
    `evidence` what the score was made of (qa.ranking), () for a clause that was named.
    """

    clause: Clause
    score: float
    rank: int
    paragraph: int = 0
    item: str = ""
    evidence: tuple[float, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Citation:
    """What a reader sees of a clause: `quote == document.text[start:end]`, never retyped."""

    clause_id: str
    document_id: str
    title: str
    title_en: str
    label: str
    label_en: str
    path: tuple[str, ...]
    quote: str
    start: int
    end: int
    text: str
    validity: Validity
    url: str
    translation: str = ""
    quote_translation: str = ""
    effective: date | None = None
    expires: date | None = None
    successor: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: `answered` has citations, `closest` shows the nearest, `no_basis` has none."""

    question: str
    language: Language
    status: Status
    confidence: float
    text: str
    citations: tuple[Citation, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
