"""Pieces of clauses as they are compared with questions, each read once while it is in use."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.encoder import Encoder
from qa.quantities import Quantity, held_quantities
from qa.text import normalise

KEPT = 8192  # texts; about 15 MB where each has a hundred tokens


@dataclass(frozen=True, slots=True)
class Piece:
    """A clause, a paragraph or a sentence: its vector, its tokens, the quantities it states."""

    vector: NDArray[np.float32]
    tokens: NDArray[np.int32]
    quantities: Quantity


class Pieces:
    """Reads texts of clauses: the same sentences are rated for question after question."""

    def __init__(self, encoder: Encoder) -> None:
        """Read with an encoder."""
        self._encoder = encoder
        self._read = functools.lru_cache(maxsize=KEPT)(self._read_one)

    def read(self, texts: Sequence[str]) -> list[Piece]:
        """Return the piece of each text."""
        return [self._read(text) for text in texts]

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit row of each text."""
        return np.stack([self._read(text).vector for text in texts])

    def _read_one(self, text: str) -> Piece:
        plain = normalise(text)
        (vector,), (tokens,) = self._encoder.clauses_and_tokens([plain])
        return Piece(vector, tokens, held_quantities(plain))
