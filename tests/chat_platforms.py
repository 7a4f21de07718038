"""A server that stands for the chat platforms, and how each of them sends, by its documents."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from fastapi.testclient import TestClient

from qa.settings import Settings

CHANNELS = ("slack", "feishu", "dingtalk", "wecom", "wecom_api", "robot", "teams")
PUBLIC = "https://tiaowen.example.cn"
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # of Slack's documents
WECOM_TOKEN = "QDG6eK"  # this and the next two: of WeCom's sample
WECOM_CORP = "wx5823bf96d3bd56c7"
WECOM_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
TEAMS_APP = "4e8bd3d2-2f4d-4a39-9d9b-54d5c9b1a001"
MICROSOFT = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SOMEBODY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Platform:
    """A server that stands for all platforms: what it got, and the statuses it answers first."""

    address: str = ""
    got: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def said(self) -> list[dict[str, Any]]:
        """Return the bodies of the messages, without the fetching of tokens and keys."""
        return [
            body
            for path, body, _ in self.got
            if not re.search("token|keys", path.partition("?")[0])
        ]


def platform_answer(path: str) -> dict[str, Any]:
    if path.endswith("/keys"):
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(MICROSOFT.public_key()))
        return {"keys": [{**key, "kid": "one", "endorsements": ["msteams"]}]}
    if path.endswith("/oauth2/v2.0/token"):
        return {"access_token": "teams-token", "expires_in": 3600}
    if "tenant_access_token" in path:
        return {"code": 0, "tenant_access_token": "feishu-token", "expire": 7200}
    if path.endswith("/gettoken"):
        return {"errcode": 0, "access_token": "wecom-token", "expires_in": 7200}
    return {"ok": True, "code": 0, "errcode": 0}


@contextmanager
def serve_platform() -> Iterator[Platform]:
    """Yield a running server."""
    one = Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            is_json = "json" in self.headers.get("content-type", "")
            path = urlsplit(self.path).path
            one.got.append(
                (
                    self.path,
                    json.loads(body) if is_json else {},
                    self.headers["authorization"] or "",
                )
            )
            status = one.statuses.pop(0) if one.statuses else 200
            answer = json.dumps(one.answers.get(path) or platform_answer(path)).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield one
    server.shutdown()
    server.server_close()
    thread.join()


def settings_for(settings: Settings, address: str, index: Path, **more: Any) -> Settings:
    values: dict[str, Any] = {
        "index": index,
        "public_url": PUBLIC,
        "slack_signing_secret": SLACK_SECRET,
        "slack_bot_token": "xoxb-bot",
        "slack_url": f"{address}/slack",
        "feishu_app_id": "cli_a",
        "feishu_app_secret": "feishu-secret",
        "feishu_token": "feishu-verification",
        "feishu_encrypt_key": "feishu-encrypt-key",
        "feishu_url": f"{address}/feishu",
        "dingtalk_secret": "dingtalk-secret",
        "dingtalk_url": f"{address}/dingtalk",
        "wecom_token": WECOM_TOKEN,
        "wecom_aes_key": WECOM_KEY,
        "wecom_corp_id": WECOM_CORP,
        "wecom_url": f"{address}/wecom",
        "teams_app_id": TEAMS_APP,
        "teams_app_password": "teams-password",
        "teams_url": f"{address}/teams",
    }
    return replace(settings, **(values | more))


def settings_of(name: str, settings: Settings, address: str, index: Path) -> Settings:
    more = {"wecom_api": {"wecom_secret": "wecom-secret"}, "robot": {"wecom_corp_id": ""}}
    return settings_for(settings, address, index, **more.get(name, {}))


numbers = itertools.count(1)


@dataclass
class Driver:
    """Speaks to the service as one platform does, and reads what comes back."""

    name: str
    client: TestClient
    platform: Platform

    @property
    def channel(self) -> str:
        return "wecom" if self.name in {"wecom_api", "robot"} else self.name

    def post(self, text: str, message: str = "", **more: Any) -> Any:
        """Send a message and return the reply to the request itself."""
        made = SENT[self.name](text, message or f"m{next(numbers)}", self.platform.address, **more)
        return self.client.post(f"/v1/chat/{self.channel}", **made)

    def say(self, text: str, message: str = "", **more: Any) -> str:
        """Send a message and return all the words of the answer to it."""
        before = len(self.platform.said())
        response = self.post(text, message, **more)
        assert response.status_code == 200, response.text
        if self.name in {"wecom", "robot"}:
            return opened(response.content, WECOM_CORP if self.name == "wecom" else "")
        return "\n".join(words_of(one) for one in self.platform.said()[before:])


def words_of(value: Any) -> str:
    """Return every text in a payload; the card of Feishu is JSON within JSON."""
    if isinstance(value, dict):
        return "\n".join(words_of(one) for one in value.values())
    if isinstance(value, list):
        return "\n".join(words_of(one) for one in value)
    if isinstance(value, str) and value.startswith("{"):
        return words_of(json.loads(value))
    return str(value)


# Each platform's own way to send, written from its documents


def slack_request(
    text: str, message: str, _: str = "", *, direct: bool = False, now: float = 0, **event: Any
) -> dict[str, Any]:
    said = (
        {"type": "message", "channel_type": "im", "channel": "D024BE91L", "text": text}
        if direct
        else {"type": "app_mention", "channel": "C123ABC456", "text": f"<@U0LAN0Z89> {text}"}
    )
    body = {
        "token": "ZZZZZZWSxiZZZ2yIvs3peJ",
        "team_id": "T123ABC456",
        "api_app_id": "A123ABC456",
        "event": {
            "user": "U123ABC456",
            "ts": "1515449522.000016",
            "event_ts": "1",
            **said,
            **event,
        },
        "type": "event_callback",
        "event_id": message,
        "event_time": 1515449522,
    }
    return slack_signed(json.dumps(body).encode(), now)


def slack_signed(body: bytes, now: float = 0) -> dict[str, Any]:
    stamp = str(int(now or time.time()))
    base = b"v0:" + stamp.encode() + b":" + body
    signature = hmac.new(SLACK_SECRET.encode(), base, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signature}"}
    return {"content": body, "headers": headers}


def feishu_request(
    text: str, message: str, _: str = "", *, direct: bool = False, now: float = 0, **more: Any
) -> dict[str, Any]:
    key = {"key": "@_user_1", "id": {"open_id": "ou_bot"}, "name": "条问", "tenant_key": "t"}
    body = {
        "schema": "2.0",
        "header": {
            "event_id": f"e{message}",
            "token": "feishu-verification",
            "create_time": "1608725989000",
            "event_type": "im.message.receive_v1",
            "tenant_key": "t",
            "app_id": "cli_a",
        },
        "event": {
            "sender": {"sender_id": {"open_id": "ou_asker"}, "sender_type": "user"},
            "message": {
                "message_id": f"om_{message}",
                "chat_id": "oc_chat",
                "chat_type": "p2p" if direct else "group",
                "message_type": "text",
                "content": json.dumps({"text": text if direct else f"@_user_1 {text}"}),
                "mentions": [] if direct else [key],
                **more,
            },
        },
    }
    return feishu_signed(body, now)


def feishu_signed(body: Any, now: float = 0) -> dict[str, Any]:
    key = hashlib.sha256(b"feishu-encrypt-key").digest()
    raw = json.dumps(body).encode()
    sealed = base64.b64encode(b"i" * 16 + aes(key, b"i" * 16, raw, 16)).decode()
    sent = json.dumps({"encrypt": sealed}).encode()
    stamp = str(int(now or time.time()))
    signature = hashlib.sha256(f"{stamp}nonce1feishu-encrypt-key".encode() + sent).hexdigest()
    headers = {
        "X-Lark-Request-Timestamp": stamp,
        "X-Lark-Request-Nonce": "nonce1",
        "X-Lark-Signature": signature,
    }
    return {"content": sent, "headers": headers}


def aes(key: bytes, iv: bytes, data: bytes, block: int) -> bytes:
    count = block - len(data) % block
    made = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return made.update(data + bytes([count]) * count) + made.finalize()


def dingtalk_request(
    text: str, message: str, address: str = "", *, direct: bool = False, now: float = 0, **more: Any
) -> dict[str, Any]:
    body = {
        "conversationId": "cid1",
        "atUsers": [{"dingtalkId": "$:LWCP_v1:$C"}],
        "chatbotUserId": "$:LWCP_v1:$C",
        "msgId": message,
        "senderNick": "杨",
        "senderStaffId": "user123",
        "senderId": "$:LWCP_v1:$F",
        "sessionWebhook": f"{address}/dingtalk/robot/sendBySession?session=secret-session",
        "sessionWebhookExpiredTime": int((time.time() + 3600) * 1000),
        "createAt": 1613630252678,
        "conversationType": "1" if direct else "2",
        "isInAtList": True,
        "text": {"content": f" {text}"},
        "msgtype": "text",
        **more,
    }
    return dingtalk_signed(json.dumps(body).encode(), now)


def dingtalk_signed(body: bytes, now: float = 0) -> dict[str, Any]:
    stamp = str(int((now or time.time()) * 1000))
    made = hmac.new(b"dingtalk-secret", f"{stamp}\ndingtalk-secret".encode(), hashlib.sha256)
    sign = base64.b64encode(made.digest()).decode()
    return {"content": body, "headers": {"timestamp": stamp, "sign": sign}}


def wecom_request(
    text: str, message: str, _: str = "", *, now: float = 0, **__: Any
) -> dict[str, Any]:
    xml = (
        f"<xml><ToUserName><![CDATA[{WECOM_CORP}]]></ToUserName>"
        "<FromUserName><![CDATA[zhangsan]]></FromUserName><CreateTime>1348831860</CreateTime>"
        f"<MsgType><![CDATA[text]]></MsgType><Content>{html.escape(text)}</Content>"
        f"<MsgId>{message}</MsgId><AgentID>218</AgentID></xml>"
    )
    return wecom_sealed(xml.encode(), WECOM_CORP, now)


def robot_request(
    text: str, message: str, _: str = "", *, direct: bool = False, now: float = 0, **__: Any
) -> dict[str, Any]:
    body = {
        "msgid": message,
        "aibotid": "AIBOTID",
        "chattype": "single" if direct else "group",
        "from": {"userid": "zhangsan"},
        "response_url": "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=X",
        "msgtype": "text",
        "text": {"content": text if direct else f"@条问 {text}"},
    }
    if not direct:
        body["chatid"] = "CHATID"
    return wecom_sealed(json.dumps(body).encode(), "", now)


def wecom_sealed(
    plain: bytes, receive_id: str, now: float = 0, *, as_json: bool = False
) -> dict[str, Any]:
    key = base64.b64decode(WECOM_KEY + "=")
    whole = b"r" * 16 + len(plain).to_bytes(4, "big") + plain + receive_id.encode()
    sealed = base64.b64encode(aes(key, key[:16], whole, 32)).decode()
    stamp, nonce = str(int(now or time.time())), "42"
    signature = hashlib.sha1("".join(sorted([WECOM_TOKEN, stamp, nonce, sealed])).encode())
    query = {"msg_signature": signature.hexdigest(), "timestamp": stamp, "nonce": nonce}
    if receive_id and not as_json:
        body = f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt><AgentID>218</AgentID></xml>".encode()
    else:
        body = json.dumps({"encrypt": sealed}).encode()
    return {"content": body, "params": query}


def opened(reply: bytes, receive_id: str) -> str:
    """Return what an encrypted reply says, its signature checked."""
    if not reply:
        return ""
    if receive_id:
        found = {one.tag: one.text or "" for one in ElementTree.fromstring(reply)}
        names = ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
    else:
        found = {name: str(value) for name, value in json.loads(reply).items()}
        names = ("encrypt", "msgsignature", "timestamp", "nonce")
    sealed, signature, stamp, nonce = (found[name] for name in names)
    expected = hashlib.sha1("".join(sorted([WECOM_TOKEN, stamp, nonce, sealed])).encode())
    assert signature == expected.hexdigest()
    key = base64.b64decode(WECOM_KEY + "=")
    made = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    plain = made.update(base64.b64decode(sealed)) + made.finalize()
    plain = plain[: -plain[-1]]
    end = 20 + int.from_bytes(plain[16:20], "big")
    assert plain[end:].decode() == receive_id
    said = plain[20:end].decode()
    if receive_id:
        message = {one.tag: one.text or "" for one in ElementTree.fromstring(said)}
        names = ("ToUserName", "FromUserName", "MsgType")
        assert [message[name] for name in names] == ["zhangsan", WECOM_CORP, "text"]
        return message["Content"]
    stream = json.loads(said)
    assert (stream["msgtype"], stream["stream"]["finish"]) == ("stream", True)
    return str(stream["stream"]["content"]).replace("\\", "")


def teams_request(
    text: str,
    message: str,
    address: str = "",
    *,
    direct: bool = False,
    now: float = 0,
    claims: dict[str, Any] | None = None,
    signer: rsa.RSAPrivateKey = MICROSOFT,
    **more: Any,
) -> dict[str, Any]:
    service = f"{address}/teams/emea/"
    mention = {
        "type": "mention",
        "text": "<at>条问</at>",
        "mentioned": {"id": f"28:{TEAMS_APP}", "name": "条问"},
    }
    body = {
        "type": "message",
        "id": message,
        "timestamp": "2026-12-01T09:15:14.5Z",
        "channelId": "msteams",
        "serviceUrl": service,
        "from": {"id": "29:1XJKJMvc5GBtc2JwZq0oj8tHZmzrQgmB39ATiQWA85gQ", "name": "Zhang San"},
        "conversation": {
            "conversationType": "personal" if direct else "channel",
            "id": "a:1"
            if direct
            else "19:253b1f341670408fb6fe51050b6e5ceb@thread.skype;messageid=1",
            "tenantId": "tenant-1",
        },
        "recipient": {"id": f"28:{TEAMS_APP}", "name": "条问"},
        "text": text if direct else f"<at>条问</at> {text}",
        "textFormat": "plain",
        "entities": [] if direct else [mention],
        "channelData": {"tenant": {"id": "tenant-1"}},
        **more,
    }
    moment = int(now or time.time())
    said = {
        "serviceurl": service,
        "iss": "https://api.botframework.com",
        "aud": TEAMS_APP,
        "nbf": moment - 60,
        "exp": moment + 3600,
        **(claims or {}),
    }
    token = jwt.encode(said, signer, "RS256", headers={"kid": "one"})
    return {"json": body, "headers": {"authorization": f"Bearer {token}"}}


SENT: dict[str, Callable[..., dict[str, Any]]] = {
    "slack": slack_request,
    "feishu": feishu_request,
    "dingtalk": dingtalk_request,
    "wecom": wecom_request,
    "wecom_api": wecom_request,
    "robot": robot_request,
    "teams": teams_request,
}
