"""Several processes that share one loaded engine and work through chunks: forked, fed by pipes.

Where a fork is unsafe, or one process is asked for, the caller's own process does the work.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

SHARES = sys.platform == "linux"  # elsewhere a fork of a process with loaded libraries is unsafe

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def work_through(
    work: Callable[[Chunk], Result], chunks: Iterable[Chunk], workers: int
) -> Iterator[tuple[Chunk, Result]]:
    """Yield each chunk with its result, in the order in which they are ready.

    No more chunks are taken than workers are free. A chunk whose worker dies is worked in the
    caller's process, where an error of `work` is raised.
    """
    if workers < 2 or not SHARES:
        for chunk in chunks:
            yield chunk, work(chunk)
        return
    crew = _Crew(work, workers)
    try:
        yield from crew.run(iter(chunks))
    finally:
        crew.dismiss()


class _Crew(Generic[Chunk, Result]):
    """The forked workers, each behind a pipe; when the caller's process ends, so do they."""

    def __init__(self, work: Callable[[Chunk], Result], workers: int) -> None:
        self._work = work
        self._pipes: list[Connection] = []
        self._processes = []
        context = multiprocessing.get_context("fork")
        gc.collect()
        for _ in range(workers):
            ours, theirs = context.Pipe()
            self._pipes.append(ours)
            process = context.Process(
                target=_serve, args=(work, theirs, list(self._pipes)), daemon=True
            )
            process.start()
            theirs.close()
            self._processes.append(process)

    def run(self, chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, Result]]:
        busy: dict[Connection, Chunk] = {}
        free = list(self._pipes)
        while True:
            while free and (chunk := next(chunks, None)) is not None:
                pipe = free.pop()
                try:
                    pipe.send(chunk)
                    busy[pipe] = chunk
                except (BrokenPipeError, ConnectionResetError):
                    yield chunk, self._alone(chunk)
            if not busy:
                break
            ready = set(wait(list(busy)))
            for pipe in [one for one in busy if one in ready]:
                done = busy.pop(pipe)
                try:
                    result = pipe.recv()
                except (EOFError, ConnectionResetError):
                    yield done, self._alone(done)
                    continue
                free.append(pipe)
                yield done, result
        for chunk in chunks:  # every worker has died
            yield chunk, self._work(chunk)

    def _alone(self, chunk: Chunk) -> Result:
        logger.warning("a worker has ended before its time; its rows are answered without it")
        return self._work(chunk)

    def dismiss(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(1)
            if process.is_alive():
                process.terminate()


def _serve(work: Callable[[Chunk], Result], pipe: Connection, others: list[Connection]) -> None:
    """Work through what comes until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever forked us stops us
    for other in others:
        other.close()
    while True:
        try:
            chunk = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(work(chunk))
        except (BrokenPipeError, ConnectionResetError):
            return
