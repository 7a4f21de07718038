"""The MCP server at /mcp, made when it is first asked for: its library is slow to load."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from qa.settings import Settings
from qa.web.access import allowed_origins, is_loopback
from qa.web.failures import reply
from qa.web.holder import EngineSource

PATH = "/mcp"


class ToolsApp:
    """An ASGI app for one path: streamable HTTP without sessions, so that any worker answers."""

    def __init__(self, source: EngineSource, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._app: ASGIApp | None = None
        self._starting: asyncio.Lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._stop: asyncio.Event = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; see the class."""
        refused = self._refused(Request(scope))
        if refused:
            await reply(PATH, 403, "origin_unknown", refused)(scope, receive, send)
            return
        app = self._app or await self._start()
        await app({**scope, "path": PATH, "root_path": ""}, receive, send)

    async def close(self) -> None:
        """Let go of what serves the requests."""
        self._stop.set()
        if self._task is not None:
            await self._task

    def _refused(self, request: Request) -> str:
        """Return why a request is refused, "" where it is not: rebound names, others' pages."""
        host = request.headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if is_loopback(self._settings.host) and not is_loopback(name):
            return "this works on this machine's own address only"
        origin = request.headers.get("origin", "")
        is_own = not origin or urlsplit(origin).netloc == host
        if not is_own and origin not in allowed_origins(self._settings):
            return "a page of another site may not do this; list it in TIAOWEN_ORIGINS"
        return ""

    async def _start(self) -> ASGIApp:
        async with self._starting:
            if self._app is None:
                from mcp.server.transport_security import TransportSecuritySettings

                from qa.tool_server import make_server

                app = make_server(self._source.current).streamable_http_app(
                    streamable_http_path=PATH,
                    json_response=True,
                    stateless_http=True,
                    transport_security=TransportSecuritySettings(
                        enable_dns_rebinding_protection=False  # checked above
                    ),
                )
                ready = asyncio.Event()
                self._task = asyncio.create_task(self._run(app, ready))
                await ready.wait()
                self._app = app
        return self._app

    async def _run(self, app: Any, ready: asyncio.Event) -> None:
        async with app.router.lifespan_context(app):
            ready.set()
            await self._stop.wait()
