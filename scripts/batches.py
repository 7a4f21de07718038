"""Measures `tiaowen batch`: rows a second and peak memory; `scripts/measure_batches` runs this."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.corpora import varied
from openpyxl import Workbook

from qa.batch import CHUNK
from qa.engine import Engine
from qa.index import build_index
from qa.models import Question
from qa.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
HEADER = ("编号", "部门", "问题")
THANKS = ("", "谢谢。", "谢谢！", "麻烦了。", "请尽快答复。", "急，盼复。", " Thanks.", " 谢谢。")
ALONE = 1000
DEPARTMENTS = ("科委", "发改委", "经信委")


def main() -> None:
    """Measure one run and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--kind", choices=("csv", "xlsx"), default="csv")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=1, help="rows with the same question")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(corpus=ROOT / "corpus", index=folder / "index", workers=asked.workers)
        build_index(settings, lambda *_: None)
        source = folder / f"in.{asked.kind}"
        texts = _distinct(asked.rows // asked.repeat)
        rows = [
            (number, DEPARTMENTS[number % 3], texts[number % len(texts)])
            for number in range(asked.rows)
        ]
        _write(source, rows)
        load = os.getloadavg()[0]
        base = _run(settings, _write(folder / f"one.{asked.kind}", rows[:1]))
        seconds, memory = _run(settings, source)
        alone = _alone(settings, texts[:ALONE])
        print(
            f"{asked.rows} rows, {len(texts)} distinct, .{asked.kind}: {seconds:.1f} s, "
            f"{asked.rows / (seconds - base[0]):.0f} rows/s without the {base[0]:.1f} s that one "
            f"row takes; peak memory of the process {memory:.0f} MiB, with one row {base[1]:.0f} "
            f"MiB; the engine alone, in one process right after, {alone:.0f} questions/s; "
            f"load before {load:.2f}, after {os.getloadavg()[0]:.2f}"
        )


def _distinct(count: int) -> list[str]:
    """Return distinct questions: the golden ones behind greetings, and before thanks."""
    lines = (GOLDEN / "questions.jsonl").read_text("utf-8").splitlines()
    golden = [json.loads(line)["question"] for line in lines]
    texts = [text + more for more in THANKS for text in varied(golden, len(golden) * 20)]
    return texts[:count]


def _alone(settings: Settings, texts: list[str]) -> float:
    """Return how many questions the engine answers in a second, in chunks as a batch has them."""
    engine = Engine.open(settings)
    questions = [Question(text) for text in texts]
    engine.ask_many(questions[:CHUNK])
    started = time.perf_counter()
    for start in range(0, len(questions), CHUNK):
        engine.ask_many(questions[start : start + CHUNK])
    return len(questions) / (time.perf_counter() - started)


def _write(path: Path, rows: list[tuple[int, str, str]]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEADER, *rows])
        return path
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("清单")
    for row in (HEADER, *rows):
        sheet.append(row)
    workbook.save(path)
    return path


def _run(settings: Settings, source: Path) -> tuple[float, float]:
    """Return the seconds of one run, and the peak memory of its own process in MiB."""
    target = source.with_name(f"out-{source.name}")
    code = (
        "import resource, sys; from qa.cli import main; code = main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr);"
        "sys.exit(code)"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, "batch", str(source), "-o", str(target)],
        env={**os.environ, **settings.to_env()},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stderr.decode())
    return seconds, int(done.stderr.split()[-1]) / 1024


if __name__ == "__main__":
    main()
