"""The nouns as plain dicts, ready for JSON: what every front end says of them is the same."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from qa.cross_references import CrossReference
from qa.engine import Engine
from qa.labels import label_of
from qa.models import Answer, Citation, Clause, Document, Hit, Paragraph
from qa.verification import Verification


def answer_to_dict(answer: Answer, took_ms: float) -> dict[str, object]:
    """Return an answer as `/v1/ask` gives it."""
    return {
        "question": answer.question,
        "language": answer.language,
        "status": answer.status,
        "confidence": min(max(answer.confidence, 0.0), 1.0),
        "text": answer.text,
        "citations": [citation_to_dict(citation) for citation in answer.citations],
        "notes": list(answer.notes),
        "took_ms": took_ms,
    }


def citation_to_dict(citation: Citation) -> dict[str, object]:
    """Return a citation: `quote` is the document's text from `start` to `end`."""
    return {
        "clause_id": citation.clause_id,
        "document_id": citation.document_id,
        "title": citation.title,
        "title_en": citation.title_en,
        "label": citation.label,
        "label_en": citation.label_en,
        "path": list(citation.path),
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "text": citation.text,
        "translation": citation.translation or None,
        "quote_translation": citation.quote_translation or None,
        "validity": citation.validity,
        "effective": _day(citation.effective),
        "expires": _day(citation.expires),
        "url": citation.url,
    }


def hit_to_dict(engine: Engine, hit: Hit, as_of: date | None = None) -> dict[str, object]:
    """Return a hit as `/v1/search` gives it, with its clause and document whole."""
    document = engine.document(hit.clause.document_id)
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "clause": clause_to_dict(engine, hit.clause),
        "paragraph": hit.paragraph or None,
        "document": document_to_dict(engine, document, as_of),
    }


def clause_to_dict(engine: Engine, clause: Clause) -> dict[str, object]:
    """Return a clause of the index, with its label in English and its translation."""
    return {
        "id": clause.id,
        "document_id": clause.document_id,
        "key": clause.key,
        "label": clause.label,
        "label_en": engine.label_en(clause),
        "path": list(clause.path),
        "start": clause.start,
        "end": clause.end,
        "text": clause.text,
        "translation": engine.translation(clause.id) or None,
        "paragraphs": [_paragraph_to_dict(paragraph) for paragraph in clause.paragraphs],
    }


def crossing_to_dict(engine: Engine, clause: Clause) -> dict[str, object]:
    """Return what a clause refers to, and the ids of the clauses that refer to it."""
    cites = [
        {
            "start": one.start,
            "end": one.end,
            "text": clause.text[one.start - clause.start : one.end - clause.start],
            "document_id": one.document_id,
            "clause_id": one.clause_id or None,
            "label": _label(engine, one),
            "paragraph": one.paragraph or None,
        }
        for one in engine.cross_references(clause.id)
    ]
    return {"cites": cites, "cited_by": engine.cited_by(clause.id)}


def _label(engine: Engine, found: CrossReference) -> str:
    if not found.clause_id:
        return engine.document(found.document_id).title
    return label_of(engine.clause(found.clause_id), found.paragraph, found.item)


def verification_to_dict(checked: Verification, text: str, took_ms: float) -> dict[str, object]:
    """Return what a verification found, and the spans in which there was nothing to check."""
    return {
        "verdict": checked.verdict,
        "findings": [
            asdict(one) | {"clause_id": one.clause_id or None} for one in checked.findings
        ],
        "unchecked": [
            {"start": start, "end": end, "text": text[start:end]}
            for start, end in checked.unchecked
        ],
        "took_ms": took_ms,
    }


def split_to_dict(clause: Clause) -> dict[str, object]:
    """Return a clause of a file that is in no index, as `tiaowen split` prints it."""
    return {
        "key": clause.key,
        "label": clause.label,
        "path": list(clause.path),
        "text": clause.text,
        "start": clause.start,
        "end": clause.end,
        "paragraphs": [_paragraph_to_dict(paragraph) for paragraph in clause.paragraphs],
    }


def document_to_dict(
    engine: Engine, document: Document, as_of: date | None = None
) -> dict[str, object]:
    """Return a document, valid or not on a day; today where none is given."""
    return {
        "id": document.id,
        "title": document.title,
        "title_en": document.title_en,
        "issuer": document.issuer,
        "kind": document.kind,
        "number": document.number,
        "issued": _day(document.issued),
        "effective": _day(document.effective),
        "expires": _day(document.expires),
        "validity": engine.validity(document, as_of),
        "clause_count": len(engine.clauses(document.id)),
    }


def _paragraph_to_dict(paragraph: Paragraph) -> dict[str, object]:
    return {
        "number": paragraph.number,
        "start": paragraph.start,
        "end": paragraph.end,
        "text": paragraph.text,
        "items": [
            {"label": item.label, "start": item.start, "end": item.end, "text": item.text}
            for item in paragraph.items
        ],
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
