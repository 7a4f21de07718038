"""WeCom: an application's messages (XML) and an intelligent robot's (JSON), encrypted both ways.

An application answers in the reply to the callback, or with its secret over the API; a robot,
which can be mentioned in groups, in the reply.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from qa.chat.channel import (
    JSON,
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
from qa.chat.markdown import to_markdown
from qa.chat.replies import Reply, fit
from qa.chat.sending import Sender, Token, TokenCache
from qa.chat.wecom_crypt import XML, Crypt, cdata, read_xml
from qa.errors import DeliveryError

WINDOW = 600  # seconds; WeCom repeats a message within 15
_MOST_TEXT = 2048  # bytes of a text message
_MOST_MARKDOWN = 20_000
_TOKEN_ENDED = {40001, 40014, 42001}
_TAG = re.compile(r"<(?=[a-z/!])", re.IGNORECASE)
_MENTION = re.compile(r"(?:^|(?<=\s))@\S+\s?")


@dataclass(frozen=True, slots=True)
class WeCom:
    """An application of an organisation, or a robot where no id of one is given."""

    crypt: Crypt
    secret: str = field(repr=False)
    url: str
    sender: Sender
    tokens: TokenCache = field(init=False, repr=False)
    name: str = "wecom"
    acknowledgement: Content = NOTHING

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", TokenCache(self._fetch_token))

    def receive(self, incoming: Incoming) -> Received:
        """Return the message of a callback, or the echo of WeCom's test; see Channel."""
        if incoming.method == "GET":
            plain = self.crypt.open(incoming.query, incoming.query.get("echostr", ""))
            self._check_time(incoming)
            return Content(plain)
        is_robot = incoming.body.lstrip()[:1] == b"{"
        envelope = read_json(incoming.body, "WeCom") if is_robot else read_xml(incoming.body)
        encrypted = required(envelope, "WeCom", "encrypt" if is_robot else "Encrypt")
        plain = self.crypt.open(incoming.query, encrypted)
        self._check_time(incoming)
        return _from_robot(read_json(plain, "WeCom")) if is_robot else _from_user(read_xml(plain))

    def _check_time(self, incoming: Incoming) -> None:
        check_time(incoming.query.get("timestamp", ""), incoming.now, WINDOW, "WeCom")

    def answers_at_once(self, message: IncomingMessage) -> bool:
        """Say whether the reply to the callback carries the answer, within WeCom's 5 seconds."""
        return not (self.secret and message.reply_to)

    def respond(self, message: IncomingMessage, reply: Reply, now: float) -> Content:
        """Return the answer, encrypted, as the reply to the callback."""
        if not message.reply_to:
            return self.crypt.seal(to_json(format_for_robot(message, reply)), now, JSON)
        xml = (
            f"<xml><ToUserName>{cdata(message.user)}</ToUserName>"
            f"<FromUserName>{cdata(message.bot)}</FromUserName><CreateTime>{int(now)}</CreateTime>"
            f"<MsgType>{cdata('text')}</MsgType><Content>{cdata(format_text(reply))}</Content></xml>"
        )
        return self.crypt.seal(xml.encode(), now, XML)

    def deliver(self, message: IncomingMessage, reply: Reply) -> None:
        """Send the answer to the user as the application; raises DeliveryError."""
        payload = {
            "touser": message.reply_to,
            "msgtype": "text",
            "agentid": int(message.thread) if message.thread.isdecimal() else 0,
            "text": {"content": format_text(reply)},
        }
        said: Mapping[str, Any] = {}
        for _ in range(2):
            token = self.tokens.current()
            query = {"access_token": token}
            said = self.sender.post(f"{self.url}/message/send", json=payload, query=query)
            if said.get("errcode") not in _TOKEN_ENDED:
                break
            self.tokens.drop(token)
        _check(said, "the answer is not taken")

    def _fetch_token(self) -> Token:
        said = self.sender.get(
            f"{self.url}/gettoken",
            query={"corpid": self.crypt.receive_id, "corpsecret": self.secret},
        )
        _check(said, "TIAOWEN_WECOM_CORP_ID and TIAOWEN_WECOM_SECRET are not taken")
        seconds = said.get("expires_in")
        return Token(text_at(said, "access_token"), seconds if isinstance(seconds, int) else 600)


def _check(said: Mapping[str, Any], what: str) -> None:
    if said.get("errcode") != 0:
        raise DeliveryError(
            f"WeCom: {what}: {said.get('errcode')} {text_at(said, 'errmsg')[:200]}; "
            "see docs/chat.md for what it means"
        )


def _from_user(message: Mapping[str, str]) -> Ignored | IncomingMessage:
    """Return the message of a person to an application."""
    if message.get("MsgType") == "event":
        return Ignored("an event, no message")
    user = required(message, "WeCom", "FromUserName")
    return IncomingMessage(
        id=required(message, "WeCom", "MsgId"),
        conversation=user,
        user=user,
        text=message.get("Content", "").strip(),
        is_direct=True,
        reply_to=user,
        thread=message.get("AgentID", ""),
        bot=message.get("ToUserName", ""),
    )


def _from_robot(message: Mapping[str, Any]) -> Ignored | IncomingMessage:
    """Return the message of a person to a robot, alone with it or in a group."""
    kind = text_at(message, "msgtype")
    if kind in {"event", "stream"}:
        return Ignored("an event, no message")
    is_direct = text_at(message, "chattype") != "group"
    user = required(message, "WeCom", "from", "userid")
    said = text_at(message, "text", "content") or text_at(message, "voice", "content")
    return IncomingMessage(
        id=required(message, "WeCom", "msgid"),
        conversation=text_at(message, "chatid") or user,
        user=user,
        text=(said if is_direct else _MENTION.sub("", said, count=1)).strip(),
        is_direct=is_direct,
    )


def format_for_robot(message: IncomingMessage, reply: Reply) -> dict[str, Any]:
    """Return the answer as the one piece of a stream, in Markdown."""
    text = fit(reply, to_markdown, lambda made: len(made.encode()), _MOST_MARKDOWN)
    stream = hashlib.sha256(message.id.encode()).hexdigest()[:32]
    return {"msgtype": "stream", "stream": {"id": stream, "finish": True, "content": text}}


def format_text(reply: Reply) -> str:
    """Return the answer as plain text of at most 2048 bytes; tags in it are none to WeCom."""
    return fit(reply, _text, lambda made: len(made.encode()), _MOST_TEXT)


def _text(reply: Reply) -> str:
    parts = [f"【{reply.heading}】"]
    if reply.text:
        parts.append(reply.text)
    for one in reply.passages:
        said = (one.translation, f"“{one.quote}”", one.link)
        parts.append("\n".join(filter(None, (one.label, *said))))
    return _TAG.sub("\uff1c", "\n\n".join([*parts, *reply.notes]))
