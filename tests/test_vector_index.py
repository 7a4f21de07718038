"""The vector index against numpy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.errors import IndexMismatchError
from qa.vector_index import VectorIndex


def unit_rows(seed: int, size: int, dimensions: int = 16) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((size, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def assert_best(
    ranking: tuple[np.ndarray, np.ndarray], scores: np.ndarray, allowed: np.ndarray, k: int
) -> None:
    """Assert that a ranking holds the k best allowed rows; float noise may swap near ties."""
    rows, found = ranking
    expected = np.sort(scores[allowed])[::-1][:k]
    assert len(rows) == len(set(rows.tolist())) == len(expected)
    assert allowed[rows].all()
    assert found == pytest.approx(expected, abs=1e-5)
    assert found == pytest.approx(scores[rows], abs=1e-5)
    assert (np.diff(found) <= 0).all()
    assert (rows.dtype, found.dtype) == (np.int64, np.float32)


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    size=st.integers(0, 300),
    k=st.integers(0, 320),
    share=st.sampled_from([None, 0.0, 0.02, 0.3, 1.0]),
)
def test_search_is_brute_force(seed: int, size: int, k: int, share: float | None) -> None:
    """Every search gives the k best of the allowed rows, and never FAISS's padding of -1."""
    index = VectorIndex.build(unit_rows(seed, size))
    questions = unit_rows(seed + 1, 3)
    mask = None if share is None else np.random.default_rng(seed).random(size) < share
    allowed = np.ones(size, bool) if mask is None else mask
    found = index.search(questions, k, mask)
    for ranking, scores in zip(found, questions @ index.vectors().T, strict=True):
        assert_best(ranking, scores, allowed, k)


def test_large_index_is_brute_force() -> None:
    """So it is where FAISS works in blocks, with a filter and without."""
    index = VectorIndex.build(unit_rows(1, 20_000))
    questions = unit_rows(2, 40)
    for allowed in (np.ones(20_000, bool), np.arange(20_000) % 7 == 3):
        scores = questions @ index.vectors().T
        for ranking, one in zip(index.search(questions, 50, allowed), scores, strict=True):
            assert_best(ranking, one, allowed, 50)


def test_vectors_are_kept_to_sixteen_bits() -> None:
    """What is kept differs from what was given by a 16-bit float's half step at most."""
    vectors = unit_rows(3, 500)
    kept = VectorIndex.build(vectors).vectors()
    assert np.abs(kept - vectors).max() <= 2**-12
    assert np.array_equal(VectorIndex.build(kept).vectors(), kept)


def test_save_and_load(tmp_path: Path) -> None:
    """A loaded index answers as the saved one, to the bit."""
    index = VectorIndex.build(unit_rows(4, 300))
    index.save(tmp_path / "vectors.faiss")
    loaded = VectorIndex.load(tmp_path / "vectors.faiss")
    assert (len(loaded), loaded.dimensions) == (300, 16)
    assert np.array_equal(loaded.vectors(), index.vectors())
    questions = unit_rows(5, 4)
    for one, other in zip(index.search(questions, 9), loaded.search(questions, 9), strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


def test_save_where_nothing_can_be_written(tmp_path: Path) -> None:
    """FAISS's RuntimeError becomes an OSError that names the file."""
    with pytest.raises(OSError, match="missing"):
        VectorIndex.build(unit_rows(4, 3)).save(tmp_path / "missing" / "vectors.faiss")


def test_equal_scores_come_in_the_order_of_rows() -> None:
    """Of equal vectors the first rows are found, in their order."""
    index = VectorIndex.build(np.ones((4000, 8), np.float32))
    assert index.search(np.ones((1, 8), np.float32), 3)[0][0].tolist() == [0, 1, 2]
    allowed = np.isin(np.arange(4000), [3999, 17, 2500])
    found = index.search(np.ones((1, 8), np.float32), 5, allowed)[0][0]
    assert found.tolist() == [17, 2500, 3999]


def test_an_empty_index(tmp_path: Path) -> None:
    """An index without rows can be built, saved, loaded and searched, and finds nothing."""
    VectorIndex.build(np.zeros((0, 16), np.float32)).save(tmp_path / "vectors.faiss")
    index = VectorIndex.load(tmp_path / "vectors.faiss")
    assert (len(index), index.dimensions, index.vectors().shape) == (0, 16, (0, 16))
    assert [rows.tolist() for rows, _ in index.search(unit_rows(1, 2), 5)] == [[], []]
    assert index.search(unit_rows(1, 1), 5, np.zeros(0, bool))[0][0].tolist() == []


def test_no_question() -> None:
    """No question, no ranking."""
    assert VectorIndex.build(unit_rows(1, 5)).search(np.zeros((0, 16), np.float32), 5) == []


def test_wrong_dimension() -> None:
    """Another encoder's vectors are refused with both dimensions and the cure."""
    index = VectorIndex.build(unit_rows(1, 5))
    with pytest.raises(IndexMismatchError, match=r"of 16 dimensions.* of 8; run `tiaowen index`$"):
        index.search(unit_rows(1, 1, dimensions=8), 5)


def test_vectors_of_another_layout() -> None:
    """Columns of a wider matrix, and 64-bit floats, are searched like their copies."""
    wide = unit_rows(6, 50, dimensions=32)
    index = VectorIndex.build(wide[:, ::2])
    expected = index.search(np.ascontiguousarray(wide[:3, ::2]), 4)
    for one, other in zip(index.search(wide[:3, ::2].astype(float), 4), expected, strict=True):
        assert np.array_equal(one[0], other[0])
