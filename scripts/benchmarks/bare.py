"""The service to measure beside ours: FastAPI and uvicorn, set as ours are, and nothing else.

bare.py PORT SIZE…: POST /SIZE is replied to with that many bytes of JSON, made beforehand.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response


def _reply(size: int) -> Callable[[Request], Awaitable[Response]]:
    content = b'"' + b"x" * (size - 2) + b'"'

    async def reply(request: Request) -> Response:
        await request.body()
        return Response(content, media_type="application/json")

    return reply


if __name__ == "__main__":
    port, *sizes = [int(argument) for argument in sys.argv[1:]]
    app = FastAPI()
    app.add_api_route("/readyz", _reply(2), response_model=None)
    for one in sizes:
        app.add_api_route(f"/{one}", _reply(one), methods=["POST"], response_model=None)
    uvicorn.run(app, port=port, log_level="warning", server_header=False, ws="none")
