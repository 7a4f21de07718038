"""Write docs/confidence.md: reliability, risk and coverage, and what is answered of each set."""

import os
import sys
from pathlib import Path

from training.confidence import bundled_samples

from qa.calibrating import Fitted, calibrate
from qa.confidence import PLAIN
from qa.engine import Engine
from qa.evaluation import OUT_OF_SCOPE, read_labelled
from qa.models import Question
from qa.settings import Settings

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"
HEAD = """# How sure an answer is

Written by `scripts/show_confidence`. `confidence` is the probability that one of the first three
clauses answers the question, from a logistic regression on the evidence of the first hit
(`qa/confidence.py`), fitted by `scripts/fit_confidence` on questions with an answer and without;
`tiaowen calibrate QUESTIONS.jsonl` refits it on your own. A question that cites a clause by its
number is not searched for and has confidence 1.

## What is answered, with the calibration that ships
"""
BINS = """
## Reliability
Questions of the golden set and near misses, asked with enrichment and without, each judged by a
calibration that was fitted on the other four fifths; ten groups of equal size.

"""
CURVE = """
## Risk and coverage
The most confident share of the questions, and how many of these are wrong: near misses, which
have no answer, count as wrong.

"""


def main(files: list[str]) -> None:
    """Ask every set, fit by folds, write the page."""
    engine = Engine.open(Settings.from_env(os.environ))
    rows = [
        "| questions | with an answer | answered | without | not answered |",
        "|---|---|---|---|---|",
    ]
    for path in (GOLDEN / "questions.jsonl", GOLDEN / "near_misses.jsonl", *map(Path, files)):
        labelled = read_labelled(path, engine)
        answers = engine.ask_many([Question(one.question) for one in labelled])
        pairs = [
            (one.kind != OUT_OF_SCOPE, answer.status == "answered")
            for one, answer in zip(labelled, answers, strict=True)
        ]
        have = [answered for answerable, answered in pairs if answerable]
        lack = [not answered for answerable, answered in pairs if not answerable]
        rows.append(
            f"| {path.name} | {len(have)} | {_share(have)} | {len(lack)} | {_share(lack)} |"
        )
    fitted = calibrate(bundled_samples("embedded"), PLAIN)
    text = HEAD + "\n".join(rows) + "\n" + BINS + _bins(fitted) + CURVE + _curve(fitted)
    (ROOT / "docs" / "confidence.md").write_text(text, "utf-8")
    print(text)


def _share(flags: list[bool]) -> str:
    return f"{sum(flags) / len(flags):.3f}" if flags else "–"


def _bins(fitted: Fitted) -> str:
    xs = ", ".join(f"{mean:.2f}" for mean, _, _ in fitted.bins)
    rights = ", ".join(f"{right:.2f}" for _, right, _ in fitted.bins)
    rows = [f"| {mean:.2f} | {right:.2f} | {count} |" for mean, right, count in fitted.bins]
    return (
        "| mean confidence | share right | questions |\n|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\nExpected calibration error: {fitted.error:.3f}.\n\n```mermaid\nxychart-beta\n"
        f'  title "Share right (line) and confidence (bars)"\n  x-axis [{xs}]\n'
        f"  y-axis 0 --> 1\n  bar [{xs}]\n  line [{rights}]\n```\n"
    )


def _curve(fitted: Fitted) -> str:
    rows = [f"| {share:.1f} | {risk:.3f} |" for share, risk in fitted.curve]
    return "| share answered | wrong among these |\n|---|---|\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
