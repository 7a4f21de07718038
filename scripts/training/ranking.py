"""Learn what each piece of evidence weighs, from questions that the encoder has not learnt from.

Each question is asked of a few laws (that of the right article and others drawn at random) or of
all; the weights maximise the probability, by a softmax over the candidates, of the right one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sets import LabelledSet, make_set

from qa.encoder import folder_of, open_encoder
from qa.index import build_snapshot
from qa.lexicon import load_lexicon
from qa.models import Language, Question
from qa.ranking import NAMES, PLAIN, Weights, write_ranking
from qa.retriever import Retriever
from qa.snapshots import Snapshot, read_snapshot
from training.data import LABEL, read_lines

OWN = Path(__file__).parent / "ranking.jsonl.gz"
CORPUS = Path(__file__).parents[2] / "corpus"
BESIDE = (3, 10, 30, 0)  # laws asked beside the right one; 0: all of them
SHARPNESS = 16.0  # what a cosine is multiplied by in the softmax
HELD = ("named", "front")  # too rare among these questions to be learnt
PULL = 1e-3  # towards the weights set by hand


@dataclass(frozen=True, slots=True)
class Case:
    """One question: its language, the evidence of its candidates, the place of the right one."""

    language: Language
    matrix: NDArray[np.float32]
    right: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect evidence, fit both languages, write ranking.json beside the encoder."""
    parser = argparse.ArgumentParser(prog="fit_ranking", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with laws/")
    parser.add_argument("--questions", type=Path, default=OWN)
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--seed", type=int, default=20261201)
    options = parser.parse_args(arguments)
    cases = collect(options.data, options.questions, options.encoder, options.seed)
    ranking: dict[Language, Weights] = {}
    for language in PLAIN:
        some = [case for case in cases if case.language == language]
        ranking[language] = fit(some, PLAIN[language])
        before, after = (_first(some, one) for one in (PLAIN[language], ranking[language]))
        print(f"{language}: {len(some)} questions, first by hand {before:.3f}, learnt {after:.3f}")
        print(f"  {ranking[language]}")
    write_ranking(folder_of(options.encoder), ranking)
    return 0


def collect(data: Path, questions: Path, encoder_name: str, seed: int) -> list[Case]:
    """Return the questions whose right article is among their candidates."""
    rows = [json.loads(line) for line in read_lines(questions)]
    laws = {row["law"] for row in rows}
    encoder = open_encoder(encoder_name)
    rng = np.random.default_rng(seed)
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        articles = laws_of(data, laws)
        build_snapshot(Path(folder), articles.documents, articles.clauses, encoder, _quiet)
        snapshot = read_snapshot(Path(folder), encoder.fingerprint)
        retriever = Retriever(snapshot, encoder, PLAIN, load_lexicon(CORPUS))
        places = place_of(snapshot)
        for row in rows:
            right = places.get(plain(row["text"]), -1)
            both: list[tuple[Language, str]] = [("zh", text) for text in row["zh"]]
            for asked in both + [("en", text) for text in row["en"]]:
                if right >= 0:
                    cases += _case(retriever, snapshot, asked, right, rng)
    return cases


def _case(
    retriever: Retriever,
    snapshot: Snapshot,
    asked: tuple[Language, str],
    right: int,
    rng: np.random.Generator,
) -> list[Case]:
    language, text = asked
    beside = int(rng.choice(BESIDE))
    law = snapshot.documents[snapshot.clause_documents[right]].id
    drawn = rng.choice(len(snapshot.documents), beside)
    limits = (law, *(snapshot.documents[n].id for n in drawn)) if beside else ()
    found = retriever.evidence(Question(text, documents=limits))
    places = np.flatnonzero(found.rows == right)
    return [Case(language, found.matrix, int(places[0]))] if len(places) else []


def fit(cases: Sequence[Case], start: Weights, steps: int = 800) -> Weights:
    """Return the weights that make the right candidates most probable."""
    widest = max(len(case.matrix) for case in cases)
    evidence = torch.zeros(len(cases), widest, len(NAMES))
    absent = torch.full((len(cases), widest), -1e9)
    for n, case in enumerate(cases):
        evidence[n, : len(case.matrix)] = torch.from_numpy(case.matrix)
        absent[n, : len(case.matrix)] = 0
    right = torch.tensor([case.right for case in cases])
    first = torch.tensor([getattr(start, name) for name in NAMES])
    free = torch.tensor([float(name not in HELD) for name in NAMES])
    change = torch.zeros(len(NAMES), requires_grad=True)
    adam = torch.optim.Adam([change], lr=0.01)
    for _ in range(steps):
        weights = (first + change * free) * SHARPNESS
        loss = torch.nn.functional.cross_entropy(evidence @ weights + absent, right)
        loss = loss + PULL * (change * SHARPNESS).square().sum()
        adam.zero_grad()
        torch.autograd.backward(loss)
        adam.step()
    learnt = (first + change.detach() * free).tolist()
    return Weights(**dict(zip(NAMES, learnt, strict=True)))


def _first(cases: Sequence[Case], weights: Weights) -> float:
    return float(np.mean([int(np.argmax(weights.score(c.matrix))) == c.right for c in cases]))


def _articles(data: Path, laws: set[str]) -> list[tuple[str, str, str, str]]:
    rows = [json.loads(line) for line in read_lines(data / "laws" / "articles.jsonl.gz")]
    rows = [row for row in rows if row["law"] in laws and row["kind"] == "article"]
    latest: dict[tuple[str, str], str] = {}
    for row in rows:
        key = (row["law"], row["part"])
        latest[key] = max(latest.get(key, ""), row["version"] or "")
    return [
        (row["id"], row["law"] + row["part"], row["article"], row["text"])
        for row in rows
        if (row["version"] or "") == latest[row["law"], row["part"]]
    ]


def laws_of(data: Path, laws: set[str]) -> LabelledSet:
    """Return the articles of the latest editions of laws."""
    return make_set("laws", _articles(data, laws), ())


def place_of(snapshot: Snapshot) -> dict[str, int]:
    """Return the row of each clause by its plain text."""
    return {plain(clause.text): row for row, clause in enumerate(snapshot.clauses)}


def plain(text: str) -> str:
    """Return the text of an article without label and white space."""
    text = text.replace("　", " ").strip()
    found = LABEL.match(text)
    return "".join((text[found.end() :] if found else text).split())


def _quiet(*_: object) -> None:
    pass
