"""The engine's nouns as the JSON of the contract."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from functools import lru_cache

from qa import models
from qa.engine import Engine
from qa.explaining import Explanation
from qa.web import schemas


def document_view(
    engine: Engine, document: models.Document, as_of: date | None = None
) -> schemas.Document:
    """Return a document as JSON, valid or not on a day; today where none is given."""
    return schemas.Document(
        id=document.id,
        title=document.title,
        title_en=document.title_en,
        issuer=document.issuer,
        kind=document.kind,
        number=document.number,
        issued=document.issued,
        effective=document.effective,
        expires=document.expires,
        validity=engine.validity(document, as_of),
        clause_count=_clause_count(engine, engine.snapshot_id, document.id),
    )


@lru_cache(maxsize=65_536)
def _clause_count(engine: Engine, snapshot_id: str, document_id: str) -> int:
    """Return how many clauses a document has; a snapshot never changes, so it is kept."""
    return len(engine.clauses(document_id))


def clause_view(engine: Engine, clause: models.Clause) -> schemas.Clause:
    """Return a clause as JSON, with its label in English and its translation if there is one."""
    return schemas.Clause(
        id=clause.id,
        document_id=clause.document_id,
        key=clause.key,
        label=clause.label,
        label_en=engine.label_en(clause),
        path=list(clause.path),
        start=clause.start,
        end=clause.end,
        text=clause.text,
        translation=engine.translation(clause.id) or None,
        paragraphs=[_paragraph_view(paragraph) for paragraph in clause.paragraphs],
    )


@lru_cache(maxsize=4_096)
def _kept_clause_view(engine: Engine, snapshot_id: str, clause_id: str) -> schemas.Clause:
    """Return a clause as JSON; a snapshot never changes, so those often found are kept."""
    return clause_view(engine, engine.clause(clause_id))


def _paragraph_view(paragraph: models.Paragraph) -> schemas.Paragraph:
    return schemas.Paragraph(
        number=paragraph.number,
        start=paragraph.start,
        end=paragraph.end,
        text=paragraph.text,
        items=[
            schemas.Item(label=item.label, start=item.start, end=item.end, text=item.text)
            for item in paragraph.items
        ],
    )


def hit_view(engine: Engine, hit: models.Hit, as_of: date | None) -> schemas.Hit:
    """Return a hit as JSON, with its clause and document whole."""
    return schemas.Hit(
        rank=hit.rank,
        score=round(hit.score, 6),
        clause=_kept_clause_view(engine, engine.snapshot_id, hit.clause.id),
        paragraph=hit.paragraph or None,
        document=document_view(engine, engine.document(hit.clause.document_id), as_of),
    )


def explanation_view(
    engine: Engine, explained: Explanation, as_of: date | None
) -> schemas.ExplanationReply:
    """Return an explanation as JSON."""
    return schemas.ExplanationReply(
        question=explained.question,
        text=explained.text,
        language=explained.language,
        concepts=[list(one) for one in explained.concepts],
        named=list(explained.named),
        status=explained.status,
        confidence=explained.confidence,
        hits=[
            schemas.ExplainedHit(
                **hit_view(engine, one.hit, as_of).model_dump(),
                parts=[schemas.Part(**asdict(part)) for part in one.parts],
            )
            for one in explained.hits
        ],
    )


def citation_view(citation: models.Citation) -> schemas.Citation:
    """Return a citation as JSON."""
    return schemas.Citation(
        clause_id=citation.clause_id,
        document_id=citation.document_id,
        title=citation.title,
        title_en=citation.title_en,
        label=citation.label,
        label_en=citation.label_en,
        path=list(citation.path),
        quote=citation.quote,
        start=citation.start,
        end=citation.end,
        text=citation.text,
        translation=citation.translation or None,
        quote_translation=citation.quote_translation or None,
        validity=citation.validity,
        effective=citation.effective,
        expires=citation.expires,
        url=citation.url,
    )


def answer_view(answer: models.Answer, took_ms: float) -> schemas.AnswerReply:
    """Return an answer as JSON."""
    return schemas.AnswerReply(
        question=answer.question,
        language=answer.language,
        status=answer.status,
        confidence=min(max(answer.confidence, 0.0), 1.0),
        text=answer.text,
        citations=[citation_view(citation) for citation in answer.citations],
        notes=list(answer.notes),
        took_ms=took_ms,
    )
