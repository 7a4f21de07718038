"""Questions → hits: what is cited by number first, then words and vectors, fused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa.encoder import Encoder
from qa.models import Clause, Document, Hit, Question, Reference
from qa.references import find_documents, find_references, is_article, key_of, resolve
from qa.snapshots import Snapshot
from qa.text import normalise

CANDIDATES = 100  # units and clauses that each leg brings
KEYWORD_WEIGHT = 0.3
NAMED_BONUS = 0.08  # for the clauses of a document that the question names
MOST_CITED = 10  # clauses that numbers in one question may bring
EXACT_SCORE = 2.0  # what a clause named by its number scores; search scores stay below 1.4

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


class Retriever:
    """A snapshot and its encoder, ready to find clauses."""

    def __init__(self, snapshot: Snapshot, encoder: Encoder) -> None:
        self._snapshot = snapshot
        self._encoder = encoder
        self._unit_clauses = snapshot.units[:, 0].astype(np.int64)
        self._unit_paragraphs = snapshot.units[:, 1]
        # Row c: where the units of clause c begin; its units lie side by side.
        self._first_units = np.searchsorted(self._unit_clauses, np.arange(len(snapshot.clauses) + 1))
        self._positions = {document.id: n for n, document in enumerate(snapshot.documents)}

    def retrieve(self, questions: Sequence[Question]) -> list[list[Hit]]:
        """Return the hits of each question, best first, at most its top_k."""
        texts = [normalise(question.text) for question in questions]
        vectors = self._encoder.encode_questions(texts)
        found: list[list[Hit]] = []
        for question, text, vector in zip(questions, texts, vectors, strict=True):
            exact = self._cited(question)
            searched = self._search(question, text, vector)
            taken = {(hit.clause.id) for hit in exact}
            hits = [*exact, *(hit for hit in searched if hit.clause.id not in taken)]
            found.append(
                [
                    Hit(hit.clause, hit.score, rank, hit.paragraph)
                    for rank, hit in enumerate(hits[: question.top_k], start=1)
                ]
            )
        return found

    def _allowed(self, question: Question) -> NDArray[np.bool_] | None:
        """Return which clauses the question's filters leave, None where there are no filters."""
        if not question.documents and not question.kinds:
            return None
        kept = np.array(
            [
                (not question.documents or document.id in question.documents)
                and (not question.kinds or document.kind in question.kinds)
                for document in self._snapshot.documents
            ],
            bool,
        )
        allowed: NDArray[np.bool_] = kept[self._snapshot.clause_documents]
        return allowed

    def _cited(self, question: Question) -> list[Hit]:
        """Return the clauses that the question names by their numbers."""
        references = find_references(question.text)
        if not references:
            return []
        documents = [
            document
            for document in self._snapshot.documents
            if (not question.documents or document.id in question.documents)
            and (not question.kinds or document.kind in question.kinds)
        ]
        named = find_documents(question.text, documents)
        hits = []
        for reference in references:
            for document in named or documents:
                for clause in self._resolve(reference, document, bool(named)):
                    paragraph = reference.paragraph if reference.paragraph <= len(clause.paragraphs) else 0
                    hits.append(Hit(clause, EXACT_SCORE, 1, paragraph))
        return hits[:MOST_CITED]

    def _resolve(self, reference: Reference, document: Document, named: bool) -> list[Clause]:
        """Return the clauses of a document that a reference means.

        Articles are looked up by id; only a document that is named is searched for points.
        """
        clauses = self._snapshot.clauses
        row = clauses.row_of(f"{document.id}#{key_of(reference)}")
        if row is not None and is_article(clauses[row]):
            return [clauses[row]]
        if not named:
            return []
        position = self._positions[document.id]
        start, end = np.searchsorted(self._snapshot.clause_documents, [position, position + 1])
        return resolve(reference, clauses[int(start) : int(end)])

    def _search(self, question: Question, text: str, vector: Floats) -> list[Hit]:
        allowed = self._allowed(question)
        units = allowed if allowed is None else allowed[self._unit_clauses]
        (near,) = self._snapshot.vector_index.search(vector[None], CANDIDATES, units)
        (worded,) = self._snapshot.keyword_index.search([text], CANDIDATES, allowed)
        rows, scores, paragraphs = self._fuse(near, worded)
        named = {document.id for document in find_documents(question.text, self._snapshot.documents)}
        if named and len(named) < len(self._snapshot.documents):
            positions = [self._positions[one] for one in named]
            scores = scores + NAMED_BONUS * np.isin(self._snapshot.clause_documents[rows], positions)
        order = np.argsort(-scores, kind="stable")[: question.top_k]
        return [
            Hit(self._snapshot.clauses[int(rows[n])], float(scores[n]), rank, int(paragraphs[n]))
            for rank, n in enumerate(order, start=1)
            if scores[n] > 0
        ]

    def _fuse(
        self, near: tuple[Rows, Floats], worded: tuple[Rows, Floats]
    ) -> tuple[Rows, Floats, NDArray[np.int32]]:
        """Return the candidate clauses, their scores, and the paragraph that is nearest in each.

        The score is the best cosine of a clause's units plus the share of the best keyword score.
        """
        clauses = self._unit_clauses[near[0]]
        rows = np.union1d(clauses, worded[0])
        cosines = np.zeros(len(rows), np.float32)
        paragraphs = np.zeros(len(rows), np.int32)
        places = np.searchsorted(rows, clauses)
        # From the farthest to the nearest, so that the nearest unit of a clause stays.
        cosines[places[::-1]] = near[1][::-1]
        paragraphs[places[::-1]] = self._unit_paragraphs[near[0]][::-1]
        self._best_paragraphs(near, places, rows, paragraphs)
        missing = np.setdiff1d(np.arange(len(rows)), places)
        if len(missing) and len(near[1]):
            cosines[missing] = near[1][-1]
        scores = np.maximum(cosines, 0)
        if len(worded[0]):
            scores[np.searchsorted(rows, worded[0])] += KEYWORD_WEIGHT * worded[1] / worded[1][0]
        return rows, scores, paragraphs

    def _best_paragraphs(
        self, near: tuple[Rows, Floats], places: Rows, rows: Rows, paragraphs: NDArray[np.int32]
    ) -> None:
        """Set for each clause its nearest paragraph, where one of them is among the units found."""
        best: dict[int, int] = {}
        for place, unit in zip(places.tolist(), near[0].tolist(), strict=True):
            paragraph = int(self._unit_paragraphs[unit])
            if paragraph and place not in best:
                best[place] = paragraph
        for place, paragraph in best.items():
            paragraphs[place] = paragraph
