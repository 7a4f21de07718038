"""One table over all labelled sets, each part of the ranking switched off in turn."""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sets import LabelledSet, read_beir, read_unseen

from qa.encoder import Encoder, folder_of, open_encoder
from qa.index import build_snapshot
from qa.lexicon import Lexicon, load_lexicon
from qa.models import Question
from qa.ranking import PLAIN, Ranking, read_ranking
from qa.retriever import Retriever
from qa.snapshots import Snapshot, read_snapshot

ROOT = Path(__file__).resolve().parent.parent
# Each part of the ranking, and the weights without which there is nothing of it.
PARTS = {
    "everything": (),
    "without token matching": ("match", "close", "echo"),
    "without keywords": ("coverage", "complete"),
    "vectors alone": ("match", "close", "echo", "coverage", "complete", "length"),
    "keywords alone": ("match", "close", "echo", "likeness", "whole", "second", "length"),
}
FIXED = "weights set by hand"
WORDLESS = "without lexicon"
Part = tuple[Ranking, Lexicon]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of all sets found under --data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with laws/ and eval/")
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--ranking", type=Path, help="folder with ranking.json (the encoder's)")
    parser.add_argument("--sets", default="unseen,stard,legalrag-bench,xquad-en2zh,tw-laws-en2zh")
    parser.add_argument("--only-everything", action="store_true")
    options = parser.parse_args(arguments)
    encoder = open_encoder(options.encoder)
    ranking = read_ranking(options.ranking or folder_of(options.encoder))
    lexicon = load_lexicon(ROOT / "corpus")
    parts = {name: (_without(ranking, names), lexicon) for name, names in PARTS.items()}
    parts |= {FIXED: (PLAIN, lexicon), WORDLESS: (ranking, Lexicon(()))}
    if options.only_everything:
        parts = {"everything": parts["everything"]}
    print("| set | part | n | hit@1 | hit@5 | R@10 | MRR@10 | ms | p against everything |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in options.sets.split(","):
        with tempfile.TemporaryDirectory() as folder:
            labelled = _read(name, options.data)
            build_snapshot(Path(folder), labelled.documents, labelled.clauses, encoder, _quiet)
            _measure(labelled, read_snapshot(Path(folder), encoder.fingerprint), encoder, parts)


def _without(ranking: Ranking, names: Sequence[str]) -> Ranking:
    return {
        language: replace(weights, **dict.fromkeys(names, 0.0))
        for language, weights in ranking.items()
    }


def _read(name: str, data: Path) -> LabelledSet:
    if name == "unseen":
        return read_unseen(ROOT / "tests" / "golden" / "unseen.jsonl", data)
    english = name.endswith("en2zh")
    return read_beir(
        data / "eval" / name, "en" if english else "zh", 300 if name[:2] == "tw" else 0
    )


def _measure(
    labelled: LabelledSet, snapshot: Snapshot, encoder: Encoder, parts: dict[str, Part]
) -> None:
    base: dict[str, list[float]] = {}
    for part, (ranking, lexicon) in parts.items():
        retriever = Retriever(snapshot, encoder, ranking, lexicon)
        retriever.retrieve([Question("预热 warm up")])
        for language in sorted({one.language for one in labelled.asked}):
            asked = [one for one in labelled.asked if one.language == language]
            ranks, recalls, times = [], [], []
            for one in asked:
                start = time.perf_counter()
                (hits,) = retriever.retrieve([Question(one.text, top_k=10)])
                times.append((time.perf_counter() - start) * 1000)
                right = [hit.rank for hit in hits if hit.clause.id in one.right]
                ranks.append(right[0] if right else 0)
                recalls.append(len(right) / len(one.right))
            reciprocal = [1 / rank if rank else 0.0 for rank in ranks]
            base.setdefault(language, reciprocal)
            print(
                f"| {labelled.name} {language} | {part} | {len(asked)} "
                f"| {_share(ranks, 1):.3f} | {_share(ranks, 5):.3f} "
                f"| {statistics.fmean(recalls):.3f} | {statistics.fmean(reciprocal):.3f} "
                f"| {statistics.median(times):.1f} | {_p(base[language], reciprocal)} |",
                flush=True,
            )


def _share(ranks: Sequence[int], depth: int) -> float:
    return sum(0 < rank <= depth for rank in ranks) / len(ranks)


def _p(first: Sequence[float], second: Sequence[float]) -> str:
    """Return the two-sided p of a paired sign test on reciprocal ranks, "" for equal lists."""
    differences = [a - b for a, b in zip(first, second, strict=True) if a != b]
    if not differences:
        return ""
    n, k = len(differences), min(sum(d > 0 for d in differences), sum(d < 0 for d in differences))
    # Exact up to 1,000 questions: the chance of so few wins of the rarer side.
    p = 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n
    return f"{min(p, 1.0):.3f}"


def _quiet(*_: object) -> None:
    pass


if __name__ == "__main__":
    main()
