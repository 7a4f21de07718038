"""Many questions asked, in several processes where they can share one opened engine."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from qa.answers import quoted_text
from qa.engine import Engine
from qa.errors import QuestionError
from qa.models import Answer, Language, Question

SHARES = sys.platform == "linux"  # elsewhere a fork of a process with loaded libraries is unsafe
_OTHER: dict[Language, Language] = {"zh": "en", "en": "zh"}


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as a table shows it, or why there is none."""

    answer: Answer | None
    other: str = ""
    problem: str = ""


def processes_of(asked: int) -> int:
    """Return how many processes a run of so many questions is worth."""
    return min(2, os.cpu_count() or 1) if SHARES and asked >= 500 else 1


def ask_chunks(
    engine: Engine, chunks: Iterable[Sequence[Question]], processes: int = 1
) -> Iterator[list[Told]]:
    """Yield what is told of each chunk of questions, in order.

    With more than one process the engine is forked, so that its memory is shared; call it from a
    process without other threads.
    """
    if processes <= 1:
        for chunk in chunks:
            yield _ask(engine, chunk)
        return
    context = multiprocessing.get_context("fork")
    with context.Pool(processes, _take, (engine,)) as pool:
        yield from pool.imap(_ask_taken, chunks)


_taken: list[Engine] = []


def _take(engine: Engine) -> None:
    """Keep the engine that this forked process has inherited."""
    _taken[:] = [engine]


def _ask_taken(chunk: Sequence[Question]) -> list[Told]:
    return _ask(_taken[0], chunk)


def _ask(engine: Engine, chunk: Sequence[Question]) -> list[Told]:
    """Ask a chunk at once; if a question in it cannot be asked, each on its own."""
    try:
        answers = engine.ask_many(chunk)
    except QuestionError as error:
        if len(chunk) == 1:
            return [Told(None, problem=str(error))]
        half = len(chunk) // 2
        return _ask(engine, chunk[:half]) + _ask(engine, chunk[half:])
    return [Told(one, _in_other_language(one)) for one in answers]


def _in_other_language(answer: Answer) -> str:
    return quoted_text(_OTHER[answer.language], answer.status, answer.citations)
