"""Cross-validate: the encoder learns from some folds of a set's questions, the rest judges.

This is what an office gains that has labelled questions of its own.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sets import Asked, LabelledSet, read_beir
from tokenizers import Tokenizer

from qa.encoder import STATIC_MODULE, folder_of, open_encoder
from qa.index import build_snapshot
from qa.lexicon import load_lexicon
from qa.models import Question
from qa.ranking import FILE, read_ranking
from qa.retriever import Retriever
from qa.snapshots import read_snapshot
from qa.text import normalise
from training.model import write_model
from training.pairs import Batch, Texts
from training.train import Table, step

CORPUS = Path(__file__).parents[2] / "corpus"
WRONG = 4  # mined wrong clauses for each question in a batch
DEPTH = 30  # hits among which wrong clauses are looked for
BATCH = 256


def main(arguments: Sequence[str] | None = None) -> int:
    """Print recall@10 and MRR@10 on held-out questions, before and after learning from the rest."""
    parser = argparse.ArgumentParser(prog="cross_validate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with eval/")
    parser.add_argument("--set", default="stard")
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, default=0, help="stop after this many folds")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rate", type=float, default=0.003)
    parser.add_argument("--scale", type=float, default=14.0)
    parser.add_argument("--seed", type=int, default=20261201)
    options = parser.parse_args(arguments)
    torch.set_num_threads(2)
    labelled = read_beir(options.data / "eval" / options.set, "zh")
    order = np.random.default_rng(options.seed).permutation(len(labelled.asked))
    found = ask(folder_of(options.encoder), labelled, labelled.asked, DEPTH)
    learnt: list[tuple[float, float]] = []
    plain: list[tuple[float, float]] = []
    for fold in range(options.only or options.folds):
        held = sorted(order[fold :: options.folds].tolist())
        rest = sorted(set(order.tolist()) - set(held))
        with tempfile.TemporaryDirectory() as folder:
            learn(options, labelled, [(labelled.asked[n], found[n]) for n in rest], Path(folder))
            asked = [labelled.asked[n] for n in held]
            hits = ask(Path(folder), labelled, asked, 10)
        learnt += [judge(one, ids) for one, ids in zip(asked, hits, strict=True)]
        plain += [judge(labelled.asked[n], found[n][:10]) for n in held]
        print(f"fold {fold}: {_line(plain)} -> {_line(learnt)}", flush=True)
    return 0


def ask(
    encoder_folder: Path, labelled: LabelledSet, asked: Sequence[Asked], depth: int
) -> list[list[str]]:
    """Return the ids of the first clauses that are found for each question."""
    encoder = open_encoder(str(encoder_folder))
    with tempfile.TemporaryDirectory() as folder:
        build_snapshot(Path(folder), labelled.documents, labelled.clauses, encoder, _quiet)
        snapshot = read_snapshot(Path(folder), encoder.fingerprint)
        ranking = read_ranking(encoder_folder)
        retriever = Retriever(snapshot, encoder, ranking, load_lexicon(CORPUS))
        found = retriever.retrieve([Question(one.text, top_k=depth) for one in asked])
    return [[hit.clause.id for hit in hits] for hits in found]


def learn(
    options: argparse.Namespace,
    labelled: LabelledSet,
    asked: Sequence[tuple[Asked, list[str]]],
    out: Path,
) -> None:
    """Write an encoder that has learnt from questions and the hits found for them so far."""
    base = folder_of(options.encoder)
    tokenizer = Tokenizer.from_file(str(base / STATIC_MODULE / "tokenizer.json"))
    weight = _rows(base)
    table = Table(*weight.shape, options.seed)
    table.weight = torch.from_numpy(weight)
    titles = {document.id: document.title for document in labelled.documents}
    texts = Texts(tokenizer)
    forms = {
        clause.id: [
            texts.add(normalise(f"{titles[clause.document_id]} {text}"))
            for text in (clause.text, *(one.text for one in clause.paragraphs[1:]))
        ]
        for clause in labelled.clauses
    }
    questions = [texts.add(normalise(one.text)) for one, _ in asked]
    wrong = [[x for x in hits if x not in one.right] for one, hits in asked]
    texts.tokenise()
    rng = np.random.default_rng(options.seed)
    batches = options.epochs * max(1, round(len(asked) / BATCH))
    for number in range(batches):
        batch = Batch([], [])
        for n in rng.choice(len(asked), min(BATCH, len(asked)), replace=False):
            right = str(rng.choice(sorted(asked[n][0].right)))
            batch.left.append((questions[n],))
            batch.right.append((int(rng.choice(forms[right])),))
            batch.right_keys.append(forms[right][0])
            for one in rng.choice(wrong[n], WRONG):
                batch.negatives.append((forms[str(one)][0],))
                batch.negative_keys.append(forms[str(one)][0])
        batch.left_keys = list(batch.right_keys)
        rate = options.rate * (1 - number / batches)
        step(table, texts, batch, rng, rate=rate, scale=options.scale)
    write_model(out, tokenizer, table.weight.numpy())
    if (base / FILE).is_file():
        shutil.copy(base / FILE, out / FILE)


def judge(asked: Asked, ids: Sequence[str]) -> tuple[float, float]:
    """Return the recall and the reciprocal rank of one question."""
    places = [n for n, one in enumerate(ids[:10], 1) if one in asked.right]
    return len(places) / len(asked.right), 1 / places[0] if places else 0.0


def _rows(folder: Path) -> NDArray[np.float32]:
    arrays = load_file(folder / STATIC_MODULE / "model.safetensors")
    rows: NDArray[np.float32] = arrays["embeddings"].astype(np.float32) * arrays["weights"][:, None]
    return rows


def _line(judged: Sequence[tuple[float, float]]) -> str:
    recall, reciprocal = (statistics.fmean(column) for column in zip(*judged, strict=True))
    return f"R@10 {recall:.3f} MRR@10 {reciprocal:.3f} (n {len(judged)})"


def _quiet(*_: object) -> None:
    pass
