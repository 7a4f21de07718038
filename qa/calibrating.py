"""Labelled questions → a calibration fitted on them, and how well it holds for unseen ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa.confidence import Calibration, Sample, calibration_error, fit, judge
from qa.engine import Engine
from qa.errors import CorpusError
from qa.evaluation import OUT_OF_SCOPE, is_right, read_labelled
from qa.models import Question
from qa.text import language_of

RIGHT = 3  # hits among which the right one must be
FOLDS = 5
FEWEST = 20  # questions of a kind from which a calibration can be fitted


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration, and what it gives for questions that it was not fitted on (by folds).

    `answered` is the share of answerable questions that are answered, `refused` the share of the
    others that are not; `curve` holds (share answered, share of these that are wrong) pairs, and
    `bins` (mean confidence, share right, how many) of ten groups.
    """

    calibration: Calibration
    answerable: int
    others: int
    answered: float
    refused: float
    error: float
    curve: tuple[tuple[float, float], ...]
    bins: tuple[tuple[float, float, int], ...]


def read_samples(engine: Engine, path: Path) -> list[Sample]:
    """Ask every labelled question of a file; those that cite a clause by number are left out."""
    samples = []
    for labelled in read_labelled(path, engine):
        question = Question(labelled.question)
        hits = engine.search(question)
        if hits and hits[0].evidence:
            right = any(is_right(hit, labelled) for hit in hits[:RIGHT])
            answerable = labelled.kind != OUT_OF_SCOPE
            language = language_of(labelled.question)
            features = engine.features(question, hits)
            samples.append(Sample(language, features, right and answerable, answerable))
    return samples


def calibrate(samples: Sequence[Sample], prior: Calibration, pull: float = 1.0) -> Fitted:
    """Return the calibration of samples; raises CorpusError where they are too few.

    Its figures come from cross-validation over FOLDS folds.
    """
    others = sum(not one.answerable for one in samples)
    if min(others, len(samples) - others) < FEWEST:
        raise CorpusError(
            f"{len(samples) - others} questions with an answer and {others} without one are too "
            f'few; give at least {FEWEST} of each (without: "kind": "{OUT_OF_SCOPE}")'
        )
    order = np.random.default_rng(0).permutation(len(samples))
    given: list[tuple[float, Sample]] = []
    passed: list[tuple[bool, Sample]] = []
    for fold in range(FOLDS):
        held = set(order[fold::FOLDS].tolist())
        rest = [one for n, one in enumerate(samples) if n not in held]
        partial = fit(rest, prior, pull)
        for n in sorted(held):
            judgement = judge(samples[n].features, samples[n].language, partial)
            given.append((judgement.confidence, samples[n]))
            passed.append((judgement.status == "answered", samples[n]))
    pairs = [(confidence, one.right) for confidence, one in given]
    return Fitted(
        calibration=fit(samples, prior, pull),
        answerable=len(samples) - others,
        others=others,
        answered=float(np.mean([answered for answered, one in passed if one.answerable])),
        refused=float(np.mean([not answered for answered, one in passed if not one.answerable])),
        error=calibration_error(pairs),
        curve=_curve(pairs),
        bins=_bins(pairs),
    )


def _curve(pairs: Sequence[tuple[float, bool]]) -> tuple[tuple[float, float], ...]:
    ordered = [right for _, right in sorted(pairs, reverse=True)]
    sizes = [round(len(ordered) * share / 10) for share in range(1, 11)]
    return tuple((n / len(ordered), 1 - sum(ordered[:n]) / n) for n in sizes if n)


def _bins(pairs: Sequence[tuple[float, bool]]) -> tuple[tuple[float, float, int], ...]:
    parts = np.array_split(np.array(sorted(pairs), float), min(10, len(pairs)))
    return tuple((float(p[:, 0].mean()), float(p[:, 1].mean()), len(p)) for p in parts)


def format_fitted(fitted: Fitted) -> str:
    """Return the figures as text: shares, calibration error, reliability, risk and coverage."""
    lines = [
        f"questions: {fitted.answerable} with an answer, {fitted.others} without",
        f"answered where there is an answer: {fitted.answered:.3f}",
        f"not answered where there is none: {fitted.refused:.3f}",
        f"expected calibration error: {fitted.error:.3f}",
        f"answered from {fitted.calibration.answered}, closest from {fitted.calibration.closest}",
        "",
        "| confidence | right | questions |",
        "|---|---|---|",
        *(f"| {mean:.2f} | {right:.2f} | {count} |" for mean, right, count in fitted.bins),
        "",
        "| share answered | wrong among these |",
        "|---|---|",
        *(f"| {share:.1f} | {risk:.3f} |" for share, risk in fitted.curve),
    ]
    return "\n".join(lines)
