"""How sure an answer is, from how well its best clause meets the question."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from qa.answers import Judgement
from qa.models import Language

ANSWERED = 0.6  # confidence from which an answer is given as one
CLOSEST = 0.25  # confidence from which the nearest clauses are worth showing


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the best hit says for itself.

    `score` is its fused score, `likeness` the cosine of the question and its best paragraph.
    """

    score: float
    likeness: float


# intercept, score, likeness: a logistic regression of "one of the first three hits
# holds the answer" on the labelled questions of the bundled documents.
WEIGHTS: Mapping[Language, tuple[float, float, float]] = {
    "zh": (-4.05, 5.34, 0.04),
    "en": (-3.17, 3.16, 3.9),
}


def judge(evidence: Evidence, language: Language) -> Judgement:
    """Return the confidence that the best hit answers, and the status that follows from it."""
    intercept, score, likeness = WEIGHTS[language]
    total = intercept + score * evidence.score + likeness * evidence.likeness
    confidence = 1 / (1 + math.exp(-max(min(total, 50), -50)))
    if confidence >= ANSWERED:
        return Judgement("answered", confidence)
    return Judgement("closest" if confidence >= CLOSEST else "no_basis", confidence)
