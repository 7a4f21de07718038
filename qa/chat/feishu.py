"""Feishu and Lark: events of version 2 in, an interactive card out."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from qa.chat.channel import (
    JSON,
    Content,
    Ignored,
    Incoming,
    IncomingMessage,
    Received,
    check_time,
    list_at,
    read_json,
    required,
    same,
    text_at,
)
from qa.chat.ciphers import decrypt
from qa.chat.replies import Reply, fit
from qa.chat.sending import Sender, Token, TokenCache
from qa.errors import DeliveryError, MessageError, SignatureError

WINDOW = 3600  # seconds; a repeated event is known by its id anyhow
_MOST_BYTES = 25_000
_TOKEN_ENDED = {99991661, 99991663, 99991664, 99991668}
_MESSAGE_ID = re.compile(r"[\w-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Feishu:
    """An application of a tenant; see the settings."""

    app_id: str
    app_secret: str = field(repr=False)
    token: str = field(repr=False)
    encrypt_key: str = field(repr=False)
    url: str
    sender: Sender
    tokens: TokenCache = field(init=False, repr=False)
    name: str = "feishu"
    acknowledgement: Content = Content(b"{}", JSON)  # noqa: RUF009 (frozen)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", TokenCache(self._fetch_token))

    def receive(self, incoming: Incoming) -> Received:
        """Return the message of an event; see Channel."""
        is_signed = "x-lark-signature" in incoming.headers
        if self.encrypt_key and is_signed:
            self._verify(incoming)
        event = read_json(incoming.body, "Feishu")
        if self.encrypt_key:
            event = self._decrypted(event)
        is_test = text_at(event, "type") == "url_verification"
        if self.encrypt_key and not (is_signed or is_test):
            raise SignatureError("Feishu: an event without a signature is not answered")
        if not same(text_at(event, "token") or text_at(event, "header", "token"), self.token):
            raise SignatureError(
                "Feishu: the verification token is another; set TIAOWEN_FEISHU_TOKEN to the "
                "Verification Token under Events and Callbacks > Encryption Strategy"
            )
        if is_test:
            challenge = required(event, "Feishu", "challenge")
            return Content(to_json({"challenge": challenge}), JSON)
        return _message(event)

    def _decrypted(self, envelope: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the event; one error for all that can be wrong, so that no key is tried out."""
        secret = required(envelope, "Feishu", "encrypt")
        try:
            return read_json(decrypt_event(self.encrypt_key, secret), "Feishu")
        except (ValueError, MessageError):
            raise SignatureError(
                "Feishu: the event cannot be decrypted; set TIAOWEN_FEISHU_ENCRYPT_KEY to the "
                "Encrypt Key under Events and Callbacks > Encryption Strategy"
            ) from None

    def _verify(self, incoming: Incoming) -> None:
        stamp = incoming.headers.get("x-lark-request-timestamp", "")
        nonce = incoming.headers.get("x-lark-request-nonce", "")
        expected = sign(stamp, nonce, self.encrypt_key, incoming.body)
        if not same(incoming.headers.get("x-lark-signature", ""), expected):
            raise SignatureError(
                "Feishu: the signature does not fit the body; the body must reach this service "
                "unchanged, and TIAOWEN_FEISHU_ENCRYPT_KEY be the application's Encrypt Key"
            )
        check_time(stamp, incoming.now, WINDOW, "Feishu")

    def answers_at_once(self, message: IncomingMessage) -> bool:
        """Return False: Feishu wants an acknowledgement, and the answer over its API."""
        return False

    def respond(self, message: IncomingMessage, reply: Reply, now: float) -> Content:
        """Return the acknowledgement, since Feishu reads no answer from it."""
        return self.acknowledgement

    def deliver(self, message: IncomingMessage, reply: Reply) -> None:
        """Reply to the message; raises DeliveryError."""
        payload = {
            **format_reply(reply),
            "uuid": hashlib.sha256(message.id.encode()).hexdigest()[:40],
        }
        for _ in range(2):
            token = self.tokens.current()
            said = self.sender.post(
                f"{self.url}/im/v1/messages/{message.reply_to}/reply", json=payload, bearer=token
            )
            if said.get("code") not in _TOKEN_ENDED:
                break
            self.tokens.drop(token)
        _check(said, "the answer is not taken")

    def _fetch_token(self) -> Token:
        said = self.sender.post(
            f"{self.url}/auth/v3/tenant_access_token/internal",
            json={"app_id": self.app_id, "app_secret": self.app_secret},
        )
        _check(said, "TIAOWEN_FEISHU_APP_ID and TIAOWEN_FEISHU_APP_SECRET are not taken")
        seconds = said.get("expire")
        value = text_at(said, "tenant_access_token")
        return Token(value, seconds if isinstance(seconds, int) else 600)


def _check(said: Mapping[str, Any], what: str) -> None:
    if said.get("code") != 0:
        raise DeliveryError(
            f"Feishu: {what}: {said.get('code')} {text_at(said, 'msg')[:200]}; "
            "see docs/chat.md for what it means"
        )


def sign(stamp: str, nonce: str, encrypt_key: str, body: bytes) -> str:
    """Return the signature of a request: a hash over what only Feishu and we know together."""
    return hashlib.sha256(f"{stamp}{nonce}{encrypt_key}".encode() + body).hexdigest()


def decrypt_event(encrypt_key: str, encrypted: str) -> bytes:
    """Return what an event holds; ValueError where it was encrypted with another key."""
    data = base64.b64decode(encrypted, validate=True)
    return decrypt(hashlib.sha256(encrypt_key.encode()).digest(), data[:16], data[16:], 16)


def _message(envelope: Mapping[str, Any]) -> Ignored | IncomingMessage:
    if text_at(envelope, "header", "event_type") != "im.message.receive_v1":
        return Ignored("no message")
    event = envelope.get("event")
    if text_at(event, "sender", "sender_type") not in {"user", ""}:
        return Ignored("said by a bot")
    is_direct = text_at(event, "message", "chat_type") == "p2p"
    mentions = list_at(event, "message", "mentions")
    if not is_direct and not mentions:
        return Ignored("a talk among people")
    message_id = required(event, "Feishu", "message", "message_id")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise MessageError("Feishu: `message_id` is no id of a message")
    return IncomingMessage(
        id=message_id,
        conversation=required(event, "Feishu", "message", "chat_id"),
        user=text_at(event, "sender", "sender_id", "open_id"),
        text=_said(event, [text_at(one, "key") for one in mentions]),
        is_direct=is_direct,
        reply_to=message_id,
    )


def _said(event: object, mentioned: list[str]) -> str:
    """Return the text of a message without the keys that stand for those it mentions."""
    content = text_at(event, "message", "content")
    data = read_json(content, "Feishu") if content else {}
    text = text_at(data, "text")
    if not text:  # a post: lines of parts
        lines = (line for line in list_at(data, "content") if isinstance(line, list))
        text = "\n".join("".join(text_at(one, "text") for one in line) for line in lines)
    for key in sorted(filter(None, mentioned), key=len, reverse=True):
        text = text.replace(key, " ")
    return text.strip()


def format_reply(reply: Reply) -> dict[str, str]:
    """Return a card; all its texts are plain text, so that nothing in them is markup."""
    card = fit(reply, _card, lambda made: len(to_json(made)), _MOST_BYTES)
    return {"msg_type": "interactive", "content": to_json(card).decode()}


def _card(reply: Reply) -> dict[str, Any]:
    elements: list[dict[str, Any]] = [_div(reply.text)] if reply.text else []
    for one in reply.passages:
        elements.append(_div("\n".join(filter(None, (one.label, one.translation, one.quote)))))
        if one.link:
            button = {"tag": "button", "text": _plain(reply.open_words), "url": one.link}
            elements.append({"tag": "action", "actions": [{**button, "type": "default"}]})
    if reply.notes:
        elements.append({"tag": "note", "elements": [_plain("\n".join(reply.notes))]})
    return {
        "config": {"wide_screen_mode": True},
        "header": {
            "title": _plain(reply.heading),
            "template": "green" if reply.found else "blue",
        },
        "elements": elements,
    }


def _div(text: str) -> dict[str, Any]:
    return {"tag": "div", "text": _plain(text)}


def _plain(text: str) -> dict[str, str]:
    return {"tag": "plain_text", "content": text}
