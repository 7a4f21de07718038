"""Slack: the Events API in, chat.postMessage out, in a thread."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json
from slack_sdk.signature import Clock, SignatureVerifier

from qa.chat.channel import (
    NOTHING,
    Content,
    Ignored,
    Incoming,
    IncomingMessage,
    Received,
    check_time,
    read_json,
    required,
    text_at,
)
from qa.chat.replies import Reply, fit
from qa.chat.sending import Sender
from qa.errors import DeliveryError, MessageError, SignatureError

WINDOW = 300  # seconds that a request may be old, by Slack's own rule
_MOST_BYTES = 12_000
_TOKEN = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class Slack:
    """An app of a workspace; see the settings."""

    signing_secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    url: str
    sender: Sender
    name: str = "slack"
    acknowledgement: Content = NOTHING

    def receive(self, incoming: Incoming) -> Received:
        """Return the message of an event; see Channel."""
        self._verify(incoming)
        event = read_json(incoming.body, "Slack")
        kind = text_at(event, "type")
        if kind == "url_verification":
            return Content(required(event, "Slack", "challenge").encode())
        if kind != "event_callback":
            raise MessageError(
                f"Slack: {kind[:40]!r} is no event; enter this address under Event Subscriptions"
            )
        return _message(event)

    def _verify(self, incoming: Incoming) -> None:
        stamp = incoming.headers.get("x-slack-request-timestamp", "")
        signature = incoming.headers.get("x-slack-signature", "")
        check_time(stamp, incoming.now, WINDOW, "Slack")
        verifier = SignatureVerifier(self.signing_secret, _At(incoming.now))
        try:
            body = incoming.body.decode()
        except UnicodeDecodeError:
            raise MessageError("Slack: the body is not UTF-8") from None
        if not signature.isascii() or not verifier.is_valid(body, stamp, signature):
            raise SignatureError(
                "Slack: the signature does not fit the body; set TIAOWEN_SLACK_SIGNING_SECRET to "
                "the Signing Secret under Basic Information of the app"
            )

    def answers_at_once(self, message: IncomingMessage) -> bool:
        """Return False: Slack wants an acknowledgement, and the answer over its API."""
        return False

    def respond(self, message: IncomingMessage, reply: Reply, now: float) -> Content:
        """Return the acknowledgement, since Slack reads no answer from it."""
        return self.acknowledgement

    def deliver(self, message: IncomingMessage, reply: Reply) -> None:
        """Post the answer, in the thread of the question; raises DeliveryError."""
        payload = {"channel": message.reply_to, **format_reply(reply)}
        if message.thread:
            payload["thread_ts"] = message.thread
        said = self.sender.post(f"{self.url}/chat.postMessage", json=payload, bearer=self.bot_token)
        if said.get("ok") is not True:
            raise DeliveryError(
                f"Slack: chat.postMessage says {text_at(said, 'error')[:80]!r}; "
                "see docs/chat.md for what it means"
            )


@dataclass(frozen=True, slots=True)
class _At(Clock):
    """A clock that stands still."""

    time: float

    def now(self) -> float:
        return self.time


def _message(envelope: Mapping[str, Any]) -> Ignored | IncomingMessage:
    event = envelope.get("event")
    kind, subtype = text_at(event, "type"), text_at(event, "subtype")
    is_direct = kind == "message" and text_at(event, "channel_type") == "im"
    if kind != "app_mention" and not is_direct:
        return Ignored("neither a mention nor a direct message")
    if text_at(event, "bot_id") or subtype or not text_at(event, "user"):
        return Ignored("said by a bot, or an edit")
    channel = required(event, "Slack", "channel")
    within, own = text_at(event, "thread_ts"), required(event, "Slack", "ts")
    thread = within or ("" if is_direct else own)
    return IncomingMessage(
        id=required(envelope, "Slack", "event_id"),
        conversation=f"{channel} {thread}",
        user=text_at(event, "user"),
        text=plain(text_at(event, "text")),
        is_direct=is_direct,
        reply_to=channel,
        thread=thread,
    )


def plain(text: str) -> str:
    """Return the text of a message without mentions; links as the words they stand on."""

    def words(match: re.Match[str]) -> str:
        inside = match[1]
        return " " if inside[:1] in {"@", "!"} else inside.rpartition("|")[2].lstrip("#")

    return " ".join(html.unescape(_TOKEN.sub(words, text)).split(" ")).strip()


def format_reply(reply: Reply) -> dict[str, Any]:
    """Return the text for notifications and the blocks; rich text holds no markup to inject."""
    return fit(reply, _blocks, lambda made: len(to_json(made)), _MOST_BYTES)


def _blocks(reply: Reply) -> dict[str, Any]:
    elements: list[dict[str, Any]] = [_section(_text(reply.heading, bold=True))]
    if reply.text:
        elements.append(_section(_text(f"\n{reply.text}")))
    for one in reply.passages:
        label = [_text(f"\n{one.label}", bold=True)]
        if one.link:
            label += [_text("  "), {"type": "link", "url": one.link, "text": reply.open_words}]
        elements.append(_section(*label))
        for quote in filter(None, (one.translation, one.quote)):
            elements.append({"type": "rich_text_quote", "elements": [_text(quote)]})
    if reply.notes:
        elements.append(_section(_text("\n" + "\n".join(reply.notes), italic=True)))
    return {
        "text": html.escape(reply.heading, quote=False),
        "blocks": [{"type": "rich_text", "elements": elements}],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def _text(text: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"style": style} if style else {})}
