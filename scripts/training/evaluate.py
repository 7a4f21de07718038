"""Measure an encoder by vectors alone on questions that no training pair came from."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.data import read_lines

LAWS_SHOWN = 300


class Vectors(Protocol):
    """What is measured: qa.encoder.Encoder, or anything else with its two verbs."""

    def encode_questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit row for each question."""

    def encode_clauses(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit row for each clause."""


def ranks(
    scores: NDArray[np.float32], gold: Sequence[set[int]], owners: NDArray[np.int64]
) -> list[list[int]]:
    """Return for each question the ranks (from 1) of its gold owners; an owner's best unit counts.

    Owners that have several units are ranked once, at the best of them.
    """
    found = []
    for row, wanted in zip(scores, gold, strict=True):
        best = np.full(owners.max() + 1, -9, np.float32)
        np.maximum.at(best, owners, row)
        found.append(sorted(int((best > best[one]).sum()) + 1 for one in wanted))
    return found


def figures(found: Sequence[Sequence[int]], cut: int) -> dict[str, float]:
    """Return recall and reciprocal rank at `cut`, and the share with a gold clause at 1 and 5."""
    at = [[rank for rank in one if rank <= cut] for one in found]
    return {
        f"R@{cut}": float(np.mean([len(a) / len(b) for a, b in zip(at, found, strict=True)])),
        f"MRR@{cut}": float(np.mean([1 / a[0] if a else 0.0 for a in at])),
        "hit@1": float(np.mean([one[0] == 1 for one in found])),
        "hit@5": float(np.mean([one[0] <= 5 for one in found])),
    }


def measure_beir(
    encoder: Vectors, folder: Path, limit: int = 10**9, titles: bool = True
) -> dict[str, float]:
    """Return the figures on a folder with corpus.jsonl.gz, queries.jsonl and qrels.tsv."""
    corpus = [json.loads(line) for line in read_lines(folder / "corpus.jsonl.gz")]
    places = {row["id"]: i for i, row in enumerate(corpus)}
    gold: dict[str, set[int]] = {}
    for line in read_lines(folder / "qrels.tsv"):
        question, clause, _ = line.split("\t")
        if clause in places:
            gold.setdefault(question, set()).add(places[clause])
    queries = [json.loads(line) for line in read_lines(folder / "queries.jsonl")]
    queries = [row for row in queries if row["id"] in gold][:limit]
    texts = [f"{row['title']} {row['text']}" if titles else row["text"] for row in corpus]
    clauses = encoder.encode_clauses(texts)
    questions = encoder.encode_questions([row["text"] for row in queries])
    found = []
    for i in range(0, len(queries), 64):
        scores = questions[i : i + 64] @ clauses.T
        for row, query in zip(scores, queries[i : i + 64], strict=True):
            found.append(sorted(int((row > row[one]).sum()) + 1 for one in gold[query["id"]]))
    return figures(found, 10)


def squeeze(text: str) -> str:
    """Return a text, NFKC, without white space, so that line breaks hide no gold string."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def crude_units(text: str) -> list[str]:
    """Return the articles of a document, or pieces of about 300 characters where it has none."""
    lines = [re.sub(r"\s+", "", line) for line in re.split(r"\n(?=[ 　]*\n)", text)]
    joined = "".join(lines)
    parts = re.split(r"(?=第[一二三四五六七八九十百]+条)", joined)
    if len(parts) > 20:
        return [part for part in parts if part]
    units, current = [], ""
    for sentence in re.split(r"(?<=[。；;.])", joined):
        current += sentence
        if len(current) > 250:
            units.append(current)
            current = ""
    return [*units, current] if current else units


def measure_documents(encoder: Vectors, folder: Path, dev: Path) -> dict[str, float]:
    """Return hit@1 and hit@5 by language on the bundled documents, split crudely."""
    units = [u for path in sorted(folder.glob("*.txt")) for u in crude_units(path.read_text())]
    plain = [squeeze(unit) for unit in units]
    rows = [json.loads(line) for line in read_lines(dev)]
    rows = [row for row in rows if row.get("gold") and row["kind"] != "cite"]
    gold = [
        {i for i, unit in enumerate(plain) if any(squeeze(part) in unit for part in row["gold"])}
        for row in rows
    ]
    kept = [(row, wanted) for row, wanted in zip(rows, gold, strict=True) if wanted]
    return by_language(encoder, units, np.arange(len(units)), kept)


def measure_unseen(encoder: Vectors, questions: Path, laws: Path) -> dict[str, float]:
    """Return hit@1 and hit@5 by language on laws of one paragraph a line, best paragraph counts."""
    units: list[str] = []
    owners: list[int] = []
    places: dict[tuple[str, str], int] = {}
    for path in sorted(laws.glob("*.txt")):
        paragraphs: dict[str, list[str]] = {}
        label = ""
        for line in read_lines(path):
            found, _, text = line.partition("\t")
            label = found or label
            paragraphs.setdefault(label, []).append(text)
        for label, own in paragraphs.items():
            places[path.stem, label] = len(places)
            units += [f"{path.stem} {text}" for text in (" ".join([label, *own]), *own)]
            owners += [places[path.stem, label]] * (len(own) + 1)
    kept = []
    for line in read_lines(questions):
        row = json.loads(line)
        wanted = {places.get((row["law"], label), -1) for label in row["gold_articles"]} - {-1}
        if wanted:
            kept.append((row, wanted))
    return by_language(encoder, units, np.array(owners), kept)


def by_language(
    encoder: Vectors,
    units: Sequence[str],
    owners: NDArray[np.int64],
    rows: Iterable[tuple[dict[str, str], set[int]]],
) -> dict[str, float]:
    """Return "zh hit@5" and the like over questions and their gold owners."""
    clauses = encoder.encode_clauses(units)
    rows = list(rows)
    shown: dict[str, float] = {}
    for language in ("zh", "en"):
        own = [(row["question"], wanted) for row, wanted in rows if row["language"] == language]
        if not own:
            continue
        scores = encoder.encode_questions([question for question, _ in own]) @ clauses.T
        found = figures(ranks(scores, [wanted for _, wanted in own], owners), 10)
        shown |= {f"{language} {name}": found[name] for name in ("hit@1", "hit@5")}
        shown[f"{language} questions"] = len(own)
    return shown


def measure_all(
    encoder: Vectors, data: Path, unseen: Path | None, laws: Path | None
) -> dict[str, dict[str, float]]:
    """Return the figures of every set that is there."""
    shown = {
        "stard": measure_beir(encoder, data / "eval" / "stard"),
        "xquad-en2zh": measure_beir(encoder, data / "eval" / "xquad-en2zh", titles=False),
        "tw-laws-en2zh": measure_beir(encoder, data / "eval" / "tw-laws-en2zh", LAWS_SHOWN),
    }
    if (data.parent / "questions" / "dev.jsonl").is_file():
        dev = data.parent / "questions" / "dev.jsonl"
        shown["dev"] = measure_documents(encoder, data.parent / "corpus", dev)
    if unseen and laws and unseen.is_file():
        shown["unseen"] = measure_unseen(encoder, unseen, laws)
    return shown
