"""Fit how sure an answer is, on questions that have an answer and on questions that have none.

Two sources: the golden set and the near misses over the bundled documents, with enrichment and
without; and the questions kept for the ranking, asked of a few laws that hold the right article
and again of laws that do not.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from qa.calibrating import RIGHT, calibrate, format_fitted, read_samples
from qa.confidence import PLAIN, Sample, write_calibration
from qa.encoder import folder_of, open_encoder
from qa.engine import Engine
from qa.index import build_index, build_snapshot
from qa.models import Language, Question
from qa.settings import Settings
from qa.snapshots import read_snapshot
from training.data import read_lines
from training.ranking import CORPUS, OWN, laws_of, place_of, plain

GOLDEN = CORPUS.parent / "tests" / "golden"
FILES = ("questions.jsonl", "near_misses.jsonl")
BESIDE = (3, 10, 30, 100)  # laws asked


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect samples, fit, print the figures, write confidence.json beside the encoder."""
    parser = argparse.ArgumentParser(prog="fit_confidence", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with laws/")
    parser.add_argument("--questions", type=Path, default=OWN)
    parser.add_argument("--encoder", default="embedded")
    options = parser.parse_args(arguments)
    bundled = bundled_samples(options.encoder)
    samples = [*bundled, *law_samples(options.data, options.questions, options.encoder)]
    print(f"## bundled documents alone\n{format_fitted(calibrate(bundled, PLAIN))}\n")
    fitted = calibrate(samples, PLAIN)
    print(f"## all\n{format_fitted(fitted)}")
    write_calibration(folder_of(options.encoder), fitted.calibration)
    return 0


def bundled_samples(encoder: str) -> list[Sample]:
    """Return the golden questions and near misses, asked with enrichment and without."""
    samples = []
    for enrichment in ("on", "off"):
        with tempfile.TemporaryDirectory() as folder:
            settings = replace(
                Settings.from_env(os.environ),
                corpus=CORPUS,
                index=Path(folder),
                encoder=encoder,
                enrichment=enrichment,
            )
            build_index(settings, lambda *_: None)
            engine = Engine.open(settings)
            for name in FILES:
                samples += read_samples(engine, GOLDEN / name)
    return samples


def law_samples(data: Path, questions: Path, name: str, seed: int = 20261201) -> list[Sample]:
    """Return each question asked of laws with the right article, and of laws without it."""
    rows = [json.loads(line) for line in read_lines(questions)]
    encoder = open_encoder(name)
    rng = np.random.default_rng(seed)
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        articles = laws_of(data, {row["law"] for row in rows})
        build_snapshot(Path(folder), articles.documents, articles.clauses, encoder, lambda *_: None)
        snapshot = read_snapshot(Path(folder), encoder.fingerprint)
        settings = Settings.from_env(os.environ)
        engine = Engine(replace(settings, corpus=CORPUS, encoder=name), encoder, snapshot)
        places = place_of(snapshot)
        ids = [document.id for document in snapshot.documents]
        for row in rows:
            right = places.get(plain(row["text"]), -1)
            both: list[tuple[Language, str]] = [("zh", rng.choice(row["zh"]))]
            for language, text in [*both, ("en", rng.choice(row["en"]))]:
                if right < 0:
                    continue
                law = ids[snapshot.clause_documents[right]]
                others = [one for one in rng.choice(ids, rng.choice(BESIDE)) if one != law]
                for limits in ((law, *others), tuple(others)):
                    question = Question(text, documents=limits)
                    hits = engine.search(question)
                    if hits and hits[0].evidence:
                        first = {hit.clause.id for hit in hits[:RIGHT]}
                        is_right = snapshot.clauses[right].id in first
                        features = engine.features(question, hits)
                        samples.append(Sample(language, features, is_right, law in limits))
    return samples
