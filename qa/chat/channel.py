"""What every office chat has: a request that comes in, a message, and what is sent back."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic_core import from_json

from qa.chat.replies import Reply
from qa.errors import MessageError, SignatureError

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One HTTP request of a platform; names of headers in lower case, `now` in Unix seconds."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    now: float


@dataclass(frozen=True, slots=True)
class Content:
    """The body of an HTTP reply, as a rule with nothing in it."""

    body: bytes = b""
    media_type: str = "text/plain"


NOTHING = Content()


@dataclass(frozen=True, slots=True)
class Ignored:
    """A request that is in order and asks nothing, such as the message of another bot."""

    reason: str


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """What somebody said to the bot: the text without the mention of the bot.

    `reply_to` is where an answer goes, in the words of the platform; `thread` the message or
    thread it belongs to; `bot` the bot's own id where the platform wants it back.
    """

    id: str
    conversation: str
    user: str
    text: str
    is_direct: bool
    reply_to: str = field(default="", repr=False)
    thread: str = ""
    bot: str = ""


Received = Content | Ignored | IncomingMessage


class Channel(Protocol):
    """One platform: what it sends is checked and read, what it gets is put into its form."""

    @property
    def name(self) -> str:
        """Return the last part of the channel's address."""
        ...

    @property
    def acknowledgement(self) -> Content:
        """Return what tells the platform that a message has arrived."""
        ...

    def receive(self, incoming: Incoming) -> Received:
        """Return what a request says, or the reply to a platform that tests the address.

        Raises SignatureError or MessageError.
        """
        ...

    def answers_at_once(self, message: IncomingMessage) -> bool:
        """Say whether the reply to the request itself carries the answer."""
        ...

    def respond(self, message: IncomingMessage, reply: Reply, now: float) -> Content:
        """Return the reply to the request, with the answer in it."""
        ...

    def deliver(self, message: IncomingMessage, reply: Reply) -> None:
        """Send the answer; raises DeliveryError."""
        ...


def same(given: str, expected: str) -> bool:
    """Compare two signatures in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def check_time(stamp: str, now: float, window: float, platform: str) -> None:
    """Raise SignatureError unless a time in Unix seconds is at most `window` seconds away."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
        raise SignatureError(f"{platform}: the request carries no timestamp; it is not answered")
    if abs(now - int(stamp)) > window:
        raise SignatureError(
            f"{platform}: the request is of another time than this machine's; "
            "a repeated request is not answered, else set the clock of this machine"
        )


def read_json(body: bytes | str, platform: str) -> Mapping[str, Any]:
    """Return the JSON object of a body; raises MessageError."""
    try:
        found = from_json(body)
    except ValueError as error:
        raise MessageError(f"{platform}: the body is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise MessageError(f"{platform}: the body is not a JSON object; send one message")
    return found


def text_at(data: object, *path: str) -> str:
    """Return the text at a path of nested objects, "" where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data if isinstance(data, str) else ""


def list_at(data: object, *path: str) -> list[Any]:
    """Return the list at a path of nested objects, [] where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data if isinstance(data, list) else []


def required(data: object, platform: str, *path: str) -> str:
    """Return the text at a path; raises MessageError where there is none."""
    found = text_at(data, *path)
    if not found:
        raise MessageError(f"{platform}: the message has no text at `{'.'.join(path)}`")
    return found
