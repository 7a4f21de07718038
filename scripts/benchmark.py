"""Speed, memory and size of Tiaowen, each beside something measured in the same run.

Where two speeds are compared, their turns alternate, so that other work on the machine meets
both; what comes first, to warm up, is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from qa.cli import THREADS

if TYPE_CHECKING:
    from benchmarks.measures import Table

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "questions.jsonl"


def _machine() -> dict[str, object]:
    path = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", path.read_text() if path.exists() else "")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "CPU": names[0] if names else platform.processor() or platform.machine(),
        "cores": usable,
        "system": f"{platform.system()}, Python {platform.python_version()}",
    }


def _markdown(table: Table) -> str:
    def number(value: float) -> str:
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

    about = "; ".join(f"{name}: {value:,}" for name, value in table.about.items())
    lines = [
        f"### {table.title}\n\n{about}\n",
        "| what | figure | beside it | figure | ratio |",
        "|---|---:|---|---:|---:|",
    ]
    for one in table.figures:
        beside = f"{number(one.beside_value)} {one.unit}" if one.beside else ""
        ratio = number(one.ratio) if one.ratio is not None else ""
        lines.append(
            f"| {one.what} | {number(one.value)} {one.unit} | {one.beside} | {beside} | {ratio} |"
        )
    return "\n".join(lines)


def _values(table: Table) -> dict[str, object]:
    figures = [asdict(one) | {"ratio": one.ratio} for one in table.figures]
    return {"title": table.title, "about": table.about, "figures": figures}


def main() -> int:
    """Measure, print, leave nothing behind."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement (5)")
    parser.add_argument("--large", type=Path, metavar="CORPUS.jsonl.gz", help="a larger corpus too")
    parser.add_argument("--questions", type=Path, metavar="QUERIES.jsonl", help="those to ask it")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    options = parser.parse_args()
    for path in (options.large, options.questions):
        if path and not path.is_file():
            parser.error(f"{path}: there is no such file")
    if options.seconds < 1:
        parser.error("--seconds must be 1 or more, or the figures mean little")
    for number in (signal.SIGINT, signal.SIGTERM):  # services are stopped all the same
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)
    # numpy reads these as it is loaded, so only now:
    from benchmarks.corpora import read_lines, read_questions, write_corpus
    from benchmarks.measures import measure

    machine = _machine()
    tables = []
    if not options.json:
        print("; ".join(f"{name}: {value}" for name, value in machine.items()))
    for large in (None, options.large) if options.large else (None,):
        with tempfile.TemporaryDirectory(prefix="tiaowen-bench-") as folder:
            corpus = Path(folder) / "corpus"
            if large:
                title, articles = "The large corpus", write_corpus(read_lines(large), corpus)
            else:
                title, articles = "The bundled documents", 0
                shutil.copytree(ROOT / "corpus", corpus)
            questions = read_questions(options.questions if large and options.questions else GOLDEN)
            tables.append(measure(title, Path(folder), articles, questions, options.seconds))
        if not options.json:
            print(f"\n{_markdown(tables[-1])}", flush=True)
    if options.json:
        values = [_values(table) for table in tables]
        print(json.dumps({"machine": machine, "tables": values}, ensure_ascii=False, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
