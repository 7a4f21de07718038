"""Questions → hits: what is cited by number first, then words and vectors, fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.document_names import DocumentNames, says_law_before, says_law_behind
from qa.encoder import Encoder
from qa.lexicon import Concept, Lexicon
from qa.models import Clause, Document, Hit, Question, Reference
from qa.quantities import asked_quantities
from qa.ranking import COMPLETE, NAMES, PLAIN, Ranking
from qa.references import find_references
from qa.resolution import Target, is_article, key_of, resolve, target_of
from qa.snapshots import Snapshot
from qa.spelling import Speller
from qa.statutes import FRONT_KEY
from qa.text import language_of, normalise, words

NEAR = 300  # units that the vectors bring
WORDED = 60  # clauses that the keywords bring
LOOKED_AT = 30  # clauses that get the second look, token by token
MOST_BESIDE = 4  # words beside a bare citation, as in "what does Article 12 provide"
BETWEEN = ' 》>的,，"”'  # what may stand between a document's name and a citation of it
MOST_BEHIND = 12  # characters from a citation to a name behind it: "of the regulations"
MOST_CITED = 10  # clauses that numbers in one question may bring
EXACT_SCORE = 3.0  # what a clause named by its number scores; search scores stay below 2.1

FIRST_COVERAGE, FIRST_NAMED = 0.4, 0.2  # added to the best cosine to choose those looked at

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The candidates of a question: rows of clauses, and a row of evidence for each (n, 12)."""

    rows: Rows
    matrix: Floats


class Retriever:
    """A snapshot and its encoder, ready to find clauses."""

    def __init__(
        self,
        snapshot: Snapshot,
        encoder: Encoder,
        ranking: Ranking = PLAIN,
        lexicon: Lexicon | None = None,
        speller: Speller | None = None,
    ) -> None:
        self._ranking = ranking
        self._snapshot = snapshot
        self._encoder = encoder
        self._lexicon = lexicon or Lexicon(())
        self._unit_clauses = snapshot.units[:, 0].astype(np.int64)
        # Units of a clause lie side by side: row c says where those of clause c begin.
        rows = np.arange(len(snapshot.clauses) + 1)
        self._first_units = np.searchsorted(self._unit_clauses, rows)
        self._speller = speller or Speller(encoder.words())
        self.names = DocumentNames(snapshot.documents)
        self._is_front = np.zeros(len(snapshot.clauses), bool)
        for row in np.unique(snapshot.clause_documents, return_index=True)[1]:
            self._is_front[row] = snapshot.clauses[int(row)].key == FRONT_KEY
        self._positions = {document.id: n for n, document in enumerate(snapshot.documents)}

    def retrieve(self, questions: Sequence[Question]) -> list[list[Hit]]:
        """Return the hits of each question, best first, at most its top_k."""
        texts = [self.prepare(question.text) for question in questions]
        vectors, tokens = self._encoder.questions_and_tokens(texts)
        found: list[list[Hit]] = []
        for question, text, vector, ids in zip(questions, texts, vectors, tokens, strict=True):
            exact = self._cited(question)
            searched = self._search(question, text, vector, ids)
            taken = {hit.clause.id for hit in exact}
            hits = [*exact, *(hit for hit in searched if hit.clause.id not in taken)]
            found.append(
                [
                    replace(hit, rank=rank)
                    for rank, hit in enumerate(hits[: question.top_k], start=1)
                ]
            )
        return found

    def prepare(self, text: str) -> str:
        """Return the text of a question as it is searched: spelling mended, normalised."""
        return normalise(self._speller.mend(text))

    def concepts(self, text: str) -> tuple[tuple[str, ...], ...]:
        """Return the words of a prepared question, each with its renderings."""
        return tuple(
            tuple(dict.fromkeys(" ".join(part) for part in one.alternatives))
            for one in self._lexicon.concepts(text)
        )

    def _allowed(self, question: Question) -> NDArray[np.bool_] | None:
        """Return which clauses the question's filters leave, None where there are no filters."""
        if not question.documents and not question.kinds:
            return None
        kept = np.array([_passes(one, question) for one in self._snapshot.documents], bool)
        allowed: NDArray[np.bool_] = kept[self._snapshot.clause_documents]
        return allowed

    def cited(self, question: Question) -> list[Target]:
        """Return what the question names by numbers, in its order, each clause part once."""
        references = find_references(question.text)
        if not references:
            return []
        documents = [one for one in self._snapshot.documents if _passes(one, question)]
        places = [
            (start, end, passing)
            for start, end, some in self.names.find_at(question.text)
            if (passing := [one for one in some if _passes(one, question)])
        ]
        if not places and len(documents) > 1 and not _is_citation_alone(question.text, references):
            # Said in passing, of a document that is not named: no way to know whose article.
            return []
        targets: dict[tuple[str, int, str], Target] = {}
        foreign = -1  # where a law was named that is not here; what follows is of that law
        for reference in references:
            before = [place for place in places if place[0] < reference.start]
            if _is_foreign(question.text, reference, places):
                foreign = reference.start
            if foreign >= 0 and not any(place[0] >= foreign for place in before):
                continue
            named = before[-1][2] if before else [one for *_, some in places[:1] for one in some]
            for document in named or documents:
                for clause in self._resolve(reference, document, bool(named)):
                    target = target_of(reference, clause)
                    targets.setdefault((clause.id, target.paragraph, target.item), target)
        return list(targets.values())[:MOST_CITED]

    def is_foreign(self, question: Question) -> bool:
        """Return whether the question cites an article of a rule that no document here is."""
        references = find_references(question.text)
        places = self.names.find_at(question.text) if references else []
        return any(_is_foreign(question.text, reference, places) for reference in references)

    def _cited(self, question: Question) -> list[Hit]:
        """Return the clauses that the question names by their numbers."""
        return [
            Hit(one.clause, EXACT_SCORE, 1, one.paragraph, one.item) for one in self.cited(question)
        ]

    def _resolve(self, reference: Reference, document: Document, named: bool) -> list[Clause]:
        """Return the clauses of a document that a reference means.

        Articles are looked up by id; only a document that is named is searched for points.
        """
        clauses = self._snapshot.clauses
        row = clauses.row_of(f"{document.id}#{key_of(reference)}")
        if not reference.outline and row is not None and is_article(clauses[row]):
            return [clauses[row]]
        if not named:
            return []
        return resolve(reference, self._snapshot.clauses_of(self._positions[document.id]))

    def _search(
        self, question: Question, text: str, vector: Floats, ids: NDArray[np.int32]
    ) -> list[Hit]:
        found = self._evidence(question, text, vector, ids)
        if not len(found.rows):
            return []
        scores = self._ranking[language_of(text)].score(found.matrix)
        best = np.argsort(-scores, kind="stable")[: question.top_k]
        rows, scores, evidence = found.rows[best], scores[best], found.matrix[best]
        paragraphs = self._paragraphs(rows, vector)
        return [
            Hit(self._snapshot.clauses[row], score, 0, paragraph, evidence=tuple(pieces))
            for row, score, paragraph, pieces in zip(
                rows.tolist(), scores.tolist(), paragraphs, evidence.tolist(), strict=True
            )
        ]

    def evidence(self, question: Question) -> Evidence:
        """Return what speaks for each candidate, from which its score is made."""
        text = self.prepare(question.text)
        (vector,), (ids,) = self._encoder.questions_and_tokens([text])
        return self._evidence(question, text, vector, ids)

    def _evidence(
        self, question: Question, text: str, vector: Floats, ids: NDArray[np.int32]
    ) -> Evidence:
        snapshot, allowed = self._snapshot, self._allowed(question)
        concepts = self._lexicon.concepts(text)
        near, worded = self._candidates(concepts, vector, allowed)
        rows = np.union1d(self._unit_clauses[near[0]], worded[0])
        named = self._of_named(question)
        if named.any():
            # What the question names is looked at even where the whole corpus has nearer clauses.
            inside = named if allowed is None else named & allowed
            more, worded_more = self._candidates(concepts, vector, inside)
            rows = np.union1d(np.union1d(rows, self._unit_clauses[more[0]]), worded_more[0])
        alternatives = [one.alternatives for one in concepts]
        coverage = snapshot.keyword_index.coverage(alternatives, rows)
        best = self._likeness(rows, near, vector)
        first = best + FIRST_COVERAGE * coverage + FIRST_NAMED * named[rows]
        order = np.argsort(-first, kind="stable")[: max(LOOKED_AT, question.top_k)]
        rows, coverage, best = rows[order], coverage[order], best[order]
        matrix = np.zeros((len(rows), len(NAMES)), np.float32)
        if len(rows):
            match = snapshot.token_index.match(self._encoder.token_vectors(ids), rows)
            whole, second = self._other_likeness(rows, vector)
            complete = np.maximum(coverage - COMPLETE, 0) / (1 - COMPLETE)
            matrix[:, :5] = np.stack([best, whole, second, coverage, complete], axis=1)
            matrix[:, 5:8] = match
            matrix[:, 8] = np.log(np.maximum(snapshot.lengths[rows], 1))
            matrix[:, 9] = named[rows]
            matrix[:, 10] = self._is_front[rows]
            matrix[:, 11] = (snapshot.quantities[rows] & int(asked_quantities(text))) > 0
        return Evidence(rows, matrix)

    def _other_likeness(self, rows: Rows, vector: Floats) -> tuple[Floats, Floats]:
        """Return the cosine of each clause as a whole, and that of its second best unit."""
        units, firsts = self._units(rows)
        scores = self._snapshot.vector_index.score(vector, units)
        best = np.maximum.reduceat(scores, firsts)
        sizes = np.diff([*firsts, len(units)])
        others = scores.copy()
        # The first best unit of each clause is left out, if the clause has another.
        places = np.flatnonzero(scores == np.repeat(best, sizes))
        owners = np.searchsorted(firsts, places, side="right") - 1
        top = places[np.unique(owners, return_index=True)[1]]
        others[top[sizes > 1]] = -1
        return scores[firsts], np.maximum.reduceat(others, firsts)

    def _likeness(self, rows: Rows, near: tuple[Rows, Floats], vector: Floats) -> Floats:
        """Return the best cosine among the units of each clause."""
        likeness = np.full(len(rows), -1, np.float32)
        places = np.searchsorted(rows, self._unit_clauses[near[0]])
        # From the farthest to the nearest, so that the nearest unit of a clause stays.
        likeness[places[::-1]] = near[1][::-1]
        missing = np.flatnonzero(likeness == -1)
        if len(missing):
            units, firsts = self._units(rows[missing])
            scores = self._snapshot.vector_index.score(vector, units)
            likeness[missing] = np.maximum.reduceat(scores, firsts)
        return likeness

    def _paragraphs(self, rows: Rows, vector: Floats) -> list[int]:
        """Return the number of the nearest paragraph of each clause, 0 where it has but one."""
        if not len(rows):
            return []
        units, _ = self._units(rows)
        numbers = self._snapshot.units[units, 1]
        units, numbers = units[numbers > 0], numbers[numbers > 0]
        scores = self._snapshot.vector_index.score(vector, units)
        best: dict[int, int] = {}
        # From the worst to the best, so that the best unit of a clause stays.
        for n in np.argsort(scores).tolist():
            best[int(self._unit_clauses[units[n]])] = int(numbers[n])
        return [best.get(row, 0) for row in rows.tolist()]

    def _units(self, rows: Rows) -> tuple[Rows, Rows]:
        """Return the units of clauses on end, and where those of each clause begin."""
        starts = self._first_units[rows]
        sizes = self._first_units[rows + 1] - starts
        firsts = np.cumsum(sizes) - sizes
        units = np.arange(sizes.sum()) + np.repeat(starts - firsts, sizes)
        return units, firsts

    def _candidates(
        self, concepts: Sequence[Concept], vector: Floats, allowed: NDArray[np.bool_] | None
    ) -> tuple[tuple[Rows, Floats], tuple[Rows, Floats]]:
        """Return the units that the vectors bring, and the clauses that the keywords bring."""
        units = allowed if allowed is None else allowed[self._unit_clauses]
        (near,) = self._snapshot.vector_index.search(vector[None], NEAR, units)
        said = dict.fromkeys(w for one in concepts for part in one.alternatives for w in part)
        worded = self._snapshot.keyword_index.search_words(list(said), WORDED, allowed)
        return near, worded

    def _of_named(self, question: Question) -> NDArray[np.bool_]:
        """Return which clauses belong to a document that the question names."""
        named = np.zeros(len(self._positions), bool)
        named[[self._positions[one.id] for one in self.names.find(question.text)]] = True
        of_named: NDArray[np.bool_] = named[self._snapshot.clause_documents]
        return of_named


def _is_foreign(
    text: str, reference: Reference, places: Sequence[tuple[int, int, list[Document]]]
) -> bool:
    """Return whether a citation is said to be of a law that no document here is."""
    head, tail = text[: reference.start], text[reference.end :]
    is_ours = any(end <= len(head) and not head[end:].strip(BETWEEN) for _, end, _ in places)
    if says_law_before(head):
        return not is_ours
    behind = range(reference.end, reference.end + MOST_BEHIND)
    return says_law_behind(tail) and not any(start in behind for start, _, _ in places)


def _is_citation_alone(text: str, references: Sequence[Reference]) -> bool:
    """Return whether a question asks for what it cites, and says next to nothing else."""
    for reference in reversed(references):
        text = text[: reference.start] + " " + text[reference.end :]
    (rest,) = words([text])
    return len(rest) <= MOST_BESIDE


def _passes(document: Document, question: Question) -> bool:
    return (not question.documents or document.id in question.documents) and (
        not question.kinds or document.kind in question.kinds
    )
