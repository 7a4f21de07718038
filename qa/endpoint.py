"""A language model that somebody runs, over HTTP in OpenAI's form: asked, its reply bounded."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from qa.errors import SettingsError

URL_VARIABLE = "TIAOWEN_LLM_URL"
MODEL_VARIABLE = "TIAOWEN_LLM_MODEL"
KEY_VARIABLE = "TIAOWEN_LLM_KEY"

MAX_REPLY = 1_000_000  # bytes
_CHUNK = 65536
_SAID = 200  # characters of a server's complaint that are shown
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_OVER_ITS_LIMITS = {400, 413, 422}  # said of one clause, as a rule because it is too long
_PASSING = {408, 425, 429}
_UNSEEN = {"Cc", "Cf", "Cs"}  # control, direction and joining marks, halves of surrogate pairs


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible service; `timeout` seconds hold for one try, `pauses` between tries."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    pauses: tuple[float, ...] = (1.0, 4.0)


class UnansweredError(Exception):
    """The service gave no answer for a clause, but may for the next."""


class _SameAddress(HTTPRedirectHandler):
    """Follows no redirect: the key and the text go to the address that was given, or nowhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return nothing, so that a redirect is an error like any other."""


def check_endpoint(endpoint: Endpoint) -> None:
    """Raise SettingsError, with the cure, where an endpoint cannot be one."""
    for value, option, variable, like in (
        (endpoint.url, "--url", URL_VARIABLE, "http://127.0.0.1:1234/v1"),
        (endpoint.model, "--model", MODEL_VARIABLE, "NAME"),
    ):
        if not value.strip():
            raise SettingsError(
                f"no {option} is given; write `{option} {like}` or set {variable}, "
                "for any service that speaks the OpenAI protocol"
            )
    if not _is_address(endpoint.url):
        raise SettingsError(
            f"--url {shown(endpoint.url)!r} is no address such as http://127.0.0.1:1234/v1; "
            f"mend it or {URL_VARIABLE} (a key goes into {KEY_VARIABLE})"
        )
    if not (endpoint.key.isascii() and endpoint.key.isprintable()):
        raise SettingsError(
            f"--key has characters that no key has; mend it or {KEY_VARIABLE} and copy it again"
        )


def _is_address(url: str) -> bool:
    if not (url.isascii() and url.isprintable()) or " " in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    bare = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0 and bare


def post(endpoint: Endpoint, body: bytes) -> bytes:
    """Return what the service answers, a byte over the limit at most.

    Raises UnansweredError, or SettingsError where no other request would fare better.
    """
    for pause in (*endpoint.pauses, None):
        try:
            return b"".join(_read(endpoint, body))
        except HTTPError as error:
            refusal = _refusal(endpoint, error)
            if pause is None or not (error.code >= 500 or error.code in _PASSING):
                raise refusal from error
        except (OSError, HTTPException) as error:
            if pause is None:
                raise _failure(_address(endpoint), endpoint.timeout, error) from error
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def stream(endpoint: Endpoint, messages: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield the pieces of a reply as the service sends them; one that cannot stream sends it whole.

    Asked once, without a second try. Raises UnansweredError and SettingsError as `post` does, and
    ValueError for a reply in another form.
    """
    asked = {"model": endpoint.model, "messages": list(messages), "stream": True}
    try:
        yield from _pieces(_lines(_read(endpoint, json.dumps(asked).encode())))
    except HTTPError as error:
        raise _refusal(endpoint, error) from error
    except (OSError, HTTPException) as error:
        raise _failure(_address(endpoint), endpoint.timeout, error) from error


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines as soon as they are whole; ValueError for more than MAX_REPLY bytes."""
    rest, size = b"", 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_REPLY:
            raise ValueError(f"it is longer than {MAX_REPLY} bytes")
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    yield rest


def _pieces(lines: Iterator[bytes]) -> Iterator[str]:
    other: list[str] = []
    streamed = False
    for line in lines:
        text = line.decode("utf-8", "replace").strip()
        if text.startswith("data:"):
            streamed = True
            event = text.removeprefix("data:").strip()
            if event == "[DONE]":
                return
            yield _delta_of(parse_json(event))
        elif not streamed and text:
            other.append(text)
    if not streamed:
        yield content_of(parse_json("\n".join(other)))


def _delta_of(event: object) -> str:
    """Return what an event adds to the reply; the last ones of a stream add nothing."""
    try:
        content = event["choices"][0]["delta"].get("content")  # type: ignore[index]
    except (LookupError, TypeError, AttributeError):
        return ""
    return content if isinstance(content, str) else ""


def _address(endpoint: Endpoint) -> str:
    return f"{endpoint.url.rstrip('/')}/chat/completions"


def _refusal(endpoint: Endpoint, error: HTTPError) -> Exception:
    """Return what to raise for a status: this request is not answered, or none would be."""
    said = f"{_address(endpoint)} answers {error.code}: {_complaint(error, endpoint.key)}"
    if error.code >= 500 or error.code in _PASSING or error.code in _OVER_ITS_LIMITS:
        return UnansweredError(said)
    return SettingsError(
        f"{said}; mend --url, --model or --key ({URL_VARIABLE}, {MODEL_VARIABLE}, {KEY_VARIABLE})"
    )


def _opener(url: str) -> OpenerDirector:
    """Return what opens a URL; a service on this machine is reached past any proxy."""
    proxies = [ProxyHandler({})] if urlsplit(url).hostname in _LOCAL else []
    return build_opener(_SameAddress, *proxies)


def _read(endpoint: Endpoint, body: bytes) -> Iterator[bytes]:
    """Yield the answer to a request, a byte over the limit at most, within the time-out."""
    url = _address(endpoint)
    headers = {"Content-Type": "application/json", "User-Agent": "tiaowen"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    request = Request(url, body, headers)  # noqa: S310 (the scheme has been checked)
    end = time.monotonic() + endpoint.timeout
    left = MAX_REPLY + 1
    with _opener(url).open(request, timeout=endpoint.timeout) as response:
        while left and (chunk := response.read1(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk
            if time.monotonic() > end:
                raise TimeoutError


def _complaint(error: HTTPError, key: str) -> str:
    with error:
        try:
            said = error.read(_CHUNK).decode("utf-8", "replace")
        except (OSError, HTTPException):
            said = ""
    return shown(said, key) or shown(error.reason)


def _failure(url: str, timeout: float, error: Exception) -> Exception:
    """Return what to raise where no answer came: for this clause, or for the whole run."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return UnansweredError(
            f"{url} has not answered within {timeout:g} s; `--timeout` gives it longer"
        )
    if not isinstance(error, URLError):
        return UnansweredError(f"{url} broke off: {shown(str(error)) or type(error).__name__}")
    said = reason.strerror or str(reason) if isinstance(reason, OSError) else str(reason)
    return SettingsError(
        f"{url} cannot be reached: {shown(said)}; start the service there, "
        f"or give another address with --url or {URL_VARIABLE}"
    )


def parse_json(text: str, start: int = 0) -> object:
    """Return the JSON value that begins at `start`; what follows it is not read."""
    try:
        value: object = json.JSONDecoder().raw_decode(text, start)[0]
    except (ValueError, RecursionError) as error:
        raise ValueError("it is not JSON") from error
    return value


def content_of(envelope: object) -> str:
    """Return the message of a reply; ValueError says what it lacks."""
    try:
        content = envelope["choices"][0]["message"]["content"]  # type: ignore[index]
    except (LookupError, TypeError) as error:
        raise ValueError("it has no choices[0].message.content") from error
    if not isinstance(content, str):
        raise ValueError("its content is not text")
    return content


def cleaned(text: str) -> str:
    """Return a text on one line without characters that nobody sees."""
    spaced = " ".join(text.split())
    return "".join(one for one in spaced if unicodedata.category(one) not in _UNSEEN).strip()


def shown(text: str, key: str = "") -> str:
    """Return a stranger's text fit for one line of a terminal, without our key."""
    return cleaned(text.replace(key, "…") if key else text)[:_SAID]
