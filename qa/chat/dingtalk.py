"""DingTalk: the HTTP callback of a robot in, a Markdown message out."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from qa.chat.channel import (
    JSON,
    Content,
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
from qa.chat.markdown import to_markdown
from qa.chat.replies import Reply, fit
from qa.chat.sending import Sender, is_trusted
from qa.errors import DeliveryError, MessageError, SignatureError

WINDOW = 3600  # seconds that a request may be old, by DingTalk's own rule
HOSTS = ("dingtalk.com", ".dingtalk.com")
_MOST_BYTES = 18_000
_TIME_LEFT = 30  # seconds that an address for answers must still hold


@dataclass(frozen=True, slots=True)
class DingTalk:
    """A robot of an organisation; `url` replaces DingTalk's own address."""

    secret: str = field(repr=False)
    url: str
    sender: Sender
    name: str = "dingtalk"
    acknowledgement: Content = Content(b'{"msgtype":"empty"}', JSON)  # noqa: RUF009 (frozen)

    def receive(self, incoming: Incoming) -> Received:
        """Return the message that a callback holds; see Channel."""
        stamp = incoming.headers.get("timestamp", "")
        if not same(incoming.headers.get("sign", ""), sign(stamp, self.secret)):
            raise SignatureError(
                "DingTalk: the sign does not fit; set TIAOWEN_DINGTALK_SECRET to the AppSecret "
                "(Client Secret) of the robot's application"
            )
        check_time(stamp[:-3], incoming.now, WINDOW, "DingTalk")
        body = read_json(incoming.body, "DingTalk")
        webhook = text_at(body, "sessionWebhook")
        if webhook and not is_trusted(webhook, HOSTS, self.url):
            raise MessageError("DingTalk: sessionWebhook is no address of dingtalk.com")
        ends = body.get("sessionWebhookExpiredTime")
        if isinstance(ends, int | float) and ends < (incoming.now + _TIME_LEFT) * 1000:
            webhook = ""
        return IncomingMessage(
            id=required(body, "DingTalk", "msgId"),
            conversation=required(body, "DingTalk", "conversationId"),
            user=text_at(body, "senderStaffId") or text_at(body, "senderId"),
            text=_said(body),
            is_direct=text_at(body, "conversationType") != "2",
            reply_to=webhook,
        )

    def answers_at_once(self, message: IncomingMessage) -> bool:
        """Say whether there is no address for the answer, so that the reply carries it."""
        return not message.reply_to

    def respond(self, message: IncomingMessage, reply: Reply, now: float) -> Content:
        """Return the answer as the reply to the callback."""
        return Content(to_json(format_reply(reply)), JSON)

    def deliver(self, message: IncomingMessage, reply: Reply) -> None:
        """Post the answer to the conversation; raises DeliveryError."""
        said = self.sender.post(message.reply_to, json=format_reply(reply))
        if said.get("errcode", 0) != 0:
            raise DeliveryError(
                f"DingTalk: the answer is not taken: {said.get('errcode')} "
                f"{text_at(said, 'errmsg')[:200]}; see docs/chat.md for what it means"
            )


def sign(stamp: str, secret: str) -> str:
    """Return what DingTalk signs with: the time and the secret, under the secret."""
    made = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(made.digest()).decode()


def _said(body: Mapping[str, Any]) -> str:
    """Return the text of a message, without the mention, which DingTalk leaves out itself."""
    if text_at(body, "msgtype") == "text":
        return text_at(body, "text", "content").strip()
    parts = (text_at(one, "text") for one in list_at(body, "content", "richText"))
    return "".join(parts).strip() or text_at(body, "content", "recognition")


def format_reply(reply: Reply) -> dict[str, Any]:
    """Return a Markdown message that mentions nobody."""
    return fit(reply, _message, lambda made: len(to_json(made)), _MOST_BYTES)


def _message(reply: Reply) -> dict[str, Any]:
    return {
        "msgtype": "markdown",
        "markdown": {"title": reply.heading, "text": to_markdown(reply)},
        "at": {"isAtAll": False},
    }
