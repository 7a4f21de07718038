"""The tokens of every clause, so that a question's words can be met one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILES = ("tokens.npy", "token_starts.npy", "token_table.npy")
WEIGHTY = 0.95  # share of a question's weight whose tokens are looked for; the lightest are not
MIN_LIKENESS = 0.3  # two tokens that are less alike than this have nothing in common
NEAR = 0.55  # two tokens that are as alike as this say nearly the same

Floats = NDArray[np.float32]
TokenVectors = Callable[[NDArray[np.int32]], Floats]


class TokenIndex:
    """For each clause the distinct tokens in it, as rows of a table of unit vectors."""

    def __init__(self, tokens: NDArray[np.int32], starts: NDArray[np.int64], table: Floats) -> None:
        """Take the tokens of all clauses on end, where each clause's begin, and the table."""
        self._tokens, self._starts, self._table = tokens, starts, table

    def __len__(self) -> int:
        return len(self._starts) - 1

    @classmethod
    def build(cls, tokens: Sequence[NDArray[np.int32]], vectors: TokenVectors) -> TokenIndex:
        """Return the index of the tokens of each clause; `vectors` gives the rows of tokens."""
        distinct = [np.unique(one) for one in tokens]
        starts = np.zeros(len(tokens) + 1, np.int64)
        np.cumsum([len(one) for one in distinct], out=starts[1:])
        flat = np.concatenate([*distinct, np.zeros(0, np.int32)])
        known, rows = np.unique(flat, return_inverse=True)
        table = _unit(vectors(known.astype(np.int32)))
        return cls(rows.astype(np.int32), starts, table)

    def save(self, folder: Path) -> None:
        """Write the index as FILES of a folder."""
        np.save(folder / FILES[0], self._tokens)
        np.save(folder / FILES[1], self._starts)
        np.save(folder / FILES[2], self._table)

    @classmethod
    def load(cls, folder: Path) -> TokenIndex:
        """Return a saved index; its arrays stay on disk and are mapped into memory."""
        tokens, starts, table = (np.load(folder / name, mmap_mode="r") for name in FILES)
        # Plain views: slicing np.memmap objects costs more than what is done with them.
        return cls(np.asarray(tokens), np.asarray(starts), np.asarray(table))

    def match(self, vectors: Floats, rows: NDArray[np.int64]) -> Floats:
        """Return three columns (n, 3) for the given clauses, each from 0 to 1.

        How well the tokens of a question are met in the clause; the same, counting only those
        that are met nearly; the share of the clause's tokens that are near to one of the
        question's. `vectors` (t, d) are the rows of the question's tokens. Each counts with its
        best cosine among the clause's tokens, weighted by its row's length, which training made
        the weight of the word.
        """
        found = np.zeros((len(rows), 3), np.float32)
        weights = np.linalg.norm(vectors, axis=1)
        order = np.argsort(-weights, kind="stable")
        light = np.cumsum(weights[order]) - weights[order] >= WEIGHTY * weights.sum()
        vectors, weights = vectors[order[~light]], weights[order[~light]]
        sizes = self._starts[rows + 1] - self._starts[rows]
        if not weights.sum() or not sizes.sum():
            return found
        filled = sizes > 0
        tokens = np.concatenate([self._tokens[self._starts[n] : self._starts[n + 1]] for n in rows])
        starts = (np.cumsum(sizes) - sizes)[filled]
        likeness = self._likeness(_unit(vectors), tokens)
        best = np.maximum.reduceat(likeness, starts, axis=0)
        best[best < MIN_LIKENESS] = 0
        found[filled, 0] = best @ weights / weights.sum()
        best[best < NEAR] = 0
        found[filled, 1] = best @ weights / weights.sum()
        near = (likeness.max(axis=1) >= NEAR).astype(np.float32)
        found[filled, 2] = np.add.reduceat(near, starts) / sizes[filled]
        return found

    def _likeness(self, unit: Floats, tokens: NDArray[np.int32]) -> Floats:
        """Return the cosines of tokens of clauses (n,) with unit rows of a question's (t, d)."""
        is_here = np.zeros(len(self._table), bool)
        is_here[tokens] = True
        distinct = np.flatnonzero(is_here)
        places = np.empty(len(self._table), np.int32)
        places[distinct] = np.arange(len(distinct), dtype=np.int32)
        likeness: Floats = self._table.take(distinct, 0) @ unit.T
        return likeness.take(places[tokens], 0)


def match_tokens(
    vectors: Floats, tokens: Sequence[NDArray[np.int32]], table: TokenVectors
) -> Floats:
    """Return how well the tokens of a question are met in each of some texts, 0 to 1.

    As the first column of `TokenIndex.match`, for texts that are in no index.
    """
    found = np.zeros(len(tokens), np.float32)
    weights = np.linalg.norm(vectors, axis=1)
    known, rows = np.unique(np.concatenate([*tokens, np.zeros(0, np.int32)]), return_inverse=True)
    if not weights.sum() or not len(known):
        return found
    likeness = _unit(table(known.astype(np.int32))) @ _unit(vectors).T
    sizes = np.array([len(one) for one in tokens])
    starts = (np.cumsum(sizes) - sizes)[sizes > 0]
    best = np.maximum.reduceat(likeness[rows], starts, axis=0)
    best[best < MIN_LIKENESS] = 0
    found[sizes > 0] = best @ weights / weights.sum()
    return found


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return unit
