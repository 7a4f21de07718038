"""Questions that found no answer: kept as lines of a file, listed in groups.

A line holds the day, the question, the status and the nearest clause; nothing about who asked.
TIAOWEN_GAPS=off keeps none.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from qa.encoder import Encoder
from qa.models import Answer
from qa.text import normalise

logger = logging.getLogger(__name__)

FILE = "gaps.jsonl"
MOST_BYTES = 20_000_000  # a fuller file is moved aside, once
MOST_CHARS = 500  # of a question
ALIKE = 0.7  # cosine from which two questions are about the same


@dataclass(frozen=True, slots=True)
class Gap:
    """A question that was not answered, and the day on which it was asked."""

    day: str
    question: str
    status: str
    nearest: str


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about the same: how often they were asked, and each wording once."""

    count: int
    last: str
    questions: tuple[str, ...]
    nearest: str


def keep_gap(folder: Path, answer: Answer, day: date | None = None) -> None:
    """Append a question that was not answered."""
    if answer.status == "answered":
        return
    nearest = answer.citations[0].clause_id if answer.citations else ""
    line = {
        "day": (day or date.today()).isoformat(),
        "question": " ".join(answer.question.split())[:MOST_CHARS],
        "status": answer.status,
        "nearest": nearest,
    }
    append_line(folder / FILE, line)


def append_line(path: Path, line: Mapping[str, str]) -> None:
    """Append a line of JSON to a file; one write, so that processes do not mix lines."""
    data = (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    try:
        if path.exists() and path.stat().st_size > MOST_BYTES:
            os.replace(path, path.with_suffix(".old.jsonl"))
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)
    except OSError as error:  # an answer is worth more than the note about it
        logger.warning("%s: a line could not be kept (%s)", path, error)


def read_gaps(folder: Path) -> list[Gap]:
    """Return what was kept, oldest first; a broken line, of a crash, is left out."""
    found = []
    path = folder / FILE
    for line in path.read_text("utf-8", "replace").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
            found.append(
                Gap(*(str(row[name]) for name in ("day", "question", "status", "nearest")))
            )
        except (ValueError, KeyError, TypeError):
            logger.info("%s: a line that cannot be read is left out", path)
    return found


def group_gaps(gaps: Sequence[Gap], encoder: Encoder) -> list[Group]:
    """Return groups of like questions, the most asked first; each joins the first it is like."""
    counted: dict[str, list[Gap]] = {}
    for gap in gaps:
        counted.setdefault(gap.question, []).append(gap)
    texts = sorted(counted, key=lambda text: (-len(counted[text]), text))
    vectors = encoder.encode_questions([normalise(text) for text in texts])
    leaders: list[int] = []
    members: dict[int, list[int]] = {}
    for n in range(len(texts)):
        near = vectors[leaders] @ vectors[n] if leaders else np.zeros(0)
        leader = leaders[int(np.argmax(near))] if len(near) and near.max() >= ALIKE else n
        if leader == n:
            leaders.append(n)
        members.setdefault(leader, []).append(n)
    groups = []
    for some in members.values():
        every = [gap for n in some for gap in counted[texts[n]]]
        nearest = next((gap.nearest for gap in every if gap.nearest), "")
        last = max(gap.day for gap in every)
        groups.append(Group(len(every), last, tuple(texts[n] for n in some), nearest))
    return sorted(groups, key=lambda one: (-one.count, one.questions))
