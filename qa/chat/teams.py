"""Microsoft Teams: activities of the Bot Framework in, an Adaptive Card out."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json

from qa.chat.channel import (
    JSON,
    Content,
    Ignored,
    Incoming,
    IncomingMessage,
    Received,
    list_at,
    read_json,
    required,
    text_at,
)
from qa.chat.replies import Reply, fit
from qa.chat.sending import Sender, Token, TokenCache, is_trusted
from qa.chat.teams_token import KeyRing, check_token
from qa.errors import DeliveryError, MessageError

# Of *.trafficmanager.net anybody can have a name, so that only Microsoft's own is trusted.
HOSTS = (
    "smba.trafficmanager.net",
    "smba.infra.gcc.teams.microsoft.com",
    ".botframework.com",
)
LOGIN = "https://login.microsoftonline.com"
_SCOPE = "https://api.botframework.com/.default"
_MOST_BYTES = 25_000
_AT = re.compile(r"</?at[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Teams:
    """A bot registered with Azure; `url` replaces Microsoft's own addresses."""

    app_id: str
    app_password: str = field(repr=False)
    tenant: str
    url: str
    sender: Sender
    keys: KeyRing = field(repr=False)
    tokens: TokenCache = field(init=False, repr=False)
    name: str = "teams"
    acknowledgement: Content = Content(b"{}", JSON)  # noqa: RUF009 (frozen)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", TokenCache(self._fetch_token))

    def receive(self, incoming: Incoming) -> Received:
        """Return the message of an activity; see Channel."""
        header = incoming.headers.get("authorization", "")
        claims = check_token(header, self.app_id, self.keys, incoming.now)
        activity = read_json(incoming.body, "Teams")
        service = required(activity, "Teams", "serviceUrl")
        if not is_trusted(service, HOSTS, self.url) or claims.service_url != service:
            raise MessageError("Teams: serviceUrl is no address of Microsoft's, or not the token's")
        if claims.channels and text_at(activity, "channelId") not in claims.channels:
            raise MessageError("Teams: the token is for another channel than the activity's")
        tenant = text_at(activity, "channelData", "tenant", "id") or text_at(
            activity, "conversation", "tenantId"
        )
        if self.tenant and tenant != self.tenant:
            return Ignored("another organisation's")
        return _message(activity, service)

    def answers_at_once(self, message: IncomingMessage) -> bool:
        """Return False: Teams wants an acknowledgement, and the answer over its API."""
        return False

    def respond(self, message: IncomingMessage, reply: Reply, now: float) -> Content:
        """Return the acknowledgement, since Teams reads no answer from it."""
        return self.acknowledgement

    def deliver(self, message: IncomingMessage, reply: Reply) -> None:
        """Reply to the activity; raises DeliveryError."""
        payload = {
            **format_reply(reply),
            "from": {"id": message.bot},
            "recipient": {"id": message.user},
            "conversation": {"id": message.conversation},
            "replyToId": message.thread,
        }
        for may_repeat in (True, False):
            token = self.tokens.current()
            try:
                self.sender.post(message.reply_to, json=payload, bearer=token)
            except DeliveryError as error:
                if error.status != 401 or not may_repeat:
                    raise
                self.tokens.drop(token)
            else:
                return

    def _fetch_token(self) -> Token:
        said = self.sender.post(
            f"{self.url or LOGIN}/{quote(self.tenant or 'botframework.com', safe='.-')}"
            "/oauth2/v2.0/token",
            form={
                "grant_type": "client_credentials",
                "client_id": self.app_id,
                "client_secret": self.app_password,
                "scope": _SCOPE,
            },
        )
        seconds = said.get("expires_in")
        return Token(text_at(said, "access_token"), seconds if isinstance(seconds, int) else 600)


def _message(activity: Mapping[str, Any], service: str) -> Ignored | IncomingMessage:
    if text_at(activity, "type") != "message":
        return Ignored("no message")
    if text_at(activity, "from", "role") == "bot":
        return Ignored("said by a bot")
    conversation = required(activity, "Teams", "conversation", "id")
    activity_id = required(activity, "Teams", "id")
    address = (
        f"v3/conversations/{quote(conversation, safe='')}/activities/{quote(activity_id, safe='')}"
    )
    return IncomingMessage(
        id=f"{conversation} {activity_id}",
        conversation=conversation,
        user=text_at(activity, "from", "id"),
        text=_said(activity),
        is_direct=text_at(activity, "conversation", "conversationType") in {"personal", ""},
        reply_to=f"{service.rstrip('/')}/{address}",
        thread=activity_id,
        bot=text_at(activity, "recipient", "id"),
    )


def _said(activity: Mapping[str, Any]) -> str:
    """Return the text of an activity without the mention of the bot."""
    text, bot = text_at(activity, "text"), text_at(activity, "recipient", "id")
    for one in list_at(activity, "entities"):
        if text_at(one, "type") == "mention" and text_at(one, "mentioned", "id") == bot:
            text = text.replace(text_at(one, "text") or "\0", " ")
    return html.unescape(_AT.sub("", text)).replace("\xa0", " ").strip()


def format_reply(reply: Reply) -> dict[str, Any]:
    """Return a message with a card, whose runs of text hold no markup."""
    card = fit(reply, _card, lambda made: len(to_json(made)), _MOST_BYTES)
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "summary": reply.heading, "attachments": [attachment]}


def _card(reply: Reply) -> dict[str, Any]:
    body = [_run(reply.heading, weight="Bolder", size="Medium")]
    if reply.text:
        body.append(_run(reply.text))
    for one in reply.passages:
        quotes = [_run(said) for said in (one.translation, one.quote) if said]
        items = [_run(one.label, weight="Bolder"), *quotes]
        if one.link:
            action = {"type": "Action.OpenUrl", "title": reply.open_words, "url": one.link}
            items.append({"type": "ActionSet", "actions": [action]})
        body.append({"type": "Container", "separator": True, "items": items})
    body += [_run(note, isSubtle=True) for note in reply.notes]
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "msteams": {"width": "Full"},
    }


def _run(text: str, **style: object) -> dict[str, Any]:
    """Return one block of plain text; a run breaks no lines, so that each line is a block."""
    lines = [{"type": "TextRun", "text": line, **style} for line in text.splitlines() if line]
    blocks = [{"type": "RichTextBlock", "inlines": [line]} for line in lines]
    return blocks[0] if len(blocks) == 1 else {"type": "Container", "items": blocks}
