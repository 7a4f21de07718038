"""Hits → an answer around verbatim quotes, in the language of the question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote as percent

from qa.labels import label_en, label_of
from qa.models import Answer, Citation, Document, Hit, Language, Question, Status, Validity
from qa.validity import validity_of

MORE_SHARE = 0.9  # a further clause is cited whose score is at least this share of the best
MOST_CITED = 3


@dataclass(frozen=True, slots=True)
class Judgement:
    """How sure an answer is: the probability that the first hit answers, and what follows."""

    status: Status
    confidence: float


def cite(
    hit: Hit,
    document: Document,
    span: tuple[int, int],
    *,
    translation: str,
    quote_translation: str,
    day: date,
) -> Citation:
    """Return the citation of a hit; its quote is cut from the document."""
    clause = hit.clause
    start, end = span
    inside = [p.number for p in clause.paragraphs if p.start <= start and end <= p.end]
    paragraph = inside[0] if inside else 0
    return Citation(
        clause_id=clause.id,
        document_id=document.id,
        title=document.title,
        title_en=document.title_en,
        label=label_of(clause, paragraph, hit.item),
        label_en=label_en(clause, paragraph, hit.item),
        path=clause.path,
        quote=document.text[start:end],
        start=start,
        end=end,
        text=clause.text,
        translation=translation,
        quote_translation=quote_translation,
        validity=validity_of(document, day),
        effective=document.effective,
        expires=document.expires,
        successor=document.successor,
        url=f"/documents/{percent(document.id)}?start={start}&end={end}#clause-{percent(clause.key)}",
    )


def select_hits(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits to cite: the best and those that come close to it, or all that are named."""
    if not hits:
        return []
    best = hits[0].score
    if not hits[0].evidence:
        return [hit for hit in hits if not hit.evidence]
    return [hit for hit in hits[:MOST_CITED] if hit.score >= MORE_SHARE * best]


def compose(
    question: Question,
    language: Language,
    judgement: Judgement,
    citations: Sequence[Citation],
    notes: Sequence[str],
    *,
    approved: str = "",
) -> Answer:
    """Return the answer: prose around the quotes, and a note for each rule not in force.

    An approved text stands before what is quoted.
    """
    kept = tuple(citations) if judgement.status != "no_basis" else ()
    text = quoted_text(language, "answered" if approved else judgement.status, kept)
    text = f"{approved}\n{text}" if approved and kept else approved or text
    warnings = [note for one in _first_of_each(kept) if (note := _validity_note(one, language))]
    return Answer(
        question=question.text,
        language=language,
        status=judgement.status,
        confidence=round(judgement.confidence, 4),
        text=text,
        citations=kept,
        notes=(*notes, *warnings),
    )


def quoted_text(language: Language, status: Status, citations: Sequence[Citation]) -> str:
    """Return the text of an answer that is made of nothing but its citations."""
    return _TEXTS[language][status](citations)


def _first_of_each(citations: Sequence[Citation]) -> list[Citation]:
    return list({one.document_id: one for one in reversed(citations)}.values())[::-1]


def _reference(citation: Citation, language: Language) -> str:
    if language == "zh":
        return f"《{citation.title}》{citation.label}"
    title = citation.title_en or f"《{citation.title}》"
    return (
        f"{citation.label_en} of “{title}”" if citation.title_en else f"{title} {citation.label_en}"
    )


def _answered_zh(citations: Sequence[Citation]) -> str:
    lines = [f"根据{_reference(citations[0], 'zh')}：“{citations[0].quote}”"]
    lines += [f"另见{_reference(one, 'zh')}：“{one.quote}”" for one in citations[1:]]
    return "\n".join(lines)


def _answered_en(citations: Sequence[Citation]) -> str:
    lines = [f"According to {_english(citations[0])}"]
    lines += [f"See also {_english(one)}" for one in citations[1:]]
    return "\n".join(lines)


def _english(citation: Citation) -> str:
    """Return a reference, the translation where there is one, and the quote."""
    reference = _reference(citation, "en")
    if citation.quote_translation:
        return (
            f"{reference} (unofficial translation): {citation.quote_translation}\n"
            f"Original: “{citation.quote}”"
        )
    return f"{reference} (in Chinese): “{citation.quote}”"


def _closest_zh(citations: Sequence[Citation]) -> str:
    named = "\n".join(f"· {_reference(one, 'zh')}：“{one.quote}”" for one in citations)
    return f"未找到直接回答该问题的条款。最接近的条款如下，仅供参考：\n{named}"


def _closest_en(citations: Sequence[Citation]) -> str:
    named = "\n".join(f"· {_english(one)}" for one in citations)
    return (
        f"No clause was found that answers this directly. The nearest, for reference only:\n{named}"
    )


def _nothing_zh(_: Sequence[Citation]) -> str:
    return "现有文件中没有找到回答该问题的依据。"


def _nothing_en(_: Sequence[Citation]) -> str:
    return "The documents hold no basis for an answer to this question."


_TEXTS: Mapping[Language, Mapping[Status, Callable[[Sequence[Citation]], str]]] = {
    "zh": {"answered": _answered_zh, "closest": _closest_zh, "no_basis": _nothing_zh},
    "en": {"answered": _answered_en, "closest": _closest_en, "no_basis": _nothing_en},
}

_NOT_IN_FORCE: Mapping[Validity, tuple[str, str]] = {
    "expired": ("《{title}》已于{expires}到期。", "“{title_en}” expired on {expires}."),
    "not_yet_effective": (
        "《{title}》自{effective}起施行，尚未生效。",
        "“{title_en}” takes effect on {effective} only.",
    ),
    "repealed": ("《{title}》已废止。", "“{title_en}” has been repealed."),
}


def _validity_note(citation: Citation, language: Language) -> str:
    texts = _NOT_IN_FORCE.get(citation.validity)
    if texts is None:
        return ""
    note = texts[language == "en"].format(
        title=citation.title,
        title_en=citation.title_en or citation.title,
        expires=citation.expires,
        effective=citation.effective,
    )
    if not citation.successor or citation.validity != "repealed":
        return note
    follows = f"现行规定见《{citation.successor}》。"
    return note + (follows if language == "zh" else f" See “{citation.successor}” instead.")
