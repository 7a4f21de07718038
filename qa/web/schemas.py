"""The replies, as the contract and the description of the service have them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qa import models


class Item(BaseModel):
    """One 项 of a paragraph, with its span in the document text."""

    label: str
    start: int
    end: int
    text: str


class Paragraph(BaseModel):
    """One 款 of a clause, with its span in the document text."""

    number: int
    start: int
    end: int
    text: str
    items: list[Item]


class Clause(BaseModel):
    """One article, or its equal in a document without articles."""

    id: Annotated[str, Field(examples=["sti-center-regulations#25"])]
    document_id: str
    key: Annotated[str, Field(examples=["25"])]
    label: Annotated[str, Field(examples=["第二十五条"])]
    label_en: Annotated[str, Field(examples=["Article 25"])]
    path: Annotated[list[str], Field(description="The headings above the clause.")]
    start: Annotated[int, Field(description="Where the clause begins in the document text.")]
    end: int
    text: str
    translation: Annotated[str | None, Field(description="English reference translation.")]
    paragraphs: list[Paragraph]


class Cite(BaseModel):
    """A place of a clause that refers to another clause, or to a document as a whole."""

    start: int
    end: int
    text: Annotated[str, Field(examples=["依照第二十五条"])]
    document_id: str
    clause_id: str | None
    label: str
    paragraph: int | None


class ClauseAndCites(Clause):
    """One clause, what it refers to, and which clauses refer to it."""

    cites: list[Cite]
    cited_by: list[str]


class Difference(BaseModel):
    """What the document has, and what the text has in its place."""

    expected: str
    found: str


class Finding(BaseModel):
    """One citation, quotation or number of a text, and how it came out."""

    kind: Literal["citation", "quotation", "number"]
    verdict: Literal["verified", "altered", "not_found", "repealed"]
    text: str
    start: int
    end: int
    message: str
    clause_id: str | None
    differences: list[Difference]


class Span(BaseModel):
    """A span of the text that was sent."""

    start: int
    end: int
    text: str


class VerificationReply(BaseModel):
    """What of a text is so: the worst verdict, every finding, and what was not checked."""

    verdict: Literal["verified", "altered", "not_found", "repealed"]
    findings: list[Finding]
    unchecked: list[Span]
    took_ms: float


class Document(BaseModel):
    """One document of the corpus; a date that is not known is null."""

    id: Annotated[str, Field(examples=["sti-center-regulations"])]
    title: str
    title_en: str
    issuer: str
    kind: str
    number: str
    issued: date | None
    effective: date | None
    expires: date | None
    validity: models.Validity
    clause_count: int


class Hit(BaseModel):
    """One clause found; `paragraph` is the 款 that matched best, null for the whole clause."""

    rank: int
    score: Annotated[float, Field(description="Higher is better.")]
    clause: Clause
    paragraph: int | None
    document: Document


class SearchReply(BaseModel):
    """The clauses nearest to a question, best first."""

    question: str
    language: models.Language
    hits: list[Hit]
    took_ms: float


class Part(BaseModel):
    """One piece of evidence for a clause: its value, its weight, what it adds to the score."""

    name: Annotated[str, Field(examples=["likeness"])]
    value: float
    weight: float
    adds: float


class ExplainedHit(Hit):
    """One clause found, and what its score is made of; a clause cited by number has no parts."""

    parts: list[Part]


class ExplanationReply(BaseModel):
    """How a question was read, and why clauses rank as they do."""

    question: str
    text: Annotated[str, Field(description="The question as it was searched.")]
    language: models.Language
    concepts: Annotated[list[list[str]], Field(description="Words, each with its renderings.")]
    named: Annotated[list[str], Field(description="Titles of documents that it names.")]
    status: models.Status
    confidence: float
    hits: list[ExplainedHit]


class Changed(BaseModel):
    """What a change of the documents came to."""

    model_config = ConfigDict(extra="allow")

    id: str
    title: str
    snapshot: str


class Preview(BaseModel):
    """What a file would give."""

    model_config = ConfigDict(extra="allow")

    id: str
    title: str
    replaces: Annotated[str | None, Field(description="The title of what has this id now.")]
    clauses: list[dict[str, Any]]
    warnings: list[str]


class Batch(BaseModel):
    """A workbook being answered: queued, running, done or failed, and how many rows are done."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    state: Literal["queued", "running", "done", "failed"]
    done: int
    total: int
    counts: Annotated[dict[str, int] | None, Field(description="By status, once it is done.")]
    error: Annotated[str, Field(description="Why it failed, and the cure.")]
    url: str
    result_url: str | None


class BatchList(BaseModel):
    """The batches, the newest first."""

    batches: list[Batch]


class GapList(BaseModel):
    """What was asked without an answer, in groups, and what people thought of answers."""

    model_config = ConfigDict(extra="allow")

    groups: list[dict[str, Any]]


class Citation(BaseModel):
    """A passage an answer rests on: `quote` is the document text from `start` to `end`."""

    clause_id: Annotated[str, Field(examples=["sti-center-regulations#25"])]
    document_id: str
    title: str
    title_en: str
    label: Annotated[str, Field(examples=["第二十五条第二款"])]
    label_en: Annotated[str, Field(examples=["Article 25, paragraph 2"])]
    path: list[str]
    quote: str
    start: int
    end: int
    text: Annotated[str, Field(description="The whole clause.")]
    translation: str | None
    quote_translation: str | None
    validity: models.Validity
    effective: date | None
    expires: date | None
    url: Annotated[str, Field(description="Opens the clause in the viewer, highlighted.")]


class AnswerReply(BaseModel):
    """An answer: `answered` has citations, `closest` the nearest clauses, `no_basis` none."""

    question: str
    language: models.Language
    status: models.Status
    confidence: Annotated[float, Field(ge=0, le=1)]
    text: str
    citations: list[Citation]
    notes: list[str]
    took_ms: float


class DocumentList(BaseModel):
    """Every document of the corpus."""

    documents: list[Document]


class ClauseList(BaseModel):
    """The clauses of one document, in order."""

    document: Document
    clauses: list[Clause]


class Failure(BaseModel):
    """What went wrong: a code for programs, and what, where and the cure for people."""

    code: Annotated[str, Field(examples=["question_too_long"])]
    message: str


class FailureReply(BaseModel):
    """The body of every error."""

    error: Failure


class State(BaseModel):
    """How the service is."""

    model_config = ConfigDict(extra="allow")

    status: str


class ChatReply(BaseModel):
    """A chat completion in OpenAI's form; its message also carries `citations`."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: Annotated[str, Field(examples=["chat.completion"])]
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, int]


class ModelList(BaseModel):
    """The models that can be named in a chat completion: one."""

    object: Annotated[str, Field(examples=["list"])]
    data: list[dict[str, Any]]
