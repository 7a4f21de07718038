"""What a clause refers to: 前款, 本条第二款, 依照第二十五条, 《…法》第三十九条."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from qa.models import Clause, Reference
from qa.numbering import NUMERAL
from qa.references import find_references
from qa.resolution import is_article, resolve, target_of
from qa.text import number_of

_QUOTED = re.compile(r"《([^《》]{2,80})》[^《》。；]{0,8}$")
_UNQUOTED = re.compile(r"([\u4e00-\u9fff]{2,30}(?:法|条例|办法|规定|细则|规则|决定|解释))(?:的)?$")
_OWN = re.compile(
    r"(?:本(?:法|条例|办法|规定|细则|规则|决定|解释|规程|章程|意见)|依照|按照|根据|依据|违反|符合|适用)$"
)
_PARTS = rf"(?:第?(?P<paragraph>{NUMERAL})款)?(?:第?[（(]?(?P<item>{NUMERAL})[）)]?项)?"
_BEFORE = re.compile(rf"前(?P<many>{NUMERAL})?(?:(?P<what>款)|条{_PARTS})")
_HERE = re.compile(rf"本条(?=第){_PARTS}")
_ANY = re.compile(r"第.{1,12}条|前.{0,2}[款条]|本条第|《")


@dataclass(frozen=True, slots=True)
class CrossReference:
    """A span of the document text, and the clause, paragraph and item that it refers to.

    `clause_id` is "" where a document is named as a whole.
    """

    start: int
    end: int
    document_id: str
    clause_id: str = ""
    paragraph: int = 0
    item: str = ""


ClausesOf = Callable[[str], Sequence[Clause]]


def find_cross_references(
    clause: Clause, named: Callable[[str], str], clauses_of: ClausesOf
) -> list[CrossReference]:
    """Return what a clause refers to, in order; what the corpus does not have is left out.

    `named` gives the id of the document with a name, "" where there is none, `clauses_of` the
    clauses of a document by its id.
    """
    if not _ANY.search(clause.text):
        return []
    own = clauses_of(clause.document_id)
    found = [*_relative(clause, own), *_titles(clause, named)]
    text = clause.text
    for reference in find_references(text):
        if reference.start == 0 or reference.outline or text[reference.start] not in "第同":
            continue  # the clause's own label, or what is no citation in a rule's own words
        document_id = _document_of(text[: reference.start], clause.document_id, named)
        if document_id:
            found += _targets(reference, clause.start, document_id, clauses_of(document_id))
    return sorted(
        dict.fromkeys(one for one in found if one.clause_id != clause.id or one.paragraph),
        key=lambda one: (one.start, one.end),
    )


def _document_of(before: str, own: str, named: Callable[[str], str]) -> str:
    """Return the document that a citation means by the words before it, "" for one not here."""
    if match := _QUOTED.search(before):
        return named(match[1])
    if _OWN.search(before):
        return own
    match = _UNQUOTED.search(before)
    if match is None:
        return own
    name = match[1]
    # The name begins somewhere in the run of characters; the longest that is known counts.
    known = next((one for n in range(len(name) - 1) if (one := named(name[n:]))), "")
    return known or ("" if re.search(r"[^本]法$|条例$", name) and "本" not in name[-4:] else own)


def _targets(
    reference: Reference, offset: int, document_id: str, clauses: Sequence[Clause]
) -> Iterator[CrossReference]:
    for clause in resolve(reference, clauses):
        target = target_of(reference, clause)
        yield CrossReference(
            offset + reference.start,
            offset + reference.end,
            document_id,
            clause.id,
            target.paragraph,
            target.item,
        )


def _relative(clause: Clause, own: Sequence[Clause]) -> Iterator[CrossReference]:
    """Yield what 前款, 前两条 and 本条第X款 mean."""
    articles = [one for one in own if is_article(one)]
    place = next((n for n, one in enumerate(articles) if one.id == clause.id), 0)
    for match in _BEFORE.finditer(clause.text):
        start, end = clause.start + match.start(), clause.start + match.end()
        many = _value(match["many"]) or 1
        if match["what"] is None:
            for one in articles[max(place - many, 0) : place]:
                yield _part(one, match, start, end)
        else:
            here = next((p.number for p in clause.paragraphs if p.start <= start < p.end), 0)
            for number in range(max(here - many, 1), here):
                yield CrossReference(start, end, clause.document_id, clause.id, number)
    for match in _HERE.finditer(clause.text):
        start, end = clause.start + match.start(), clause.start + match.end()
        found = _part(clause, match, start, end)
        if found.paragraph:
            yield found


def _part(clause: Clause, match: re.Match[str], start: int, end: int) -> CrossReference:
    """Return the paragraph or item of a clause that a match names."""
    numbers = _value(match["paragraph"]), _value(match["item"])
    target = target_of(Reference((0,), *numbers, 0, 0), clause)
    return CrossReference(start, end, clause.document_id, clause.id, target.paragraph, target.item)


def _titles(clause: Clause, named: Callable[[str], str]) -> Iterator[CrossReference]:
    """Yield the documents that are named as a whole."""
    for match in re.finditer(r"《([^《》]{2,80})》(?!第)", clause.text):
        document_id = named(match[1])
        if document_id and document_id != clause.document_id:
            start = clause.start + match.start()
            yield CrossReference(start, start + len(match[0]), document_id)


def _value(numeral: str | None) -> int:
    try:
        return number_of(numeral) if numeral else 0
    except ValueError:
        return 0
