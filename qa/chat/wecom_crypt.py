"""What WeCom sends and takes: signed, encrypted, and wrapped in XML or JSON."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from pydantic_core import to_json

from qa.chat.channel import JSON, Content, same
from qa.chat.ciphers import decrypt, encrypt
from qa.errors import MessageError, SettingsError, SignatureError

XML = "application/xml"
_BLOCK = 32
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Crypt:
    """The token and the key of a callback, and the id its messages end with ("" of a robot)."""

    token: str = field(repr=False)
    key: bytes = field(repr=False)
    receive_id: str

    @classmethod
    def of(cls, token: str, encoding_key: str, receive_id: str) -> Crypt:
        """Return the crypt of a key as the console shows it; raises SettingsError."""
        try:
            key = base64.b64decode(f"{encoding_key}=", validate=True)
        except ValueError:
            key = b""
        if len(encoding_key) != 43 or len(key) != 32:
            raise SettingsError(
                "TIAOWEN_WECOM_AES_KEY is no EncodingAESKey of 43 letters and digits; copy it "
                "again from the page on which the address of this service is entered"
            )
        return cls(token, key, receive_id)

    def sign(self, stamp: str, nonce: str, encrypted: str) -> str:
        """Return the signature of what is encrypted."""
        parts = sorted((self.token, stamp, nonce, encrypted))
        return hashlib.sha1("".join(parts).encode()).hexdigest()  # noqa: S324 (WeCom's own choice)

    def open(self, query: Mapping[str, str], encrypted: str) -> bytes:
        """Return what an encrypted text holds; raises SignatureError."""
        expected = self.sign(query.get("timestamp", ""), query.get("nonce", ""), encrypted)
        if not same(query.get("msg_signature", ""), expected):
            raise SignatureError(
                "WeCom: msg_signature does not fit; set TIAOWEN_WECOM_TOKEN to the Token on the "
                "page on which the address of this service is entered"
            )
        try:
            plain = decrypt(self.key, self.key[:16], base64.b64decode(encrypted), _BLOCK)
        except ValueError as error:
            raise SignatureError(
                f"WeCom: the message cannot be decrypted ({error}); set TIAOWEN_WECOM_AES_KEY to "
                "the EncodingAESKey on the page on which the address of this service is entered"
            ) from None
        end = 20 + int.from_bytes(plain[16:20], "big")
        if len(plain) < end or plain[end:] != self.receive_id.encode():
            raise SignatureError(
                "WeCom: the message is for another organisation; set TIAOWEN_WECOM_CORP_ID to its "
                "id (My Company), for an intelligent robot to nothing"
            )
        return plain[20:end]

    def seal(self, plain: bytes, now: float, form: str) -> Content:
        """Return a reply, encrypted and signed, in the form of the request: XML or JSON."""
        whole = os.urandom(16) + len(plain).to_bytes(4, "big") + plain + self.receive_id.encode()
        encrypted = base64.b64encode(encrypt(self.key, self.key[:16], whole, _BLOCK)).decode()
        stamp, nonce = str(int(now)), str(int.from_bytes(os.urandom(4), "big"))
        signature = self.sign(stamp, nonce, encrypted)
        if form == JSON:
            wrapped = {
                "encrypt": encrypted,
                "msgsignature": signature,
                "timestamp": int(stamp),
                "nonce": nonce,
            }
            return Content(to_json(wrapped), JSON)
        return Content(
            f"<xml><Encrypt>{cdata(encrypted)}</Encrypt>"
            f"<MsgSignature>{cdata(signature)}</MsgSignature>"
            f"<TimeStamp>{stamp}</TimeStamp><Nonce>{cdata(nonce)}</Nonce></xml>".encode(),
            XML,
        )


def cdata(text: str) -> str:
    """Return a text as XML holds it, whatever is in it."""
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def read_xml(body: bytes) -> dict[str, str]:
    """Return the texts of the elements below the first; raises MessageError.

    A document type, and with it every entity, is refused before anything of it is read.
    """
    found: dict[str, str] = {}
    open_names: list[str] = []

    def refuse(*_: object) -> None:
        raise MessageError("WeCom: the XML declares a document type, which WeCom never does")

    def start(name: str, _: object) -> None:
        open_names.append(name)
        if len(open_names) > _DEEPEST:
            raise MessageError("WeCom: the XML is nested deeper than any of WeCom's messages")

    def text(data: str) -> None:
        if len(open_names) == 2:
            found[open_names[1]] = found.get(open_names[1], "") + data

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_names.pop()
    parser.CharacterDataHandler = text
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise MessageError(f"WeCom: the body is not XML ({error})") from None
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        raise MessageError(f"WeCom: the body cannot be read ({error})") from None
    return found
