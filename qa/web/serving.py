"""Serves the application until it is told to stop; `tiaowen serve` comes here."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from qa.errors import QAError, SettingsError
from qa.settings import Settings
from qa.web.workers import SHARES, run_workers

logger = logging.getLogger(__name__)

LOG_LEVELS = ("critical", "error", "warning", "info", "debug")
_BACKLOG = 2048
_SECONDS_TO_FINISH = 10


def serve(settings: Settings) -> None:
    """Listen on the host and port of the settings; raises SettingsError where that fails.

    The service starts without an index too, says so, and answers once there is one.
    """
    level = settings.log_level.lower()
    if level not in LOG_LEVELS:
        raise SettingsError(
            f"TIAOWEN_LOG_LEVEL={settings.log_level!r} is unknown; "
            f"use one of {', '.join(LOG_LEVELS)}"
        )
    # FAISS reads these as it is loaded, so before the application is made. Its threads spin
    # while they wait for one another: on busy cores a search takes 15 ms with two, 0.5 ms with one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.getLogger("qa").setLevel(level.upper())
    listener = _listen(settings.host, settings.port)
    logger.info("Tiaowen is at %s", _address(listener))
    workers = settings.workers or default_workers()
    if workers == 1:
        uvicorn.Server(_config(settings, _app(settings))).run(sockets=[listener])
        return
    with tempfile.TemporaryDirectory(prefix="tiaowen-figures-") as figures:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = figures  # read as qa.web.figures is imported
        if SHARES:
            config = _config(settings, _app(settings, opened=True))
            run_workers(workers, lambda: uvicorn.Server(config).run(sockets=[listener]))
        else:
            config = _config(settings, "qa.web.serving:make_app", factory=True, workers=workers)
            Multiprocess(config, sockets=[listener]).run()


def default_workers() -> int:
    """Return how many processes answer where nothing is set: two, where they share memory."""
    return min(2, os.cpu_count() or 1) if SHARES else 1


def _config(settings: Settings, app: FastAPI | str, **more: Any) -> uvicorn.Config:
    level = "debug" if settings.log_level.lower() == "debug" else "warning"
    return uvicorn.Config(
        app,
        log_config=None,
        log_level=level,
        access_log=level == "debug",
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        **more,
    )


def make_app() -> FastAPI:
    """Return the application of one worker of several; its settings come from the environment."""
    return _app(Settings.from_env(os.environ))


def _app(settings: Settings, *, opened: bool = False) -> FastAPI:
    """Return the application; `opened` already here, so that forked workers share the engine."""
    from qa.web.app import create_app
    from qa.web.holder import EngineHolder

    holder = EngineHolder(settings)
    if opened:
        with contextlib.suppress(QAError):  # each worker tells what is wrong, and tries again
            holder.current()
    return create_app(holder, settings)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(target[:2], family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(
            f"cannot listen on {host}:{port}: {reason}; "
            "set TIAOWEN_HOST or TIAOWEN_PORT to an address of this machine that is free"
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
