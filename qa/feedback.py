"""What people thought of answers: kept as lines of a file, nothing about who said it."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from qa.gaps import append_line

logger = logging.getLogger(__name__)

Verdict = Literal["up", "down"]
FILE = "feedback.jsonl"
MOST_CHARS = 500  # of a question or a comment


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody thought of an answer: the day, the question, what was answered."""

    day: str
    question: str
    status: str
    clause_id: str
    verdict: Verdict
    comment: str = ""


def keep_feedback(folder: Path, feedback: Feedback) -> None:
    """Append what somebody thought of an answer, texts shortened to MOST_CHARS."""
    line = {
        name: " ".join(str(value).split())[:MOST_CHARS] for name, value in asdict(feedback).items()
    }
    append_line(folder / FILE, line)


def read_feedback(folder: Path) -> list[Feedback]:
    """Return what was kept, oldest first; a broken line, of a crash, is left out."""
    path = folder / FILE
    found = []
    for line in path.read_text("utf-8", "replace").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
            found.append(Feedback(**{one.name: str(row[one.name]) for one in fields(Feedback)}))  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError):
            logger.info("%s: a line that cannot be read is left out", path)
    return found
