"""The second look: token by token, equal to the plain definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa.token_index import MIN_LIKENESS, NEAR, WEIGHTY, TokenIndex


def by_hand(question: np.ndarray, clauses: list[np.ndarray], table: np.ndarray) -> np.ndarray:
    """Each weighty token of the question counts with its best cosine in the clause."""
    order = sorted(range(len(question)), key=lambda n: -np.linalg.norm(question[n]))
    total = sum(np.linalg.norm(row) for row in question)
    kept, seen = [], 0.0
    for n in order:
        if seen < WEIGHTY * total:
            kept.append(n)
        seen += np.linalg.norm(question[n])
    found = []
    for clause in clauses:
        score = close = weight = 0.0
        near = set()
        for n in kept:
            length = float(np.linalg.norm(question[n]))
            cosines = [
                float(question[n] @ table[token]) / length / float(np.linalg.norm(table[token]))
                for token in clause
            ]
            best = max(cosines, default=0.0)
            score += length * (best if best >= MIN_LIKENESS else 0.0)
            close += length * (best if best >= NEAR else 0.0)
            weight += length
            near |= {place for place, cosine in enumerate(cosines) if cosine >= NEAR}
        found.append((score / weight, close / weight, len(near) / max(len(clause), 1)))
    return np.array(found)


@pytest.mark.parametrize("seed", range(5))
def test_match_equals_its_definition(tmp_path: Path, seed: int) -> None:
    """Built, saved and loaded, the index gives what the definition gives; no tokens give 0."""
    random = np.random.default_rng(seed)
    table = random.standard_normal((50, 8)).astype(np.float32)
    sizes = random.integers(0, 9, 12)
    clauses = [random.integers(0, 50, size).astype(np.int32) for size in sizes]
    TokenIndex.build(clauses, lambda ids: table[ids]).save(tmp_path)
    index = TokenIndex.load(tmp_path)
    question = random.standard_normal((6, 8)).astype(np.float32)
    rows = random.permutation(12)[:7]
    expected = by_hand(question, [np.unique(clauses[row]) for row in rows], table)
    assert index.match(question, rows) == pytest.approx(expected, abs=1e-5)
    assert not index.match(question[:0], rows).any()
    assert len(index) == 12


def test_a_corpus_without_tokens() -> None:
    """An encoder without a token table leaves every clause unmatched."""
    empty = [np.zeros(0, np.int32)] * 3
    index = TokenIndex.build(empty, lambda ids: np.zeros((len(ids), 4), np.float32))
    assert not index.match(np.ones((2, 4), np.float32), np.arange(3)).any()
