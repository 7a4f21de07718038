"""Why clauses rank as they do: what each piece of evidence adds to a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qa.models import Hit, Language, Status
from qa.ranking import NAMES, Weights


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of evidence of a hit: its value, its weight, and what it adds to the score."""

    name: str
    value: float
    weight: float
    adds: float


@dataclass(frozen=True, slots=True)
class ExplainedHit:
    """A hit and its parts; a clause that was named by its number has none."""

    hit: Hit
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a question was read, and why its hits rank as they do.

    `text` is the question as it was searched; `concepts` are its words with their renderings;
    `named` the documents that it names, by title.
    """

    question: str
    text: str
    language: Language
    concepts: tuple[tuple[str, ...], ...]
    named: tuple[str, ...]
    status: Status
    confidence: float
    hits: tuple[ExplainedHit, ...]


def explain_hits(hits: Sequence[Hit], weights: Weights) -> tuple[ExplainedHit, ...]:
    """Return hits with what each piece of their evidence adds to their scores."""
    return tuple(ExplainedHit(hit, _parts(hit, weights)) for hit in hits)


def _parts(hit: Hit, weights: Weights) -> tuple[Part, ...]:
    return tuple(
        Part(name, value, weight, value * weight)
        for name, value in zip(NAMES, hit.evidence, strict=False)
        if (weight := getattr(weights, name)) and value
    )
