"""Evidence of candidates → scores: one weighted sum, whose weights are learnt from questions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa.errors import EncoderError
from qa.models import Language

Floats = NDArray[np.float32]
FILE = "ranking.json"


@dataclass(frozen=True, slots=True)
class Weights:
    """What each piece of evidence weighs, in the order of the columns of an evidence matrix.

    `likeness` is the best cosine of a clause's units, `whole` that of the clause as a whole,
    `second` that of its second best unit. `coverage` is the share of the question's weighted
    concepts that the clause holds, `complete` what of that share is above six tenths.
    `match` is how well the question's tokens are met, `close` the same counting near ones alone,
    `echo` the share of the clause's tokens that are near to one of the question's. `length` is
    the logarithm of the clause's characters, `named` 1 for a document that the question names,
    `front` 1 for front matter, which holds the title and so a bit of every question, `quantity`
    1 where the question asks for an amount, a date or the like and the clause holds such a one.
    """

    likeness: float = 1.0
    whole: float = 0.0
    second: float = 0.0
    coverage: float = 0.4
    complete: float = 0.0
    match: float = 0.5
    close: float = 0.0
    echo: float = 0.0
    length: float = 0.0
    named: float = 0.2
    front: float = -0.1
    quantity: float = 0.0

    def score(self, evidence: Floats) -> Floats:
        """Return the scores of rows of evidence (n, 12)."""
        weights = np.array([getattr(self, name) for name in NAMES], np.float32)
        scores: Floats = evidence @ weights
        return scores


NAMES = tuple(one.name for one in fields(Weights))
COMPLETE = 0.6  # coverage from which `complete` counts
Ranking = Mapping[Language, Weights]
PLAIN: Ranking = {"zh": Weights(), "en": Weights()}


def read_ranking(folder: Path) -> Ranking:
    """Return the weights that were learnt for an encoder; PLAIN where its folder has none."""
    path = folder / FILE
    if not path.is_file():
        return PLAIN
    try:
        values = json.loads(path.read_text("utf-8"))
        return {"zh": Weights(**values["zh"]), "en": Weights(**values["en"])}
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{path}: the weights cannot be read ({error}); reinstall") from error


def write_ranking(folder: Path, ranking: Ranking) -> None:
    """Write the weights beside their encoder."""
    values = {
        language: {name: round(value, 4) for name, value in asdict(weights).items()}
        for language, weights in ranking.items()
    }
    (folder / FILE).write_text(json.dumps(values, indent=1) + "\n", "utf-8")
