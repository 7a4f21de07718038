"""The measurements: of the index, of the engine, of the service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from benchmarks.corpora import change_one_clause, varied
from benchmarks.services import Service, compare, drive, post_of, serving
from qa.catalog import FOLDER
from qa.encoder import open_encoder
from qa.engine import Engine
from qa.models import Question
from qa.settings import Settings
from qa.snapshots import read_snapshot

ROWS = 2000  # distinct questions
CHUNK = 100  # rows of a batch that are timed at once
ASKS = 200  # before memory is read
STARTS = 3
CONNECTIONS = 8
TOP_K = 5
TURNS = 4  # in a second
OURS = ("-m", "qa", "serve", "--host", "127.0.0.1", "--port", "{port}")
BARE = (str(Path(__file__).with_name("bare.py")), "{port}")
BARE_NAME = "bare FastAPI"
PLAIN = "encode, flat search"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table: what was measured, and what beside it, in the same unit."""

    what: str
    value: float
    unit: str
    beside: str = ""
    beside_value: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Return how many times the figure beside it this one is."""
        return self.value / self.beside_value if self.beside_value else None


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of one corpus."""

    title: str
    about: Mapping[str, int | float]
    figures: Sequence[Figure]


def measure(title: str, folder: Path, articles: int, questions: list[str], seconds: float) -> Table:
    """Measure everything on the corpus that lies in a folder; it is changed."""
    places = {
        "TIAOWEN_CORPUS": str(folder / "corpus"),
        "TIAOWEN_INDEX": str(folder / "index"),
    }
    environ = os.environ | places
    settings = Settings.from_env(environ)
    load = os.getloadavg()[0]
    rows = varied(questions, ROWS)
    figures = [
        *_index(settings, environ),
        *_engine(settings, rows, seconds),
        *_service(environ, folder, rows, seconds),
    ]
    manifest = read_snapshot(settings.index, None).manifest
    about = {
        "articles given": articles,
        "documents": manifest.documents,
        "clauses": manifest.clauses,
        "vectors": manifest.units,
        "distinct questions": len(rows),
        "workers": settings.workers,
        "load average before": round(load, 2),
        "and after": round(os.getloadavg()[0], 2),
    }
    return Table(title, {name: value for name, value in about.items() if value}, figures)


def _index(settings: Settings, environ: Mapping[str, str]) -> list[Figure]:
    """Time `tiaowen index` on a new corpus, once more, and with one clause changed."""

    def build() -> float:
        started = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "qa", "index"], env=environ, check=False, capture_output=True
        )
        if done.returncode:
            sys.exit(done.stderr.decode())
        return perf_counter() - started

    fresh = build()
    size = _megabytes(settings.index)
    encoder = open_encoder(settings.encoder)
    texts = [one.text for one in read_snapshot(settings.index, None).clauses]
    started = perf_counter()
    encoder.encode_clauses(texts)
    encoded = perf_counter() - started
    text = _megabytes(settings.corpus / FOLDER)
    unchanged = build()
    change_one_clause(settings.corpus)
    changed = build()
    return [
        Figure("`tiaowen index`, fresh", fresh, "s", "encode the clauses, no more", encoded),
        Figure("`tiaowen index`, nothing changed", unchanged, "s", "fresh", fresh),
        Figure("`tiaowen index`, one clause changed", changed, "s", "fresh", fresh),
        Figure("index on disk", size, "MB", "the documents", text),
    ]


def _engine(settings: Settings, rows: Sequence[str], seconds: float) -> list[Figure]:
    """Time the engine, without HTTP, beside a plain loop over the same vectors."""
    import faiss

    engine = Engine.open(settings)
    encoder = open_encoder(settings.encoder)
    vectors = read_snapshot(settings.index, None).vector_index.vectors()
    flat: Any = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    faiss.omp_set_num_threads(1)  # as in the service

    def plain(texts: Sequence[str]) -> None:
        flat.search(encoder.encode_questions(texts), TOP_K)

    ones = [[row] for row in rows]
    ways = [
        plain,
        lambda texts: engine.search_many([Question(text, TOP_K) for text in texts]),
        lambda texts: engine.ask_many([Question(text, TOP_K) for text in texts]),
    ]
    beside, search, ask = _by_turns(ways, ones, seconds)
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    batches = [[_time(way, chunk) for way in (ways[0], ways[2])] for chunk in chunks]
    plain_rate, rate = (1000 * len(rows) / sum(some) for some in zip(*batches, strict=True))
    return [
        Figure("search, median", median(search), "ms", PLAIN, median(beside)),
        Figure("search, p95", _p95(search), "ms", PLAIN, _p95(beside)),
        Figure("ask, median", median(ask), "ms", PLAIN, median(beside)),
        Figure("ask, p95", _p95(ask), "ms", PLAIN, _p95(beside)),
        Figure(f"ask_many, {CHUNK} at once", rate, "rows/s", PLAIN, plain_rate),
    ]


def _by_turns(
    ways: Sequence[Callable[[Sequence[str]], object]],
    rows: Sequence[Sequence[str]],
    seconds: float,
) -> list[list[float]]:
    """Return the milliseconds of each call, `seconds` for each way; no two get the same row."""
    took: list[list[float]] = [[] for _ in ways]
    shares = [cycle(rows[first :: len(ways)]) for first in range(len(ways))]
    for turn in range(-1, max(2, round(TURNS * seconds))):
        for way, share, times in zip(ways, shares, took, strict=True):
            end = perf_counter() + 1 / TURNS
            while perf_counter() < end:
                one = _time(way, next(share))
                if turn >= 0:  # the first turn warms up
                    times.append(one)
    return took


def _time(way: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    started = perf_counter()
    way(texts)
    return (perf_counter() - started) * 1000


def _service(
    environ: Mapping[str, str], folder: Path, rows: Sequence[str], seconds: float
) -> list[Figure]:
    """Start the service and the bare one, and send the same requests to both."""
    log = folder / "service.log"
    starts: list[list[float]] = [[], []]
    for _ in range(STARTS):
        for command, times in zip((OURS, BARE), starts, strict=True):
            with serving(command, environ, log) as service:
                times.append(service.seconds)
    bodies = [json.dumps({"question": text, "top_k": TOP_K}).encode() for text in rows]
    asks, searches = ([post_of(f"/v1/{verb}", one) for one in bodies] for verb in ("ask", "search"))
    with serving(OURS, environ, log) as service:
        ask = int(median(drive(service, iter(asks[:ASKS])).sizes))
        memory = service.memory()
        search = int(median(drive(service, iter(searches[:ASKS])).sizes))
        with serving((*BARE, str(ask), str(search)), environ, folder / "bare.log") as bare:
            replies = {size: [post_of(f"/{size}", one) for one in bodies] for size in (ask, search)}
            drive(bare, iter(replies[ask][:ASKS]))
            bare_memory = bare.memory()
            start, bare_start = map(median, starts)
            name = f"start to ready, median of {STARTS}"
            return [
                Figure(name, start, "s", BARE_NAME, bare_start),
                Figure(f"memory after {ASKS} asks", memory, "MiB", BARE_NAME, bare_memory),
                *_endpoint("/v1/search", (service, searches), (bare, replies[search]), seconds),
                *_endpoint("/v1/ask", (service, asks), (bare, replies[ask]), seconds),
            ]


def _endpoint(
    path: str, ours: tuple[Service, list[bytes]], bare: tuple[Service, list[bytes]], seconds: float
) -> list[Figure]:
    targets = [ours, bare]
    one, bare_one = compare(targets, 1, seconds)
    many, bare_many = compare(targets, CONNECTIONS, seconds)
    mine, other = one.round_trips, bare_one.round_trips
    name = f"{path}, {CONNECTIONS} connections"
    return [
        Figure(f"{path}, took_ms, median", median(one.took), "ms"),
        Figure(f"{path}, took_ms, p95", _p95(one.took), "ms"),
        Figure(f"{path}, round trip, median", median(mine), "ms", BARE_NAME, median(other)),
        Figure(f"{path}, round trip, p95", _p95(mine), "ms", BARE_NAME, _p95(other)),
        Figure(name, many.rate, "requests/s", BARE_NAME, bare_many.rate),
    ]


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1]


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
