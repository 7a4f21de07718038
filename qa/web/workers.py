"""Several processes that answer from one opened engine: forked, so that they share its memory."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

logger = logging.getLogger(__name__)

SHARES = sys.platform == "linux"  # elsewhere a fork of a process with loaded libraries is unsafe
_SHORTEST_LIFE = 1.0  # seconds; a worker that ends sooner is started again only after a pause


def run_workers(count: int, run: Callable[[], None]) -> None:
    """Run `run` in `count` forked processes until SIGTERM or SIGINT; start anew what dies.

    Whatever the caller has loaded is shared, page by page, for as long as nobody writes to it;
    it must have started no threads. Each worker gets the signal and ends by itself.
    """
    Workers(run).keep(count)


class Workers:
    """The running workers, by process id with the time at which each was started."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run
        self._started: dict[int, float] = {}
        self._stopping = False

    def keep(self, count: int) -> None:
        """Keep `count` workers running until a signal stops them all."""
        gc.collect()
        gc.freeze()  # so that collections in the workers do not write to what they share
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for _ in range(count):
            self._start()
        while self._started:
            process, status = os.wait()
            started = self._started.pop(process, None)
            if started is None or self._stopping:
                continue
            logger.warning("worker %d ended (status %d); starting another", process, status)
            if time.monotonic() - started < _SHORTEST_LIFE:
                time.sleep(_SHORTEST_LIFE)
            if not self._stopping:
                self._start()

    def _start(self) -> None:
        process = os.fork()
        if process:
            self._started[process] = time.monotonic()
        else:
            self._work()

    def _work(self) -> NoReturn:
        """Run the worker and end its process, whatever happens, before it reaches the caller."""
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            self._run()
            code = 0
        except KeyboardInterrupt:
            code = 0
        except BaseException:
            logger.exception("worker %d failed", os.getpid())
        finally:
            logging.shutdown()
            os._exit(code)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopping = True
        for process in list(self._started):
            os.kill(process, signal.SIGTERM)
