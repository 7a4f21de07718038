"""Who may change the documents: this machine's own pages, or whoever has the key."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request

from qa.errors import SettingsError
from qa.settings import Settings
from qa.web.failures import RequestError

_READING = {"GET", "HEAD"}


def check_manager(request: Request, settings: Settings) -> None:
    """Raise RequestError unless a request may see what people asked and change the documents.

    On a loopback address no key is needed, but the request must come from a page of this very
    service: another site's page, or a name that was rebound to this machine, is refused. On any
    other address TIAOWEN_MANAGE_KEY must be set and sent.
    """
    key = settings.manage_key
    if key:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(sent.encode(), key.encode()):
            raise RequestError(
                401, "key_wrong", "this needs the key; send `Authorization: Bearer` and the key"
            )
    elif not is_loopback(settings.host):
        raise RequestError(
            403,
            "managing_off",
            f"the service listens on {settings.host} without a key; set TIAOWEN_MANAGE_KEY",
        )
    elif not is_loopback(_name_of(request.headers.get("host", ""))):
        raise RequestError(
            403, "host_unknown", "without a key this works on this machine's own address only"
        )
    check_origin(request)


def check_origin(request: Request) -> None:
    """Raise RequestError where a page of another site sends something that changes something."""
    if request.method in _READING:
        return
    origin = request.headers.get("origin", "")
    host = request.headers.get("host", "")
    if request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none") and (
        not origin or urlsplit(origin).netloc == host
    ):
        return
    raise RequestError(403, "origin_unknown", "a page of another site may not do this")


def allowed_origins(settings: Settings) -> list[str]:
    """Return the origins whose pages may ask; raises SettingsError for what is none."""
    found = settings.origins.replace(",", " ").split()
    for one in found:
        parts = urlsplit(one)
        if (
            parts.scheme not in ("http", "https")
            or not parts.netloc
            or one != (f"{parts.scheme}://{parts.netloc}")
        ):
            raise SettingsError(
                f"TIAOWEN_ORIGINS: {one[:120]!r} is no origin; "
                "write each like https://intranet.example"
            )
    return found


def is_loopback(name: str) -> bool:
    """Return whether a host is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name.lower() == "localhost"


def _name_of(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""
