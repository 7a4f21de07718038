"""The token that comes with an activity: signed by Microsoft, for this bot, in time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from qa.chat.channel import list_at, text_at
from qa.chat.sending import Sender
from qa.errors import DeliveryError, SignatureError

ISSUER = "https://api.botframework.com"
KEYS = "https://login.botframework.com"
_PATH = "/v1/.well-known/keys"
_LEEWAY = 300  # seconds
_KEPT = 24 * 3600.0  # seconds for which keys are kept
_PAUSE = 30.0  # seconds for which nobody waits for an address that did not answer
_AGAIN = 300.0  # seconds before an unknown key makes us look again


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: the address of the service, the channels its key may speak for."""

    service_url: str
    channels: tuple[str, ...]


class KeyRing:
    """Microsoft's public keys, fetched when they are needed and kept for a day."""

    def __init__(self, sender: Sender, base: str = "") -> None:
        """Fetch from `base` in place of Microsoft's own address."""
        self._sender = sender
        self._url = f"{base.rstrip('/') or KEYS}{_PATH}"
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._at = self._failed = float("-inf")
        self._lock = threading.Lock()

    def find(self, key_id: str, now: float) -> Mapping[str, Any] | None:
        """Return the key of an id; raises DeliveryError where keys cannot be fetched."""
        with self._lock:
            age = now - self._at
            if age > _KEPT or (key_id not in self._keys and age > _AGAIN):
                self._fetch(now)
            return self._keys.get(key_id)

    def _fetch(self, now: float) -> None:
        if now - self._failed < _PAUSE:
            raise DeliveryError(f"Teams: {self._url} could not be reached a moment ago")
        self._failed = now
        found = self._sender.get(self._url)
        self._keys = {text_at(one, "kid"): one for one in list_at(found, "keys")}
        self._at, self._failed = now, float("-inf")


def check_token(header: str, app_id: str, keys: KeyRing, now: float) -> Claims:
    """Return what the token of an Authorization header says; raises SignatureError."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise SignatureError("Teams: the request carries no token of Microsoft's; nothing is said")
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        key = keys.find(key_id, now) if isinstance(key_id, str) else None
        if key is None:
            raise SignatureError("Teams: the token is signed with no key of Microsoft's")
        said = jwt.decode(
            token,
            jwt.PyJWK.from_dict(dict(key), algorithm="RS256"),
            algorithms=["RS256"],
            audience=app_id,
            issuer=ISSUER,
            leeway=_LEEWAY,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.PyJWTError as error:
        raise SignatureError(
            f"Teams: the token is refused ({error}); set TIAOWEN_TEAMS_APP_ID to the Microsoft "
            "App ID of the bot, and the clock of this machine to the time"
        ) from None
    channels = [one for one in list_at(key, "endorsements") if isinstance(one, str)]
    return Claims(text_at(said, "serviceurl") or text_at(said, "serviceUrl"), tuple(channels))
