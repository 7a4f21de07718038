"""Confidence: fitted, calibrated, thresholds for a stated error rate, refitted by users."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qa.calibrating import calibrate
from qa.confidence import (
    FEATURES,
    PLAIN,
    SHARE_ANSWERED,
    Calibration,
    Sample,
    calibration_error,
    fit,
    judge,
    read_calibration,
    write_calibration,
)
from qa.encoder import EMBEDDED_FOLDER
from qa.errors import CorpusError, EncoderError


def samples_of(seed: int, count: int = 4000) -> list[Sample]:
    """Return questions whose chance of being right is a known function of their features."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        features = (1.0, *rng.random(len(FEATURES) - 1).tolist())
        chance = 1 / (1 + np.exp(-(-5 + 6 * features[1] + 4 * features[3])))
        right = bool(rng.random() < chance)
        made.append(Sample("zh", features, right, right or bool(rng.random() < 0.3)))
    return made


def test_the_true_weights_are_recovered() -> None:
    """From 4,000 samples of a known function the fit comes near it, and it is calibrated."""
    fitted = fit(samples_of(1), PLAIN, pull=0.1)
    weights = dict(zip(FEATURES, fitted.weights["zh"], strict=True))
    assert weights["likeness"] == pytest.approx(6, abs=0.8)
    assert weights["coverage"] == pytest.approx(4, abs=0.8)
    assert weights["echo"] == pytest.approx(0, abs=0.6)
    fresh = [(judge(s.features, "zh", fitted).confidence, s.right) for s in samples_of(2)]
    assert calibration_error(fresh) < 0.03


def test_the_threshold_keeps_the_stated_error_rate() -> None:
    """Of the questions without an answer no more than the stated share is answered."""
    samples = samples_of(3)
    fitted = fit(samples, PLAIN)
    without = [s for s in samples if not s.answerable]
    answered = [judge(s.features, "zh", fitted).status == "answered" for s in without]
    assert np.mean(answered) == pytest.approx(SHARE_ANSWERED, abs=0.01)


def test_a_language_without_samples_keeps_its_weights() -> None:
    """Chinese questions say nothing about English ones."""
    assert fit(samples_of(4, 100), PLAIN).weights["en"] == PLAIN.weights["en"]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(0.5, True), (0.5, False)] * 50, 0.0),
        ([(1.0, False)] * 10, 1.0),
        ([(0.9, True)] * 90 + [(0.9, False)] * 10, 0.0),
        ([], 0.0),
    ],
)
def test_calibration_error(pairs: list[tuple[float, bool]], expected: float) -> None:
    """By hand: the distance of confidence and share right, whole groups of equal confidence."""
    rng = np.random.default_rng(0)
    mixed = [pairs[n] for n in rng.permutation(len(pairs))]
    assert calibration_error(mixed, bins=1) == pytest.approx(expected)


def test_a_calibration_is_read_as_written(tmp_path: Path) -> None:
    """The user's, in the corpus folder, comes before the encoder's; without any, PLAIN."""
    corpus, encoder = tmp_path / "corpus", tmp_path / "encoder"
    corpus.mkdir()
    encoder.mkdir()
    assert read_calibration(encoder, corpus) == PLAIN
    weights = {"zh": tuple(range(len(FEATURES))), "en": tuple(range(len(FEATURES)))}
    for folder, threshold in ((encoder, 0.5), (corpus, 0.7)):
        made = Calibration(weights, threshold, 0.1)  # type: ignore[arg-type]
        write_calibration(folder, made)
        assert read_calibration(encoder, corpus).answered == threshold


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"features": ["other"]})])
def test_an_unusable_calibration_is_named_with_its_cure(tmp_path: Path, text: str) -> None:
    """The error ends with what to do."""
    (tmp_path / "confidence.json").write_text(text, "utf-8")
    with pytest.raises(EncoderError, match=r"confidence\.json.*tiaowen calibrate"):
        read_calibration(EMBEDDED_FOLDER, tmp_path)


def test_too_few_questions_are_refused() -> None:
    """Ten questions calibrate nothing."""
    with pytest.raises(CorpusError, match="at least 20 of each"):
        calibrate(samples_of(5, 10), PLAIN)


def test_figures_come_from_questions_that_were_held_out() -> None:
    """On features that tell nothing, cross-validation shows no gain, however well it fits."""
    rng = np.random.default_rng(6)
    noise = [
        Sample("zh", (1.0, *rng.random(len(FEATURES) - 1).tolist()), bool(n % 2), bool(n % 2))
        for n in range(200)
    ]
    fitted = calibrate(noise, PLAIN, pull=0.01)
    assert fitted.answered < 0.35
    assert fitted.refused > 0.65
