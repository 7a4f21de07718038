"""Requests to the platforms: to known addresses only, within seconds, again where it may help."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from qa.chat.channel import read_json
from qa.errors import DeliveryError, MessageError

logger = logging.getLogger(__name__)
for _name in ("httpx2", "httpcore2"):  # they would log addresses, some of which hold a token
    logging.getLogger(_name).setLevel(logging.WARNING)

MOST_BYTES = 1_000_000  # of a platform's reply
LONGEST_PAUSE = 10.0  # seconds that a platform may ask us to wait
_EARLY = 300.0  # seconds before its end at which a token is fetched anew
_PASSING = {408, 425, 429}


class Sender:
    """An HTTP client for one platform; its errors never show what stands behind a `?`."""

    def __init__(
        self,
        platform: str,
        *,
        seconds: float = 10.0,
        pauses: Sequence[float] = (0.5, 2.0),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._platform = platform
        self._pauses = pauses
        self._sleep = sleep
        self._seconds = seconds
        self._client: httpx2.Client | None = None
        self._lock = threading.Lock()

    def get(self, url: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """Return the JSON object at an address; raises DeliveryError."""
        return self._ask("GET", url, params=query)

    def post(
        self,
        url: str,
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        bearer: str = "",
    ) -> Mapping[str, Any]:
        """Return the JSON object that answers what is sent; raises DeliveryError."""
        headers = {"authorization": f"Bearer {bearer}"} if bearer else None
        return self._ask("POST", url, json=json, data=form, params=query, headers=headers)

    def _ask(self, method: str, url: str, **what: Any) -> Mapping[str, Any]:
        for pause in (*self._pauses, None):
            wait = 0.0
            try:
                status, wait, body = self._once(method, url, what)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                if pause is None:
                    raise self._failure(
                        url, f"cannot be reached ({type(error).__name__})"
                    ) from None
            else:
                if status < 300:
                    return self._object(url, body)
                if pause is None or not (status >= 500 or status in _PASSING):
                    said = " ".join(body[:300].decode("utf-8", "replace").split())
                    raise self._failure(url, f"answers {status}: {said}", status)
            self._sleep(max(pause, wait))
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, url: str, what: Mapping[str, Any]) -> tuple[int, float, bytes]:
        """Return the status, the seconds to wait and the body of one try."""
        with self._opened().stream(method, url, **what) as response:
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise self._failure(url, f"answers more than {MOST_BYTES} bytes")
        after = response.headers.get("retry-after", "")
        wait = min(float(after), LONGEST_PAUSE) if after.isdigit() else 0.0
        return response.status_code, wait, body

    def _opened(self) -> httpx2.Client:
        """Return the client, made on its first use, so that no forked process shares one."""
        with self._lock:
            if self._client is None:
                self._client = httpx2.Client(timeout=self._seconds, follow_redirects=False)
            return self._client

    def _object(self, url: str, body: bytes) -> Mapping[str, Any]:
        if not body.strip():
            return {}
        try:
            return read_json(body, self._platform)
        except MessageError as error:
            raise self._failure(url, f"answers in another form: {error}") from None

    def _failure(self, url: str, what: str, status: int = 0) -> DeliveryError:
        error = DeliveryError(
            f"{self._platform}: {address_of(url)} {what}; see docs/chat.md for what it means"
        )
        error.status = status
        return error


@dataclass(frozen=True, slots=True)
class Token:
    """What a platform lets us in with, and for how many seconds."""

    value: str
    seconds: float


class TokenCache:
    """One platform's token, fetched when it is needed and kept until shortly before its end."""

    def __init__(self, fetch: Callable[[], Token]) -> None:
        self._fetch = fetch
        self._value = ""
        self._until = 0.0
        self._lock = threading.Lock()

    def current(self) -> str:
        """Return the token; raises DeliveryError where it cannot be fetched."""
        with self._lock:
            if not self._value or time.monotonic() >= self._until:
                token = self._fetch()
                self._value = token.value
                self._until = time.monotonic() + max(token.seconds - _EARLY, token.seconds / 2)
            return self._value

    def drop(self, value: str) -> None:
        """Forget a token that the platform does not take any more."""
        with self._lock:
            if self._value == value:
                self._value = ""


def address_of(url: str) -> str:
    """Return an address without its query, which may hold a token."""
    return url.partition("?")[0]


def is_trusted(url: str, hosts: Sequence[str], base: str = "") -> bool:
    """Say whether an address that a message names is the platform's own.

    A host that begins with a dot stands for all below it; `base` is an address of the settings.
    """
    if base and url.startswith(f"{base.rstrip('/')}/"):
        return True
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    known = any(host.endswith(one) if one.startswith(".") else host == one for one in hosts)
    return parts.scheme == "https" and known and port in (None, 443) and "@" not in parts.netloc
