"""Serves the application until it is told to stop; `tiaowen serve` comes here."""

from __future__ import annotations

import logging
import os
import socket

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from qa.errors import SettingsError
from qa.settings import Settings

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
    many = settings.workers > 1
    config = uvicorn.Config(
        "qa.web.serving:make_app" if many else _app(settings),
        factory=many,
        workers=settings.workers,
        log_config=None,
        log_level="debug" if level == "debug" else "warning",
        access_log=level == "debug",
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
    logger.info("Tiaowen is at %s", _address(listener))
    if many:
        Multiprocess(config, sockets=[listener]).run()
    else:
        uvicorn.Server(config).run(sockets=[listener])


def make_app() -> FastAPI:
    """Return the application of one worker of several; its settings come from the environment."""
    return _app(Settings.from_env(os.environ))


def _app(settings: Settings) -> FastAPI:
    from qa.web.app import create_app
    from qa.web.holder import EngineHolder

    return create_app(EngineHolder(settings), settings)


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
