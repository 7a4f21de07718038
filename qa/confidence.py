"""How sure an answer is: a logistic regression on what speaks for its first hit.

Its weights and thresholds are fitted on labelled questions (`scripts/fit_confidence`, or
`tiaowen calibrate` on the user's own) and kept as `confidence.json`, beside the encoder or, for
the user's, in the corpus folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qa.answers import Judgement
from qa.errors import EncoderError
from qa.models import Hit, Language
from qa.quantities import asked_quantities, held_quantities
from qa.ranking import NAMES
from qa.text import normalise

FILE = "confidence.json"
OF_HIT = ("likeness", "whole", "coverage", "match", "close", "echo")
FEATURES = ("one", *OF_HIT, "margin", "lacks", "unquoted")
SHARE_ANSWERED = 0.075  # of the questions without an answer, how many may come back answered
SHARE_DROPPED = 0.02  # of the questions with an answer, how many may come back without any clause
_PLACES = tuple(NAMES.index(name) for name in OF_HIT)
_QUANTITY = NAMES.index("quantity")
_EVERY: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Calibration:
    """The weights of FEATURES for each language, and from which confidence a status is given."""

    weights: Mapping[Language, tuple[float, ...]]
    answered: float
    closest: float


# What holds for an encoder that nothing was fitted for: its cosine and the words in common.
PLAIN = Calibration(
    MappingProxyType(dict.fromkeys(_EVERY, (-4.0, 4.0, 0.0, 3.0, 3.0, 0.0, 0.0, 2.0, -0.5, -0.5))),
    answered=0.6,
    closest=0.25,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A question that was asked: its features, and whether its first hits hold the answer.

    `answerable` says whether anything in the documents answers it.
    """

    language: Language
    features: tuple[float, ...]
    right: bool
    answerable: bool


def features_of(question: str, hits: Sequence[Hit], quote: str) -> tuple[float, ...]:
    """Return FEATURES of the first hit, and of what is quoted of it.

    Its evidence, its lead over the second, and whether the question asks for a quantity that the
    clause lacks, or that the quote does.
    """
    first = hits[0]
    margin = first.score - hits[1].score if len(hits) > 1 else first.score
    asked = asked_quantities(normalise(question))
    lacks = bool(asked) and not first.evidence[_QUANTITY]
    unquoted = bool(asked) and not asked & held_quantities(normalise(quote))
    evidence = (first.evidence[place] for place in _PLACES)
    return (1.0, *evidence, min(margin, 1.0), float(lacks), float(unquoted))


def judge(features: Sequence[float], language: Language, calibration: Calibration) -> Judgement:
    """Return the confidence that the first hits answer, and the status that follows from it."""
    weights = calibration.weights[language]
    total = sum(a * b for a, b in zip(weights, features, strict=True))
    confidence = 1 / (1 + math.exp(-max(min(total, 50), -50)))
    if confidence >= calibration.answered:
        return Judgement("answered", confidence)
    return Judgement("closest" if confidence >= calibration.closest else "no_basis", confidence)


def fit(samples: Sequence[Sample], prior: Calibration, pull: float = 1.0) -> Calibration:
    """Return the calibration that makes the samples most probable, pulled towards a prior.

    The thresholds are those at which SHARE_ANSWERED of the questions without an answer would be
    answered, and SHARE_DROPPED of those with one would get no clause; where there are no
    questions without an answer the prior's stand.
    """
    weights: dict[Language, tuple[float, ...]] = {}
    for language in _EVERY:
        some = [one for one in samples if one.language == language]
        start = np.array(prior.weights[language])
        if some:
            features = np.array([one.features for one in some])
            right = np.array([one.right for one in some], float)
            start = _regress(features, right, start, pull)
        weights[language] = tuple(round(float(one), 4) for one in start)
    fitted = Calibration(weights, prior.answered, prior.closest)
    given = [(judge(one.features, one.language, fitted).confidence, one) for one in samples]
    without = sorted(confidence for confidence, one in given if not one.answerable)
    having = sorted(confidence for confidence, one in given if one.right)
    if not without or not having:
        return fitted
    answered = without[min(math.ceil(len(without) * (1 - SHARE_ANSWERED)), len(without) - 1)]
    closest = min(having[int(len(having) * SHARE_DROPPED)], answered)
    return Calibration(weights, round(answered + 1e-4, 4), round(closest, 4))


def read_calibration(encoder_folder: Path, corpus: Path) -> Calibration:
    """Return the user's calibration, else the encoder's, else PLAIN; raises EncoderError."""
    path = next((p for p in (corpus / FILE, encoder_folder / FILE) if p.is_file()), None)
    if path is None:
        return PLAIN
    try:
        values = json.loads(path.read_text("utf-8"))
        if values["features"] != list(FEATURES):
            raise ValueError(f"it was fitted for {values['features']}")
        weights = {language: tuple(map(float, values["weights"][language])) for language in _EVERY}
        if any(len(one) != len(FEATURES) for one in weights.values()):
            raise ValueError("it has another number of weights")
        return Calibration(weights, float(values["answered"]), float(values["closest"]))
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(
            f"{path}: the calibration cannot be used ({error}); delete it, or run "
            "`tiaowen calibrate QUESTIONS.jsonl` again"
        ) from error


def write_calibration(folder: Path, calibration: Calibration) -> Path:
    """Write the calibration into a folder and return the file."""
    path = folder / FILE
    values = {
        "features": FEATURES,
        "weights": dict(calibration.weights),
        "answered": calibration.answered,
        "closest": calibration.closest,
    }
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def calibration_error(given: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Return the expected calibration error of (confidence, right) pairs, from 0 to 1.

    The mean distance of confidence and share right over bins of equal size (Naeini et al.,
    AAAI 2015).
    """
    ordered = sorted(given)
    total = 0.0
    for part in np.array_split(np.arange(len(ordered)), min(bins, len(ordered)) or 1):
        some = [ordered[n] for n in part]
        if some:
            total += abs(sum(c - r for c, r in some))
    return total / max(len(ordered), 1)


def _regress(
    features: NDArray[np.float64],
    right: NDArray[np.float64],
    start: NDArray[np.float64],
    pull: float,
) -> NDArray[np.float64]:
    """Return the maximum of the posterior by Newton's method; the prior is normal about `start`."""
    weights = start.copy()
    for _ in range(50):
        expected = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        gradient = features.T @ (expected - right) + pull * (weights - start)
        spread = np.maximum(expected * (1 - expected), 1e-6)
        curvature = (features * spread[:, None]).T @ features + pull * np.eye(len(weights))
        change = np.linalg.solve(curvature, gradient)
        weights -= change
        if np.abs(change).max() < 1e-6:
            break
    return weights
