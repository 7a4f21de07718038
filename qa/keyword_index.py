"""Rows of text found by their words: BM25, computed and stored by bm25s."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.text import words

# Lucene's k1. b is above Lucene's 0.75: on STARD's 933 lay questions recall@10 is .455 against
# .446, since a long clause that names many things answers few questions.
K1 = 1.2
B = 0.9
FILES = (
    "data.csc.index.npy",
    "indices.csc.index.npy",
    "indptr.csc.index.npy",
    "params.index.json",
    "vocab.index.json",
)
_TEXTS_AT_A_TIME = 1000

Ranking = tuple[NDArray[np.int64], NDArray[np.float32]]


class KeywordIndex:
    """An immutable BM25 index; its rows are the texts in the order in which they were given."""

    def __init__(self, model: Any) -> None:
        """Take over a filled bm25s model; callers use `build` or `load`."""
        self._model = model
        # Plain views: slicing np.memmap objects costs more than the sums themselves.
        for name in ("data", "indices", "indptr"):
            model.scores[name] = np.asarray(model.scores[name])
        self._size = int(model.scores["num_docs"])

    def __len__(self) -> int:
        return self._size

    @classmethod
    def build(cls, texts: Sequence[str]) -> KeywordIndex:
        """Return the index of texts; equal texts give an equal index."""
        vocabulary: dict[str, int] = {}
        rows: list[list[int]] = []
        for start in range(0, len(texts), _TEXTS_AT_A_TIME):
            for found in words(texts[start : start + _TEXTS_AT_A_TIME]):
                rows.append([vocabulary.setdefault(word, len(vocabulary)) for word in found])
        model = _bm25s().BM25(k1=K1, b=B, method="lucene")
        if vocabulary:
            model.index((rows, vocabulary), create_empty_token=False, show_progress=False)
        else:  # bm25s would divide by the mean length, 0.
            model.vocab_dict, model.nonoccurrence_array = {}, None
            model.scores = {
                "data": np.zeros(0, np.float32),
                "indices": np.zeros(0, np.int32),
                "indptr": np.zeros(1, np.int64),
                "num_docs": len(rows),
            }
        return cls(model)

    def save(self, folder: Path) -> None:
        """Write the index as the plain FILES of a folder."""
        self._model.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> KeywordIndex:
        """Return a saved index; its arrays stay on disk and are mapped into memory."""
        return cls(_bm25s().BM25.load(folder, mmap=True, show_progress=False))

    def search(
        self, questions: Sequence[str], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> list[Ranking]:
        """Return for each question the k best rows and their scores, best first.

        Only rows with a word of the question, so there may be fewer than k; equal scores come
        in the order of the rows. `allowed` says for each row whether it may be found.
        """
        return [self.search_words(found, k, allowed) for found in words(questions)]

    def search_words(
        self, found: Sequence[str], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return the k best rows for words, as `search` does for a question of these words."""
        return self._best(self._ids(list(found)), k, allowed)

    def score(self, question: str, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the scores of given rows, 0 where a row has no word of the question."""
        scores = np.zeros(len(rows), np.float32)
        for column in self._ids(words([question])[0]):
            present, places = self._places(column, rows)
            scores[present] += self._model.scores["data"][places]
        return scores

    def coverage(
        self, concepts: Sequence[Sequence[Sequence[str]]], rows: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """Return the share of a question's weight whose concepts occur in each row, 0 to 1.

        A concept is a list of alternatives, an alternative a list of words that must all occur.
        It weighs the idf of the rarest word of its commonest alternative that the index knows;
        one that no row has weighs as much as a word that a single row has.
        """
        covered = np.zeros(len(rows), np.float64)
        total = 0.0
        for alternatives in concepts:
            every = [[self._model.vocab_dict.get(word) for word in one] for one in alternatives]
            known = [[n for n in one if n is not None] for one in every if one and None not in one]
            weights = [max(map(self._idf, columns)) for columns in known]
            total += (weight := min(weights, default=self._idf(None)))
            held = np.zeros(len(rows), bool)
            for columns in known:
                held |= np.logical_and.reduce([self._places(c, rows)[0] for c in columns])
            covered[held] += weight
        return (covered / total if total else covered).astype(np.float32)

    def _ids(self, found: list[str]) -> list[int]:
        ids: list[int] = self._model.get_tokens_ids(found)
        return ids

    def _best(self, ids: list[int], k: int, allowed: NDArray[np.bool_] | None) -> Ranking:
        if not ids or k < 1:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        # Not bm25s.retrieve: it pads with rows of score 0, and partitions them too (1.7 ms at
        # 61,000 rows against 0.1 ms for the scores alone).
        scores: NDArray[np.float32] = self._model.get_scores_from_ids(ids)
        rows = np.flatnonzero(scores > 0 if allowed is None else (scores > 0) & allowed)
        found = scores[rows]
        if len(rows) > k:
            kept = found >= np.partition(found, -k)[-k]
            rows, found = rows[kept], found[kept]
        order = np.argsort(-found, kind="stable")[:k]
        return rows[order], found[order]

    def _places(
        self, column: int, rows: NDArray[np.integer]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which of the rows have a word, and where in the data their scores are."""
        start, end = self._model.scores["indptr"][column : column + 2]
        having = self._model.scores["indices"][start:end]
        places = np.searchsorted(having, rows)
        places[places == len(having)] = 0
        present = having[places] == rows
        return present, start + places[present]

    def _idf(self, column: int | None) -> float:
        count = 1
        if column is not None:
            start, end = self._model.scores["indptr"][column : column + 2]
            count = int(end - start)
        return float(np.log1p((self._size - count + 0.5) / (count + 0.5)))


def _bm25s() -> Any:
    """Return the library, which otherwise sets its own logger to DEBUG."""
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s
