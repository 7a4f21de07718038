"""The pages and what they load, kept in memory: a few small files, none from outside."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
FRAME = "page.html"
FRAMED = ("manage", "batch", "test", "gaps")  # pages that differ in their script alone
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    media_type: str
    etag: str


class Pages:
    """The files of static/, by name."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._assets = {
            path.name: _asset(path.read_bytes(), path.suffix)
            for path in folder.iterdir()
            if path.suffix in _TYPES
        }
        frame = (folder / FRAME).read_text("utf-8")
        for name in FRAMED:
            content = frame.replace("{name}", name).encode()
            self._assets[f"{name}.html"] = _asset(content, ".html")

    def reply(self, request: Request, name: str, status: int = 200) -> Response:
        """Return a file; a browser that has it already is told so."""
        asset = self._assets.get(name)
        if asset is None:
            raise HTTPException(404)
        headers = {"etag": asset.etag, "cache-control": "no-cache"}
        if status == 200 and request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(
            asset.content, status_code=status, media_type=asset.media_type, headers=headers
        )


def _asset(content: bytes, suffix: str) -> _Asset:
    return _Asset(content, _TYPES[suffix], f'"{sha256(content).hexdigest()[:16]}"')
