"""A text that cites the documents → what in it is so: citations, quotations, numbers."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from qa.amounts import Amount, find_amounts
from qa.differences import Difference, compare
from qa.document_names import names_of
from qa.errors import QuestionTooLongError
from qa.labels import label_en, label_of
from qa.models import Clause, Document, Hit, Question, Reference, Validity
from qa.references import find_references
from qa.resolution import Target, span_of
from qa.text import language_of, normalise, words

Verdict = Literal["verified", "altered", "not_found", "repealed"]
Kind = Literal["citation", "quotation", "number"]
SEVERITY: tuple[Verdict, ...] = ("verified", "repealed", "altered", "not_found")
SHORTEST = 6  # letters of a quotation that is checked
LIKE = 0.6  # share of letters in common from which a quotation counts as altered, not invented

_QUOTATION = re.compile(r"“([^“”]+)”|「([^「」]+)」|『([^『』]+)』|\"([^\"\n]+)\"")
_SENTENCE = re.compile(r"[^。！？!?；;\n]+(?:[。！？!?；;]+[”’」』）\")]*|\n|$)|\n")
# Letters and digits, the point of a decimal number, and the sign of a share.
_LETTER = re.compile(r"[^\W_]|(?<=\d)\.(?=\d)|[%‰]")
_NOT = "不未无非没勿莫"
_NOT_EN = re.compile(r"\b(?:not|never|no|without)\s*$", re.IGNORECASE)
_PARTS = re.compile(r"[，,；;。：:\n](?!\d)")
FEWEST_AROUND = 2  # words beside a number that say what it is said of
PLACE_HELD, PLACE_LEAD = 0.5, 0.25  # words around a number that its place in a clause must have
MOST_QUOTATIONS = 500  # in one text


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing of a text that was checked, where it stands, and how it came out."""

    kind: Kind
    verdict: Verdict
    text: str
    start: int
    end: int
    message: str
    clause_id: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was checked, and the spans of sentences in which there was nothing to."""

    findings: tuple[Finding, ...]
    unchecked: tuple[tuple[int, int], ...]

    @property
    def verdict(self) -> Verdict:
        """Return the worst verdict; a text without anything to check is not_found."""
        if not self.findings:
            return "not_found"
        return max((one.verdict for one in self.findings), key=SEVERITY.index)


class Library(Protocol):
    """What the check asks of the corpus."""

    def cited(self, text: str) -> list[Target]:
        """Return what a text cites by number."""

    def named(self, text: str) -> list[Document]:
        """Return the documents that a text names."""

    def search(self, question: Question) -> list[Hit]:
        """Return the clauses nearest to a text."""

    def document(self, document_id: str) -> Document:
        """Return a document."""

    def holding(self, letters: str) -> list[Clause]:
        """Return the clauses whose text or translation has a run of letters (see `letters_of`)."""

    def translation(self, clause_id: str) -> str:
        """Return the reference translation of a clause."""

    def status_of(self, document: Document) -> Validity:
        """Return whether a document is in force on the day that counts."""


@dataclass(frozen=True, slots=True)
class _Said:
    """One sentence of a text, where it begins, and what it cites and names."""

    text: str
    start: int
    references: tuple[Reference, ...]
    named: tuple[Document, ...]
    targets: tuple[Target, ...]


def verify_text(text: str, library: Library) -> Verification:
    """Return what of a text is so; sentences are taken in order, a document stays named.

    Raises QuestionTooLongError for more than MOST_QUOTATIONS quotations.
    """
    if len(_QUOTATION.findall(text)) > MOST_QUOTATIONS:
        raise QuestionTooLongError(
            f"the text has more than {MOST_QUOTATIONS} quotations; send it in parts"
        )
    findings: list[Finding] = []
    unchecked: list[tuple[int, int]] = []
    context = ""
    last: Sequence[Target] = ()
    for start, sentence in _sentences(text):
        said = _read(sentence, start, context, library)
        cited = said.targets if said.references else last
        here = [*_citations(said, library), *_quotations(said, cited, library)]
        here += _numbers(said, library)
        if said.named:
            titles = "".join(f"《{one.title}》" for one in said.named)
            context = titles if said.references else sentence
        last = cited
        if here:
            findings += here
        elif _LETTER.search(sentence):
            unchecked.append((start, start + len(sentence)))
    return Verification(tuple(findings), tuple(unchecked))


def letters_of(text: str) -> str:
    """Return the letters and digits of a text in one spelling: what a quotation must keep."""
    return "".join(_LETTER.findall(normalise(text)))


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield sentences; one that ends within a quotation goes on to its end."""
    inside = [match.span() for match in _QUOTATION.finditer(text)]
    begin = 0
    for match in _SENTENCE.finditer(text):
        if any(start < match.end() < end for start, end in inside):
            continue
        if match.end() > begin:
            yield begin, text[begin : match.end()]
        begin = match.end()
    if begin < len(text):
        yield begin, text[begin:]


def _read(sentence: str, start: int, context: str, library: Library) -> _Said:
    references = find_references(sentence)
    named = library.named(sentence)
    inferred = f"{context} {sentence}" if context and not named else sentence
    targets = library.cited(inferred) if references else []
    return _Said(sentence, start, tuple(references), tuple(named), tuple(targets))


def _citations(said: _Said, library: Library) -> Iterator[Finding]:
    if not said.references:
        return
    first, last = said.references[0].start, said.references[-1].end
    text = said.text[first:last]
    where = (said.start + first, said.start + last)
    if not said.targets:
        names = "".join(f"《{one.title}》" for one in said.named)
        message = f"{names} has no such article" if names else "no document here is named for it"
        yield Finding("citation", "not_found", text, *where, message)
    for one in said.targets:
        document = library.document(one.clause.document_id)
        status = library.status_of(document)
        place = f"《{document.title}》{label_of(one.clause, one.paragraph, one.item)}"
        if not one.has_all:
            count = len(one.clause.paragraphs)
            message = (
                f"《{document.title}》{one.clause.label} has {count} paragraph(s), not that one"
            )
            yield Finding("citation", "not_found", text, *where, message, one.clause.id)
        elif status in ("repealed", "expired"):
            day = document.repealed if status == "repealed" else document.expires
            message = f"{place}: {status} {day}"
            if document.successor:
                message += f"; see 《{document.successor}》"
            yield Finding("citation", "repealed", text, *where, message, one.clause.id)
        else:
            yield Finding("citation", "verified", text, *where, place, one.clause.id)


def _quotations(said: _Said, cited: Sequence[Target], library: Library) -> Iterator[Finding]:
    for match in _QUOTATION.finditer(said.text):
        quoted = next(group for group in match.groups() if group)
        where = (said.start + match.start(), said.start + match.end())
        before = said.text[: match.start()]
        if len(letters_of(quoted)) >= SHORTEST:
            yield _quotation(quoted, before, where, cited, library)
            continue
        # A few words may be a name or a term; but what they turn round is told.
        for one in cited:
            left_out = _negation_before(quoted, before, one.clause, library)
            if left_out and letters_of(quoted) in _letters(one, library):
                message = f"the quotation leaves out {left_out!r} right before it"
                lost = (Difference(left_out, ""),)
                yield Finding("quotation", "altered", quoted, *where, message, one.clause.id, lost)


def _quotation(
    quoted: str, before: str, where: tuple[int, int], cited: Sequence[Target], library: Library
) -> Finding:
    """Return how a quotation compares with what is cited, or else with the whole corpus."""
    wanted = letters_of(quoted)
    for one in cited:
        if wanted in _letters(one, library):
            left_out = _negation_before(quoted, before, one.clause, library)
            if left_out:
                message = f"the quotation leaves out {left_out!r} right before it"
                lost = (Difference(left_out, ""),)
                return Finding("quotation", "altered", quoted, *where, message, one.clause.id, lost)
            exact = quoted in one.clause.text
            message = "word for word" if exact else "the same but for punctuation, width or script"
            return Finding("quotation", "verified", quoted, *where, message, one.clause.id)
    elsewhere = library.holding(wanted)
    if elsewhere and not cited:
        left_out = _negation_before(quoted, before, elsewhere[0], library)
        if left_out:
            message = f"the quotation leaves out {left_out!r} right before it"
            lost = (Difference(left_out, ""),)
            return Finding("quotation", "altered", quoted, *where, message, elsewhere[0].id, lost)
        place = _place(elsewhere[0], library)
        return Finding("quotation", "verified", quoted, *where, place, elsewhere[0].id)
    if elsewhere:
        message = f"not in the clause cited; it stands in {_place(elsewhere[0], library)}"
        return Finding("quotation", "altered", quoted, *where, message, elsewhere[0].id)
    nearest = [one.clause for one in cited] or [
        hit.clause for hit in library.search(Question(quoted[:300], top_k=3))
    ]
    compared = [(*_compare(quoted, clause, library), clause) for clause in nearest]
    share, differences, clause = max(compared, key=lambda one: one[0])
    if share < LIKE:
        return Finding("quotation", "not_found", quoted, *where, "no clause has these words")
    message = f"not word for word: {_place(clause, library)}"
    return Finding("quotation", "altered", quoted, *where, message, clause.id, differences)


def _negation_before(quoted: str, before: str, clause: Clause, library: Library) -> str:
    """Return the word that turns a quoted text round and was left outside, "" where none was."""
    if before.rstrip().endswith(tuple(_NOT)) or _NOT_EN.search(before):
        return ""
    held, wanted = letters_of(clause.text), letters_of(quoted)
    found = [match.start() for match in re.finditer(re.escape(wanted), held)]
    if found:
        lost = {held[at - 1] if at else "" for at in found}
        return lost.pop() if len(lost) == 1 and lost <= set(_NOT) else ""
    translation = normalise(library.translation(clause.id))
    head, said, _ = translation.partition(normalise(quoted))
    match = _NOT_EN.search(head) if said else None
    return match[0].strip() if match else ""


def _compare(quoted: str, clause: Clause, library: Library) -> tuple[float, tuple[Difference, ...]]:
    """Return the share of a quotation's letters that a clause has in order, and what differs."""
    wanted = letters_of(quoted)
    texts = (clause.text, library.translation(clause.id))
    compared = [compare(letters_of(text), wanted) for text in texts]
    return max(compared, key=lambda one: one[0])


def _numbers(said: _Said, library: Library) -> Iterator[Finding]:
    """Yield each number that a sentence states, outside quotations, of what it cites."""
    if not said.targets:
        return
    texts = [
        text
        for target in said.targets
        for text in (target.clause.text, library.translation(target.clause.id))
        if text
    ]
    held = [amount for text in texts for amount in _amounts_of(text)]
    plain = _QUOTATION.sub(lambda match: " " * len(match[0]), said.text)
    for name in sorted({name for one in said.named for name in names_of(one)}, key=len):
        plain = re.sub(re.escape(name), " " * len(name), plain, flags=re.IGNORECASE)
    spans = [(one.start, one.end) for one in find_references(plain)]
    clause = said.targets[0].clause
    place = _place(clause, library)
    for one in find_amounts(plain):
        if any(a < one.end and one.start < b for a, b in spans):
            continue
        text = plain[one.start : one.end].strip()
        where = (said.start + one.start, said.start + one.end)
        if not one.stands_in(held):
            message = f"this number does not stand in {place}"
            yield Finding("number", "altered", text, *where, message, clause.id)
        elif _is_misplaced(one, plain, texts):
            message = f"in {place} this number is said of something else"
            yield Finding("number", "altered", text, *where, message, clause.id)
        else:
            yield Finding("number", "verified", text, *where, place, clause.id)


@functools.lru_cache(maxsize=4096)
def _amounts_of(text: str) -> tuple[Amount, ...]:
    return tuple(find_amounts(text))


def _is_misplaced(amount: Amount, sentence: str, texts: Sequence[str]) -> bool:
    """Return whether a part of the texts that has another number is far more like the sentence's.

    In 合同成交金额超过3000亿元，科研机构合同成交金额超过300亿元 the institutes' 3000 is misplaced.
    """
    said = _part_at(sentence, amount.start)
    (wanted,) = words([said])
    around = set(wanted) - set(words([sentence[amount.start : amount.end]])[0])
    parts = [
        part
        for text in texts
        if language_of(text) == language_of(said)
        for part in _PARTS.split(text)
        if _amounts_of(part)
    ]
    if not parts or len(around) < FEWEST_AROUND:
        return False
    shares = [len(around & set(found)) / len(around) for found in words(parts)]
    own = [amount.stands_in(_amounts_of(part)) for part in parts]
    best_own = max((share for share, mine in zip(shares, own, strict=True) if mine), default=0.0)
    best_other = max(
        (share for share, mine in zip(shares, own, strict=True) if not mine), default=0.0
    )
    return best_other >= PLACE_HELD and best_other - best_own >= PLACE_LEAD


def _part_at(text: str, at: int) -> str:
    """Return the part between commas in which a place lies."""
    start = max((match.end() for match in _PARTS.finditer(text, 0, at)), default=0)
    end = _PARTS.search(text, at)
    return text[start : end.start() if end else len(text)]


def _letters(target: Target, library: Library) -> str:
    """Return the letters of the part that is cited, and those of the clause's translation."""
    start, end = span_of(target.clause, target.paragraph, target.item)
    text = target.clause.text[start - target.clause.start : end - target.clause.start]
    return f"{letters_of(text)} {letters_of(library.translation(target.clause.id))}"


def _place(clause: Clause, library: Library) -> str:
    document = library.document(clause.document_id)
    return f"《{document.title}》{clause.label} ({label_en(clause)})"
