"""The learnt weights: one column each, read from beside the encoder, plain where there are none."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from qa.encoder import EMBEDDED_FOLDER
from qa.errors import EncoderError
from qa.ranking import NAMES, PLAIN, Weights, read_ranking, write_ranking


def test_a_score_is_the_weighted_sum() -> None:
    """Each column of evidence counts with the weight of its name, by numpy's own product."""
    evidence = np.random.default_rng(0).random((5, len(NAMES))).astype(np.float32)
    weights = Weights(*range(1, len(NAMES) + 1))
    expected = [sum(w * e for w, e in zip(astuple(weights), row, strict=True)) for row in evidence]
    assert weights.score(evidence) == pytest.approx(expected, rel=1e-5)


def test_weights_are_read_as_written(tmp_path: Path) -> None:
    """To four decimals; a folder without the file gives the weights set by hand."""
    assert read_ranking(tmp_path) == PLAIN
    ranking = {"zh": Weights(likeness=1.2345), "en": Weights(length=-0.0625)}
    write_ranking(tmp_path, ranking)  # type: ignore[arg-type]
    assert read_ranking(tmp_path) == ranking


@pytest.mark.parametrize("text", ["{", "{}", '{"zh": {"nonsense": 1}, "en": {}}', "[]"])
def test_an_unreadable_file_is_named(tmp_path: Path, text: str) -> None:
    """What is wrong is said with the path."""
    (tmp_path / "ranking.json").write_text(text, "utf-8")
    with pytest.raises(EncoderError, match=r"ranking\.json: the weights cannot be read"):
        read_ranking(tmp_path)


def test_the_packaged_encoder_has_learnt_weights() -> None:
    """Likeness, coverage and token match speak for a clause, length and front matter against."""
    for weights in read_ranking(EMBEDDED_FOLDER).values():
        assert weights != PLAIN["zh"]
        assert min(weights.likeness, weights.coverage, weights.match) > 0
        assert max(weights.length, weights.front) < 0
