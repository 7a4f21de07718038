"""Labelled questions → figures: retrieval by language and kind, refusal, quotes, time."""

from __future__ import annotations

import json
import re
import statistics
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa.engine import Engine
from qa.errors import CorpusError
from qa.models import Answer, Hit, Question

DEPTHS = (1, 3, 5, 10)
OUT_OF_SCOPE = "oos"
TOP_K = 10


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with what a right clause holds: any one of `gold`, in `document` if named."""

    id: str
    question: str
    language: str
    kind: str
    document: str
    gold: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One question judged: the rank of the first right hit (0: none), and its answer."""

    labelled: Labelled
    rank: int
    answer: Answer
    quoted: bool
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a group of questions that have an answer; shares from 0 to 1."""

    count: int
    hits: Mapping[int, float]
    mrr: float
    answered: float
    quoted: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one run; `refused` is the share of out-of-scope questions not answered."""

    groups: Mapping[str, Figures]
    out_of_scope: int
    refused: float
    median_ms: float
    judged: tuple[Judged, ...]


def evaluate(engine: Engine, path: Path) -> Evaluation:
    """Ask every question of a JSONL file and judge what comes back.

    A line has question, and gold (snippets that a right clause holds); optional id, language,
    kind ("oos": nothing answers it) and document or file. Raises CorpusError.
    """
    judged = [_judge(engine, labelled) for labelled in read_labelled(path, engine)]
    scoped = [one for one in judged if one.labelled.kind != OUT_OF_SCOPE]
    others = [one for one in judged if one.labelled.kind == OUT_OF_SCOPE]
    keys: list[tuple[str, Callable[[Judged], bool]]] = [("all", lambda _: True)]
    keys += [(f"language {x}", _is("language", x)) for x in _values(scoped, "language")]
    keys += [(f"kind {x}", _is("kind", x)) for x in _values(scoped, "kind")]
    groups = {name: _figures([one for one in scoped if test(one)]) for name, test in keys}
    refused = [one.answer.status != "answered" for one in others]
    times = [one.milliseconds for one in judged]
    return Evaluation(
        groups=groups,
        out_of_scope=len(others),
        refused=statistics.fmean(refused) if refused else 0.0,
        median_ms=statistics.median(times) if times else 0.0,
        judged=tuple(judged),
    )


def read_labelled(path: Path, engine: Engine) -> list[Labelled]:
    """Return the labelled questions of a JSONL file; raises CorpusError with file:line."""
    ids = {document.id: document.id for document in engine.documents()}
    ids |= {document.source: document.id for document in engine.documents()}
    found = []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: {error}; give a JSONL file in UTF-8") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name = str(row.get("document") or row.get("file") or "")
            found.append(
                Labelled(
                    id=str(row.get("id", number)),
                    question=str(row["question"]),
                    language=str(row.get("language", "")),
                    kind=str(row.get("kind", "plain")),
                    document=ids.get(name, ""),
                    gold=tuple(map(bare, row.get("gold", ()))),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorpusError(
                f'{path}:{number}: {error!r}; a line is like {{"question": "…", "gold": ["…"]}}'
            ) from error
    return found


def bare(text: str) -> str:
    """Return text without width, space and the punctuation that cleaning mends."""
    text = unicodedata.normalize("NFKC", text).replace("。", ".")
    return re.sub(r"[\s«»《》<>]", "", text)


def _judge(engine: Engine, labelled: Labelled) -> Judged:
    question = Question(labelled.question, top_k=TOP_K)
    start = time.perf_counter()
    hits = engine.search(question)
    milliseconds = (time.perf_counter() - start) * 1000
    answer = engine.ask(question)
    ranks = [hit.rank for hit in hits if is_right(hit, labelled)]
    quoted = bool(answer.citations) and _holds(answer.citations[0].quote, labelled.gold)
    return Judged(labelled, ranks[0] if ranks else 0, answer, quoted, milliseconds)


def is_right(hit: Hit, labelled: Labelled) -> bool:
    """Return whether a hit holds one of the gold snippets, in the document that is named."""
    if labelled.document and hit.clause.document_id != labelled.document:
        return False
    return _holds(hit.clause.text, labelled.gold)


def _holds(text: str, gold: Iterable[str]) -> bool:
    text = bare(text)
    return any(snippet in text for snippet in gold)


def _figures(judged: Sequence[Judged]) -> Figures:
    ranks = [one.rank for one in judged]
    return Figures(
        count=len(judged),
        hits={depth: _share(0 < rank <= depth for rank in ranks) for depth in DEPTHS},
        mrr=statistics.fmean([1 / rank if rank else 0.0 for rank in ranks]) if ranks else 0.0,
        answered=_share(one.answer.status == "answered" for one in judged),
        quoted=_share(one.quoted for one in judged),
    )


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _values(judged: Sequence[Judged], name: str) -> list[str]:
    return sorted({str(getattr(one.labelled, name)) for one in judged})


def _is(name: str, value: str) -> Callable[[Judged], bool]:
    return lambda one: getattr(one.labelled, name) == value


def format_evaluation(evaluation: Evaluation) -> str:
    """Return the figures as a table in Markdown, then the questions that no hit answers."""
    depths = " | ".join(f"hit@{depth}" for depth in DEPTHS)
    lines = [
        f"| questions | n | {depths} | MRR@{TOP_K} | answered | first quote holds it |",
        "|---|---|" + "---|" * (len(DEPTHS) + 3),
    ]
    for name, one in evaluation.groups.items():
        hits = " | ".join(f"{one.hits[depth]:.3f}" for depth in DEPTHS)
        lines.append(
            f"| {name} | {one.count} | {hits} | {one.mrr:.3f} "
            f"| {one.answered:.2f} | {one.quoted:.2f} |"
        )
    lines.append("")
    if evaluation.out_of_scope:
        lines.append(
            f"out of scope: {evaluation.out_of_scope}, not answered {evaluation.refused:.2f}"
        )
    lines.append(f"search: {evaluation.median_ms:.2f} ms at the median")
    return "\n".join(lines)


def evaluation_to_dict(evaluation: Evaluation) -> dict[str, object]:
    """Return the figures as plain values for JSON, with the rank of every question."""
    return {
        "groups": {
            name: {
                "count": one.count,
                **{f"hit@{depth}": round(share, 4) for depth, share in one.hits.items()},
                "mrr": round(one.mrr, 4),
                "answered": round(one.answered, 4),
                "quoted": round(one.quoted, 4),
            }
            for name, one in evaluation.groups.items()
        },
        "out_of_scope": {"count": evaluation.out_of_scope, "refused": round(evaluation.refused, 4)},
        "median_ms": round(evaluation.median_ms, 3),
        "questions": [
            {
                "id": one.labelled.id,
                "question": one.labelled.question,
                "rank": one.rank,
                "status": one.answer.status,
                "confidence": one.answer.confidence,
                "quoted": one.quoted,
            }
            for one in evaluation.judged
        ],
    }
