"""The outermost layer: safe headers, a limit on bodies, figures, and no error that escapes."""

from __future__ import annotations

import logging
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.web.failures import reply
from qa.web.figures import Figures

logger = logging.getLogger(__name__)

UPLOADS = "/v1/batches"  # where a body of any type may be a file
JSON_LIMIT = 1024 * 1024
# What is still read and thrown away after the limit, so that the sender gets to see the 413.
_DRAIN = 64 * 1024 * 1024
_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        b"frame-ancestors 'self'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Edge:
    """Wraps the application, without the cost of Starlette's BaseHTTPMiddleware."""

    def __init__(self, app: ASGIApp, *, figures: Figures, max_upload_bytes: int) -> None:
        self._app = app
        self._figures = figures
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 0
        headless = scope["method"] == "HEAD"
        inner = {**scope, "method": "GET"} if headless else scope

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _completed(message["headers"])}
            elif headless and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(inner, self._limited(inner, receive), send_safely)
        except ClientDisconnect:
            status = status or 499
        except Exception:
            logger.exception("%s %r failed", scope["method"], scope["path"])
            if status:
                raise
            answer = reply(
                scope["path"],
                500,
                "internal",
                "the service failed on this request; its log says why",
            )
            await answer(inner, receive, send_safely)
        finally:
            route = getattr(inner.get("route"), "path", "other")
            self._figures.count_request(route, status, perf_counter() - started)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """Return a receive that refuses a body over the limit, declared or counted."""
        headers = dict(scope["headers"])
        upload = headers.get(b"content-type", b"").startswith(b"multipart/")
        upload = upload or scope["path"] == UPLOADS
        limit = self._max_upload_bytes if upload else JSON_LIMIT
        length = headers.get(b"content-length", b"")
        declared = int(length) if length.isdigit() else 0
        if declared <= limit and b"transfer-encoding" not in headers:
            return receive  # the server itself holds a sender to the length it declared
        hopeless = declared > limit + _DRAIN or (declared > limit and b"expect" in headers)
        total = 0

        async def receive_limited() -> Message:
            nonlocal total
            message: Message = {"type": "http.request", "more_body": True}
            if not hopeless:
                message = await receive()
            total += len(message.get("body", b""))
            if not hopeless and total <= limit and declared <= limit:
                return message
            while not hopeless and message.get("more_body") and total <= limit + _DRAIN:
                message = await receive()
                total += len(message.get("body", b""))
            raise HTTPException(
                413, f"the body is larger than {limit / 2**20:g} MB; send less at a time"
            )

        return receive_limited


def _completed(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a reply with those every reply carries."""
    if any(name == b"cache-control" for name, _ in headers):
        return [*headers, *_HEADERS]
    return [*headers, *_HEADERS, (b"cache-control", b"no-store")]
