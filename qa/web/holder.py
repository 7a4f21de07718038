"""Holds the engine of a running service: opens it when there is an index, keeps it fresh."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from qa.engine import Engine
from qa.errors import QAError
from qa.settings import Settings

logger = logging.getLogger(__name__)


class EngineSource(Protocol):
    """Whatever yields the engine to answer with."""

    def current(self) -> Engine:
        """Return the engine; raises IndexMissingError and its like while there is none."""
        ...


class EngineHolder:
    """The engine of a service that may start before its index, and outlives many snapshots.

    The first opening happens in the caller's thread; whatever comes later, in a thread of its
    own at most once in `interval` seconds, so that no request waits for it.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine | None = None,
        *,
        opener: Callable[[Settings], Engine] = Engine.open,
        interval: float = 1.0,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._opener = opener
        self._interval = interval
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._checking = False
        self._checked = time.monotonic() if engine else 0.0

    def current(self) -> Engine:
        """Return the engine; raises the error of the last opening while there is none."""
        if self._engine is None and self._error is None:
            self._open_first()
        elif not self._checking and time.monotonic() - self._checked >= self._interval:
            self._check_in_background()
        if self._engine is not None:
            return self._engine
        assert self._error is not None
        raise self._error.with_traceback(None)

    def _open_first(self) -> None:
        with self._lock:
            if self._engine is None and self._error is None:
                self._check()

    def _check_in_background(self) -> None:
        with self._lock:
            if self._checking:
                return
            self._checking = True
        threading.Thread(target=self._check, name="tiaowen-refresh", daemon=True).start()

    def _check(self) -> None:
        """Open the engine, or let it look for a new snapshot; on failure what is there stays."""
        try:
            if self._engine is None:
                self._engine = self._opener(self._settings)
                logger.info("serving snapshot %s", self._engine.snapshot_id)
            elif self._engine.refresh():
                logger.info("now serving snapshot %s", self._engine.snapshot_id)
            self._error = None
        except QAError as error:
            if str(error) != str(self._error):
                logger.warning("%s", error)
            self._error = error
        except Exception as error:
            if str(error) != str(self._error):
                logger.exception("the index cannot be loaded")
            self._error = error
        finally:
            self._checked = time.monotonic()
            self._checking = False
