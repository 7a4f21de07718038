"""Office chats: published vectors, forged and hostile requests, whole conversations."""

from __future__ import annotations

import html
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
import pytest
from chat_platforms import (
    CHANNELS,
    MICROSOFT,
    PUBLIC,
    SENT,
    SLACK_SECRET,
    SOMEBODY,
    TEAMS_APP,
    WECOM_CORP,
    WECOM_KEY,
    WECOM_TOKEN,
    Driver,
    Platform,
    dingtalk_signed,
    feishu_signed,
    serve_platform,
    settings_for,
    settings_of,
    slack_signed,
    teams_request,
    wecom_sealed,
)
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from qa.chat import dingtalk, feishu, slack, teams, wecom
from qa.chat.channel import Content, Ignored, Incoming, IncomingMessage
from qa.chat.channels import open_channels
from qa.chat.markdown import escape, to_markdown
from qa.chat.memory import KEPT_QUESTIONS, SEEN_SECONDS, open_memory
from qa.chat.replies import Passage, Reply, reply_of
from qa.chat.sending import Sender, Token, TokenCache, is_trusted
from qa.chat.wecom_crypt import Crypt, read_xml
from qa.engine import Engine
from qa.errors import (
    ChannelNotFoundError,
    DeliveryError,
    IndexMissingError,
    MessageError,
    SettingsError,
    SignatureError,
)
from qa.models import Question
from qa.settings import Settings
from qa.web.app import create_app

FIRST = "职务科技成果可以协议定价吗？"
FOLLOW_UP = "第三款呢？"
IN_ENGLISH = "Do scientists who start a company keep their post at the university?"

# What the platforms' documents give as examples
SLACK_TIME = "1531420618"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="
    b"G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-"
    b"collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F39770088"
    b"5554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447"
    b"fce8b6703c"
)
SLACK_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
WECOM_ECHO = {
    "msg_signature": "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
    "timestamp": "1409659589",
    "nonce": "263014780",
    "echostr": "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXv"
    "naqQ==",
}
WECOM_QUERY = {
    "msg_signature": "477715d11cdb4164915debcba66cb864d751f3e6",
    "timestamp": "1409659813",
    "nonce": "1372623149",
}
WECOM_ENCRYPTED = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj9"
    "11L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DO"
    "dnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03"
    "v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpN"
    "elZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)
FEISHU_KEY = "test key"
FEISHU_ENCRYPTED = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="
DINGTALK_SECRET = "this is a secret"
DINGTALK_TIME = "1577262236757"
# printf '%s\n%s' TIME SECRET | openssl dgst -sha256 -hmac SECRET -binary | base64
DINGTALK_SIGN = "DJrE6qdyVGCQz9z5r2MDuNcNAhwYnuAkyj13cx169CA="


@pytest.fixture
def platform() -> Iterator[Platform]:
    with serve_platform() as one:
        yield one


@pytest.fixture
def client(engine: Engine, settings: Settings, platform: Platform, tmp_path: Path) -> TestClient:
    return TestClient(create_app(engine, settings_for(settings, platform.address, tmp_path)))


@pytest.fixture(params=CHANNELS)
def driver(
    request: pytest.FixtureRequest,
    engine: Engine,
    settings: Settings,
    platform: Platform,
    tmp_path: Path,
) -> Driver:
    made = settings_of(request.param, settings, platform.address, tmp_path)
    return Driver(request.param, TestClient(create_app(engine, made)), platform)


def error_of(response: Any) -> dict[str, Any]:
    assert set(response.json()) == {"error"}
    found: dict[str, Any] = response.json()["error"]
    assert set(found) == {"code", "message"}
    return found


# Published vectors


def slack_channel() -> slack.Slack:
    return slack.Slack(SLACK_SECRET, "", "", Sender("Slack"))


def test_slack_takes_its_documented_signature() -> None:
    """The example of Slack's documents passes the check, and is then no event we know."""
    headers = {"x-slack-request-timestamp": SLACK_TIME, "x-slack-signature": SLACK_SIGNATURE}
    incoming = Incoming("POST", headers, {}, SLACK_BODY, float(SLACK_TIME) + 60)
    with pytest.raises(MessageError, match="not JSON"):
        slack_channel().receive(incoming)
    with pytest.raises(SignatureError, match="does not fit"):
        slack_channel().receive(replace(incoming, body=SLACK_BODY + b"&x=1"))
    with pytest.raises(SignatureError, match="another time"):
        slack_channel().receive(replace(incoming, now=float(SLACK_TIME) + 301))


def test_feishu_decrypts_its_documented_example() -> None:
    """The example of Feishu's documents says hello world; another key opens nothing."""
    assert feishu.decrypt_event(FEISHU_KEY, FEISHU_ENCRYPTED) == b"hello world"
    with pytest.raises(ValueError, match="padding"):
        feishu.decrypt_event("another key", FEISHU_ENCRYPTED)


def test_wecom_opens_its_documented_examples() -> None:
    """The echo and the message of WeCom's sample come out, checked by their signatures."""
    crypt = Crypt.of(WECOM_TOKEN, WECOM_KEY, WECOM_CORP)
    channel = wecom.WeCom(crypt, "", "", Sender("WeCom"))
    echo = Incoming("GET", {}, WECOM_ECHO, b"", 1409659589.0)
    assert channel.receive(echo) == Content(b"1616140317555161061")
    body = f"<xml><Encrypt><![CDATA[{WECOM_ENCRYPTED}]]></Encrypt></xml>".encode()
    message = channel.receive(Incoming("POST", {}, WECOM_QUERY, body, 1409659813.0))
    assert isinstance(message, IncomingMessage)
    assert (message.id, message.text, message.thread) == ("4561255354251345929", "hello", "218")
    with pytest.raises(SignatureError, match="another organisation"):
        replace(channel, crypt=replace(crypt, receive_id="other")).receive(echo)
    with pytest.raises(SignatureError, match="another time"):
        channel.receive(replace(echo, now=1409669589.0))


def test_dingtalk_signs_as_openssl_does() -> None:
    """The time, a line feed and the secret, under the secret, in base 64."""
    assert dingtalk.sign(DINGTALK_TIME, DINGTALK_SECRET) == DINGTALK_SIGN


# Conversations


def test_a_conversation_has_answers_follow_ups_and_help(driver: Driver, engine: Engine) -> None:
    """A mention is answered with status, label, quote and link; a follow-up knows its subject."""
    expected = engine.ask(Question(FIRST)).citations[0]
    answer = driver.say(FIRST)
    assert "已找到依据" in answer
    assert f"《{expected.title}》{expected.label}" in answer
    assert expected.quote in answer
    assert html.unescape(answer).count(f"{PUBLIC}{expected.url}") == 1
    second = driver.say(FOLLOW_UP)
    assert "第二十五条第三款" in second
    assert "按上文理解为" in second
    driver.say("新话题")
    assert "第二十五条第三款" not in driver.say(FOLLOW_UP)
    assert "直接用中文或英文提问" in driver.say("帮助")
    assert "Ask in English or Chinese" in driver.say("help")


def test_a_direct_message_in_english_is_answered_in_english(driver: Driver, engine: Engine) -> None:
    """The language of the question is the language of the answer; the quote is the original."""
    expected = engine.ask(Question(IN_ENGLISH)).citations[0]
    answer = driver.say(IN_ENGLISH, direct=True)
    assert "Basis found" in answer
    assert expected.label_en in answer
    assert expected.quote_translation[:60] in answer
    assert expected.quote in answer


def test_no_basis_is_said_in_words(driver: Driver) -> None:
    """What no document speaks of is said to be so, without a link."""
    answer = driver.say("条例第九百条是怎么规定的？")
    assert "无依据" in answer
    assert "/documents/" not in answer


def test_a_repeated_message_is_answered_once(driver: Driver) -> None:
    """A platform that thinks a message lost sends it again; nobody reads two answers."""
    assert "已找到依据" in driver.say(FIRST, "r1")
    assert driver.say(FIRST, "r1") == ""
    assert "已找到依据" in driver.say(FIRST, "r2")


def test_nothing_said_gets_help_in_both_languages(driver: Driver) -> None:
    """A mention without words is a question how this works."""
    said = driver.say("")
    assert "直接用中文或英文提问" in said
    assert "Ask in English or Chinese" in said


def test_too_long_a_question_is_told_so(driver: Driver) -> None:
    """An error comes in the words of the asker, with what to do."""
    assert "问题太长（最多2000字）" in driver.say("长" * 3000)


def test_people_do_not_share_a_history(
    engine: Engine, settings: Settings, platform: Platform, tmp_path: Path
) -> None:
    """A follow-up in a group is completed from the questions of the same person only."""
    made = settings_for(settings, platform.address, tmp_path)
    driver = Driver("slack", TestClient(create_app(engine, made)), platform)
    driver.say(FIRST)
    assert "按上文理解为" in driver.say(FOLLOW_UP)
    assert "按上文理解为" not in driver.say(FOLLOW_UP, user="U999")


def test_a_service_without_an_index_says_so_in_the_chat(
    settings: Settings, platform: Platform, tmp_path: Path
) -> None:
    """The platform is answered, and the asker told to come back."""

    class Nothing:
        def current(self) -> Engine:
            raise IndexMissingError("there is no index")

    made = settings_for(settings, platform.address, tmp_path)
    driver = Driver("dingtalk", TestClient(create_app(Nothing(), made)), platform)
    assert "服务正在准备或维护中" in driver.say(FIRST)
    assert "set up or mended" in driver.say(IN_ENGLISH)


def test_the_services_of_a_machine_share_what_they_remember(
    engine: Engine, settings: Settings, platform: Platform, tmp_path: Path
) -> None:
    """Two workers know the same messages and questions, as each request may reach either."""
    made = settings_for(settings, platform.address, tmp_path)
    one, two = (Driver("slack", TestClient(create_app(engine, made)), platform) for _ in "12")
    one.say(FIRST, "shared")
    assert two.say(FIRST, "shared") == ""
    assert "第二十五条第三款" in two.say(FOLLOW_UP)


def test_a_language_model_is_waited_for_where_there_is_time(
    settings: Settings, platform: Platform, tmp_path: Path
) -> None:
    """Slack's answer comes afterwards and asks the model; WeCom's reply, due in 5 s, does not."""
    made = settings_for(
        settings,
        platform.address,
        tmp_path,
        generation="on",
        llm_url=f"{platform.address}/llm",
        llm_model="any",
    )
    client = TestClient(create_app(Engine.open(replace(made, index=settings.index)), made))
    asked = []
    for name in ("wecom", "slack"):
        assert Driver(name, client, platform).post(FIRST).status_code == 200
        asked.append([path for path, *_ in platform.got if path == "/llm/chat/completions"])
    assert [len(one) for one in asked] == [0, 1]


# Where answers go


def test_slack_answers_in_the_thread_of_the_mention(client: TestClient, platform: Platform) -> None:
    """A mention opens a thread, one within a thread stays there, a direct message stays flat."""
    driver = Driver("slack", client, platform)
    driver.say(FIRST)
    driver.say(FIRST, thread_ts="1500000000.000001")
    driver.say(FIRST, direct=True)
    assert [(one["channel"], one.get("thread_ts")) for one in platform.said()] == [
        ("C123ABC456", "1515449522.000016"),
        ("C123ABC456", "1500000000.000001"),
        ("D024BE91L", None),
    ]
    assert {bearer for *_, bearer in platform.got} == {"Bearer xoxb-bot"}


def test_feishu_replies_to_the_message_with_a_fetched_token(
    client: TestClient, platform: Platform
) -> None:
    """The token is fetched once and kept; the reply carries an id, so that it is not doubled."""
    driver = Driver("feishu", client, platform)
    driver.say(FIRST, "a")
    driver.say(FIRST, "b")
    assert [(path, bearer) for path, _, bearer in platform.got] == [
        ("/feishu/auth/v3/tenant_access_token/internal", ""),
        ("/feishu/im/v1/messages/om_a/reply", "Bearer feishu-token"),
        ("/feishu/im/v1/messages/om_b/reply", "Bearer feishu-token"),
    ]
    assert len({one["uuid"] for one in platform.said()}) == 2


def test_a_token_that_has_ended_is_fetched_anew(client: TestClient, platform: Platform) -> None:
    """Feishu says 99991663 of a token it does not take; the second try has a new one."""
    path = "/feishu/im/v1/messages/om_x/reply"
    platform.answers[path] = {"code": 99991663, "msg": "token invalid"}
    Driver("feishu", client, platform).say(FIRST, "x")
    assert [one.rpartition("/")[2] for one, *_ in platform.got] == ["internal", "reply"] * 2


def test_teams_replies_to_the_activity(client: TestClient, platform: Platform) -> None:
    """The reply goes to the service of the activity, in the bot's name, with our token."""
    Driver("teams", client, platform).say(FIRST, "1481567603816")
    path, body, bearer = platform.got[-1]
    assert unquote(path).endswith(";messageid=1/activities/1481567603816")
    assert path.startswith("/teams/emea/v3/conversations/19%3A253b")
    assert bearer == "Bearer teams-token"
    assert (body["from"]["id"], body["replyToId"]) == (f"28:{TEAMS_APP}", "1481567603816")


def test_dingtalk_answers_in_the_reply_where_it_gave_no_address(
    client: TestClient, platform: Platform
) -> None:
    """Without sessionWebhook, or with one that has ended, the reply itself is the message."""
    driver = Driver("dingtalk", client, platform)
    for more in ({"sessionWebhook": None}, {"sessionWebhookExpiredTime": 1}):
        reply = driver.post(FIRST, **more).json()
        assert reply["msgtype"] == "markdown"
        assert "已找到依据" in reply["markdown"]["text"]
    assert platform.got == []


def test_wecom_sends_over_the_api_once_it_has_a_secret(
    engine: Engine, settings: Settings, platform: Platform, tmp_path: Path
) -> None:
    """The callback is acknowledged with nothing, and the text sent as the application."""
    made = settings_of("wecom_api", settings, platform.address, tmp_path)
    driver = Driver("wecom_api", TestClient(create_app(engine, made)), platform)
    assert driver.post(FIRST).content == b""
    (body,) = platform.said()
    assert (body["touser"], body["agentid"], body["msgtype"]) == ("zhangsan", 218, "text")
    assert len(body["text"]["content"].encode()) <= 2048
    query = parse_qs(urlsplit(platform.got[0][0]).query)
    assert query == {"corpid": [WECOM_CORP], "corpsecret": ["wecom-secret"]}


def test_addresses_are_tested_by_the_platforms(client: TestClient) -> None:
    """Slack's and Feishu's challenges and WeCom's echo come back."""
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"}).encode()
    assert client.post("/v1/chat/slack", **slack_signed(body)).text == "3eZbrw1aB"
    test = {"type": "url_verification", "challenge": "c1", "token": "feishu-verification"}
    sent = feishu_signed(test)
    assert client.post("/v1/chat/feishu", content=sent["content"]).json() == {"challenge": "c1"}
    sealed = wecom_sealed(b"1616140317555161061", WECOM_CORP)
    query = {
        **sealed["params"],
        "echostr": re.findall(r"A\[(.*?)\]", sealed["content"].decode())[0],
    }
    assert client.get("/v1/chat/wecom", params=query).text == "1616140317555161061"


@pytest.mark.parametrize(
    "event",
    [
        {"bot_id": "B1"},
        {"subtype": "message_changed"},
        {"type": "message", "channel_type": "channel"},
        {"type": "reaction_added"},
        {"user": None},
    ],
)
def test_slack_says_nothing_to_bots_and_bystanders(
    client: TestClient, platform: Platform, event: dict[str, Any]
) -> None:
    """Two bots would talk for ever, and people among themselves have asked nothing."""
    assert Driver("slack", client, platform).say(FIRST, **event) == ""


def test_feishu_says_nothing_where_it_is_not_mentioned(
    client: TestClient, platform: Platform
) -> None:
    """A group's talk among people is acknowledged and left alone."""
    assert Driver("feishu", client, platform).say(FIRST, mentions=[]) == ""


def test_feishu_tells_nobody_what_is_wrong_with_a_cipher(client: TestClient) -> None:
    """Wrong padding and a wrong text are one error: two would let a stranger decrypt by trying."""
    said = set()
    for body in (b"no JSON", b"[]"):
        sealed = json.loads(feishu_signed(body.decode())["content"])["encrypt"]
        for cipher in (sealed, f"{sealed[:-8]}AAAAAAA="):
            response = client.post("/v1/chat/feishu", json={"encrypt": cipher})
            said.add((response.status_code, response.text))
    assert len(said) == 1


def test_feishu_needs_a_signature_on_all_but_the_test(
    client: TestClient, platform: Platform
) -> None:
    """An event that is encrypted and has the token, but no signature, is refused."""
    made = SENT["feishu"](FIRST, "u1", platform.address)
    response = client.post("/v1/chat/feishu", content=made["content"])
    assert "without a signature" in error_of(response)["message"]


def test_a_tenant_keeps_others_out(
    engine: Engine, settings: Settings, platform: Platform, tmp_path: Path
) -> None:
    """With TIAOWEN_TEAMS_TENANT another organisation's messages are left alone."""
    made = settings_for(settings, platform.address, tmp_path, teams_tenant="tenant-2")
    assert Driver("teams", TestClient(create_app(engine, made)), platform).say(FIRST) == ""


# Forged and hostile requests


def test_forged_requests_are_refused(driver: Driver) -> None:
    """A changed body or proof, or no proof at all, is a 401 that says why.

    DingTalk's and Microsoft's proofs do not cover the body.
    """
    made = SENT[driver.name](FIRST, "f1", driver.platform.address)
    address = f"/v1/chat/{driver.channel}"
    bare = {name: made[name] for name in ("content", "json") if name in made}
    assert driver.client.post(address, **bare).status_code == 401
    proofs = {**made.get("headers", {}), **made.get("params", {})}
    for name in proofs:
        where = "headers" if "headers" in made else "params"
        forged = {**made, where: {**made[where], name: f"{made[where][name][:-2]}00"}}
        if forged == made:
            continue
        response = driver.client.post(address, **forged)
        assert (response.status_code, error_of(response)["code"]) == (401, "signature_invalid"), (
            name
        )
    if driver.name not in {"dingtalk", "teams"}:
        body = made["content"] if isinstance(made["content"], bytes) else made["content"].encode()
        place = len(body) // 2
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert driver.client.post(address, **{**made, "content": changed}).status_code == 401
    assert driver.platform.said() == []


@pytest.mark.parametrize("away", [-90_000, 90_000])
def test_old_requests_are_refused(driver: Driver, away: float) -> None:
    """A request of yesterday or tomorrow is not answered, however well it is signed."""
    response = driver.post(FIRST, now=time.time() + away)
    assert (response.status_code, error_of(response)["code"]) == (401, "signature_invalid")


@pytest.mark.parametrize(
    ("claims", "signer"),
    [
        ({"iss": "https://evil.example"}, MICROSOFT),
        ({"aud": "another-app"}, MICROSOFT),
        ({"exp": 1}, MICROSOFT),
        ({}, SOMEBODY),
    ],
)
def test_teams_takes_only_microsofts_token(
    client: TestClient, platform: Platform, claims: dict[str, Any], signer: rsa.RSAPrivateKey
) -> None:
    """Issuer, audience, end and key are all checked."""
    driver = Driver("teams", client, platform)
    response = driver.post(FIRST, claims=claims, signer=signer)
    assert (response.status_code, error_of(response)["code"]) == (401, "signature_invalid")


def test_a_token_that_names_its_own_method_is_refused(
    client: TestClient, platform: Platform
) -> None:
    """Neither `none` nor a shared secret made of the public key signs for Microsoft."""
    made = teams_request(FIRST, "n1", platform.address)
    said = {"iss": "https://api.botframework.com", "aud": TEAMS_APP, "exp": int(time.time()) + 99}
    for method, key in (("none", None), ("HS256", "x" * 40)):
        token = jwt.encode(said, key, method, headers={"kid": "one"})
        made["headers"] = {"authorization": f"Bearer {token}"}
        assert client.post("/v1/chat/teams", **made).status_code == 401


@pytest.mark.parametrize(
    "service",
    [
        "https://evil.example/",
        "https://evil.trafficmanager.net/",
        "https://smba.trafficmanager.net.evil.example/",
        "https://smba.trafficmanager.net@evil.example/",
        "http://smba.trafficmanager.net/",
        "https://169.254.169.254/",
    ],
)
def test_answers_go_to_microsoft_only(client: TestClient, platform: Platform, service: str) -> None:
    """A serviceUrl elsewhere is refused, even where the token says the same."""
    driver = Driver("teams", client, platform)
    response = driver.post(FIRST, serviceUrl=service, claims={"serviceurl": service})
    assert (response.status_code, error_of(response)["code"]) == (400, "message_unreadable")
    other = driver.post(FIRST, serviceUrl="https://smba.trafficmanager.net/emea/")
    assert other.status_code == 400


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://oapi.dingtalk.com/robot/sendBySession?session=x", True),
        ("https://oapi.dingtalk.com:443/x", True),
        ("https://oapi.dingtalk.com:8080/x", False),
        ("http://oapi.dingtalk.com/x", False),
        ("https://evildingtalk.com/x", False),
        ("https://oapi.dingtalk.com.evil.example/x", False),
        ("https://oapi.dingtalk.com@evil.example/x", False),
        ("https://evil.example\\.dingtalk.com/x", False),
        ("https://evil.example#.dingtalk.com", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_only_dingtalks_own_hosts_are_trusted(url: str, trusted: bool) -> None:
    """A host that only looks like DingTalk's gets no answer."""
    assert is_trusted(url, dingtalk.HOSTS) is trusted


def test_dingtalk_answers_to_dingtalk_only(client: TestClient, platform: Platform) -> None:
    """A sessionWebhook elsewhere is refused."""
    driver = Driver("dingtalk", client, platform)
    response = driver.post(FIRST, sessionWebhook="https://evil.example/robot")
    assert error_of(response)["code"] == "message_unreadable"


ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><x><Encrypt>&b;</Encrypt></x>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml>",
        b"{",
        b"[]",
        b"{}",
        b'{"encrypt": 5}',
        b"<xml></xml>",
        b"<xml><Encrypt/></xml>",
        ENTITY,
        BOMB,
        ENTITY.decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="no-such"?><xml/>',
        b"<a>" * 1000,
        b"\x00\xff\xfe",
    ],
)
def test_wecom_refuses_xml_that_is_none_of_its_own(client: TestClient, body: bytes) -> None:
    """Document types, entities, depth and rubbish are a 400 before anything is decrypted."""
    response = client.post("/v1/chat/wecom", content=body, params=WECOM_QUERY)
    assert (response.status_code, error_of(response)["code"]) == (400, "message_unreadable")


def test_an_entity_is_never_read() -> None:
    """The file an entity names does not come out, as the document type is refused."""
    with pytest.raises(MessageError, match="document type"):
        read_xml(ENTITY)


@pytest.mark.parametrize("channel", ["slack", "feishu", "dingtalk", "wecom", "teams"])
def test_too_much_is_refused(client: TestClient, channel: str) -> None:
    """A body over a megabyte is not read."""
    response = client.post(f"/v1/chat/{channel}", content=b"x" * 1_100_000)
    assert (response.status_code, error_of(response)["code"]) == (413, "upload_too_large")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
EVENT_FIELDS = [
    "type",
    "event",
    "header",
    "event_type",
    "token",
    "sender",
    "message",
    "channel",
    "user",
    "ts",
    "text",
    "content",
    "mentions",
    "conversationId",
    "msgId",
    "msgtype",
    "sessionWebhook",
    "sessionWebhookExpiredTime",
    "id",
    "from",
    "conversation",
    "recipient",
    "entities",
    "serviceUrl",
    "channelData",
    "challenge",
    "event_id",
    "chat_type",
    "msgid",
    "chattype",
]
hostile = json_values | st.dictionaries(
    st.sampled_from(EVENT_FIELDS),
    json_values | st.dictionaries(st.sampled_from(EVENT_FIELDS), json_values),
)


@hypothesis_settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=hostile, kind=st.sampled_from(["slack", "feishu", "dingtalk", "robot", "teams"]))
def test_no_signed_body_makes_the_service_fail(
    client: TestClient, platform: Platform, body: object, kind: str
) -> None:
    """Whatever JSON comes, even in order signed, the reply is an answer or a clear refusal."""
    raw = json.dumps(body).encode("utf-8", "surrogatepass")
    if kind == "slack":
        made = slack_signed(raw)
    elif kind == "dingtalk":
        made = dingtalk_signed(raw)
    elif kind == "robot":
        made = wecom_sealed(raw, WECOM_CORP, as_json=True)
    elif kind == "teams":
        made = teams_request("", "h", platform.address)
        del made["json"]
        made["content"] = raw
    else:
        known = {"header": {"token": "feishu-verification"}}
        made = feishu_signed({**known, **body} if isinstance(body, dict) else body)
    channel = "wecom" if kind == "robot" else kind
    response = client.post(f"/v1/chat/{channel}", **made)
    assert response.status_code in {200, 400, 401}
    assert response.status_code == 200 or error_of(response)["message"]


HEADERS = ("sign", "timestamp", "authorization", "x-slack-signature", "x-slack-request-timestamp")


@pytest.mark.parametrize("value", ["é", "Bearer a.b.c", "Bearer é", "-1", "9" * 400, "٣", "v0=é"])
@pytest.mark.parametrize("channel", ["slack", "feishu", "dingtalk", "wecom", "teams"])
def test_strange_headers_are_refused(client: TestClient, channel: str, value: str) -> None:
    """Proofs of another alphabet, length or kind are no proof."""
    headers = [(name.encode(), value.encode()) for name in HEADERS]
    response = client.post(f"/v1/chat/{channel}", content=b'{"encrypt": "x"}', headers=headers)
    assert response.status_code in {400, 401}


# What answers look like

EVIL = (
    "<!channel> <https://evil.example|click> [x](http://evil.example) @all <at id=all></at> **b**"
)


def evil_reply() -> Reply:
    passage = Passage(label=EVIL, quote=f"{EVIL}\n# h\n1. x\n- y", translation=EVIL, link=PUBLIC)
    return Reply("zh", "已找到依据", EVIL, (passage,), (EVIL,))


def test_slack_holds_foreign_words_in_plain_elements() -> None:
    """Rich text reads no markup: every foreign word is the text of a text element."""
    made = slack.format_reply(evil_reply())
    texts = json.dumps(made["blocks"], ensure_ascii=False)
    kinds = set(re.findall(r'"type": "(\w+)"', texts))
    assert kinds == {"rich_text", "rich_text_section", "rich_text_quote", "text", "link"}
    assert re.findall(r'"url": "([^"]*)"', texts) == [PUBLIC]
    assert made["text"] == "已找到依据"


def test_feishu_holds_foreign_words_in_plain_text() -> None:
    """Every text of a card is plain_text, in which Feishu reads no markup."""
    card = json.loads(feishu.format_reply(evil_reply())["content"])
    assert "lark_md" not in json.dumps(card)
    assert '"markdown"' not in json.dumps(card)
    assert card["elements"][0]["text"] == {"tag": "plain_text", "content": EVIL}


def test_teams_holds_foreign_words_in_runs() -> None:
    """A TextRun reads no Markdown; a TextBlock, which does, is not used."""
    card = json.dumps(teams.format_reply(evil_reply()))
    assert '"TextBlock"' not in card
    assert '"entities"' not in card


def test_markdown_escapes_foreign_words() -> None:
    """No character of markup stands in the text without its backslash, but for our own."""
    made = to_markdown(evil_reply())
    bare = re.sub(r"\\.", "", made)
    assert re.findall(r"\[([^\]]*)\]\(([^)]*)\)", bare) == [("查看原文", PUBLIC)]
    assert "<" not in bare
    assert not re.search("@(all|所有人)", made)
    lines = [line.removeprefix("> ") for line in bare.splitlines()]
    assert not [line for line in lines if re.match(r"[#>+=-]|\d+[.)]", line)]
    assert escape("1. 一\n# 二\ntechnology-based (3)") == "1\\. 一\n\\# 二\ntechnology-based (3)"


def test_wecom_text_holds_no_tags() -> None:
    """A link of another's making would be one tap away from a reader who trusts the bot."""
    assert "<" not in wecom.format_text(
        replace(evil_reply(), text='<a href="https://evil.example">x</a></xml>')
    )


def test_long_answers_are_cut_to_what_a_platform_takes() -> None:
    """Quotes are cut, the label and the link stay."""
    passage = Passage(
        label="《条例》第一条", quote="字" * 9000, translation="w" * 9000, link=PUBLIC
    )
    reply = Reply("zh", "已找到依据", "文" * 9000, (passage,) * 3, ("注" * 3000,))
    sizes = {
        2048: wecom.format_text(reply),
        12_000: json.dumps(slack.format_reply(reply), ensure_ascii=False),
        18_000: json.dumps(dingtalk.format_reply(reply), ensure_ascii=False),
        25_000: json.dumps(teams.format_reply(reply), ensure_ascii=False),
        26_000: feishu.format_reply(reply)["content"],
    }
    for most, made in sizes.items():
        assert len(made.encode()) <= most * 1.1
        assert made.count("《条例》第一条") == 3
        assert made.count(PUBLIC) == 3
        assert "…" in made


def test_every_answer_shows_its_quotes_word_for_word(engine: Engine) -> None:
    """What a chat shows as a quote is a piece of the document."""
    for text in (FIRST, IN_ENGLISH, "政府购买创新产品有什么办法？"):
        answer = engine.ask(Question(text))
        reply = reply_of(answer, PUBLIC)
        for passage, citation in zip(reply.passages, answer.citations, strict=True):
            assert passage.quote in engine.document(citation.document_id).text
            assert passage.link == f"{PUBLIC}{citation.url}"
    assert all(not one.link for one in reply_of(answer, "").passages)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<@U0LAN0Z89> is it &lt;3% &amp; more?", "is it <3% & more?"),
        ("see <https://a.example|the page> in <#C1|general>", "see the page in general"),
        ("<!here> hello", "hello"),
    ],
)
def test_slack_text_becomes_plain(text: str, plain: str) -> None:
    """Mentions go, links leave their words, entities become characters."""
    assert slack.plain(text) == plain


# Sending, remembering, setting up


def test_a_busy_platform_is_asked_again(platform: Platform) -> None:
    """429 and 5xx are tried again after a pause, a refusal is not."""
    pauses: list[float] = []
    sender = Sender("X", sleep=pauses.append)
    platform.statuses = [429, 503]
    assert sender.post(f"{platform.address}/x", json={})["ok"] is True
    assert pauses == [0.5, 2.0]
    platform.statuses = [403]
    with pytest.raises(DeliveryError, match="answers 403") as caught:
        sender.post(f"{platform.address}/x?access_token=hidden", json={})
    assert "hidden" not in str(caught.value)
    platform.statuses = [500] * 3
    with pytest.raises(DeliveryError, match="answers 500"):
        sender.get(f"{platform.address}/x")


def test_a_platform_that_is_away_is_told_in_the_log(
    engine: Engine, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The acknowledgement stands; the log says what failed, and holds no secret."""
    made = settings_for(settings, "http://127.0.0.1:9", tmp_path, wecom_secret="wecom-secret")
    caplog.set_level(logging.DEBUG)
    client = TestClient(create_app(engine, made))
    for name in ("feishu", "wecom_api"):
        driver = Driver(name, client, Platform("http://127.0.0.1:9"))
        assert driver.post(FIRST).status_code == 200
    assert "Feishu: http://127.0.0.1:9/feishu/auth" in caplog.text
    assert "cannot be reached" in caplog.text
    for secret in (made.feishu_app_secret, "wecom-secret", made.slack_bot_token, WECOM_KEY):
        assert secret not in caplog.text
        assert secret not in repr(made)
        assert secret not in repr(open_channels(made))


def test_no_log_holds_an_address_with_a_token(
    client: TestClient, platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    """DingTalk's session is in the address, which the HTTP library would log."""
    caplog.set_level(logging.DEBUG)
    Driver("dingtalk", client, platform).say(FIRST)
    assert "secret-session" in platform.got[-1][0]
    assert "secret-session" not in caplog.text


def test_a_token_is_kept_until_shortly_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is fetched anew five minutes before the platform forgets it."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    fetched = iter(Token(f"t{n}", 7200) for n in range(9))
    cache = TokenCache(lambda: next(fetched))
    found = []
    for at in (1000.0, 7899.0, 7901.0):
        now[0] = at
        found.append(cache.current())
    cache.drop("t0")
    found.append(cache.current())
    cache.drop("t1")
    found.append(cache.current())
    assert found == ["t0", "t0", "t1", "t1", "t2"]


def test_memory_ends(tmp_path: Path) -> None:
    """Ten questions of a talk are kept for two hours, and a message's id for eight."""
    memory = open_memory(tmp_path)
    assert [memory.claim("a", at) for at in (0, 1, SEEN_SECONDS + 2)] == [True, False, True]
    for n in range(15):
        memory.add("talk", f"q{n}", float(n))
    assert memory.questions("talk", 20) == tuple(f"q{n}" for n in range(15 - KEPT_QUESTIONS, 15))
    assert memory.questions("another", 20) == ()
    assert memory.questions("talk", 20 + 7200) == ()
    memory.forget("talk")
    assert memory.questions("talk", 20) == ()
    assert (tmp_path / "chat.sqlite").stat().st_mode & 0o077 == 0
    assert b"talk" not in re.sub(
        rb"asked[\s\S]{0,400}", b"", (tmp_path / "chat.sqlite").read_bytes()
    )


def test_memory_that_breaks_does_not_stop_answers(tmp_path: Path) -> None:
    """A file that is no database forgets; nobody goes without an answer for it."""
    memory = open_memory(tmp_path)
    (tmp_path / "chat.sqlite").write_bytes(b"no database at all" * 100)
    assert memory.claim("a", 1)
    memory.add("talk", "q", 1)
    memory.forget("talk")
    assert memory.questions("talk", 1) == ()


def test_threads_claim_a_message_once(tmp_path: Path) -> None:
    """Of many at the same moment one gets it."""
    memory = open_memory(tmp_path)
    claimed: list[bool] = []
    threads = [
        threading.Thread(target=lambda: claimed.append(memory.claim("m", 1.0))) for _ in range(12)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert claimed.count(True) == 1


def test_channels_are_those_that_are_set_up(settings: Settings) -> None:
    """Without settings there are none; half the settings are a mistake that is named."""
    assert open_channels(settings) == {}
    assert list(open_channels(replace(settings, dingtalk_secret="s"))) == ["dingtalk"]
    with pytest.raises(SettingsError, match="set TIAOWEN_SLACK_BOT_TOKEN as well"):
        open_channels(replace(settings, slack_signing_secret="s"))
    with pytest.raises(SettingsError, match="EncodingAESKey of 43"):
        open_channels(replace(settings, wecom_token="t", wecom_aes_key="short"))
    with pytest.raises(SettingsError, match="TIAOWEN_PUBLIC_URL='tiaowen' is no address"):
        open_channels(replace(settings, dingtalk_secret="s", public_url="tiaowen"))
    with pytest.raises(SettingsError, match="copy it again"):
        open_channels(replace(settings, dingtalk_secret="ключ"))


def test_a_channel_that_is_not_set_up_says_what_to_set(engine: Engine, settings: Settings) -> None:
    """The address answers 404 with the cure; that of OpenAI stays as it was."""
    client = TestClient(create_app(engine, settings))
    for method in ("GET", "POST"):
        found = error_of(client.request(method, "/v1/chat/slack"))
        assert found["code"] == "channel_not_found"
        assert "TIAOWEN_SLACK_SIGNING_SECRET and TIAOWEN_SLACK_BOT_TOKEN" in found["message"]
    assert error_of(client.post("/v1/chat/icq"))["code"] == "channel_not_found"
    reply = client.get("/v1/chat/completions")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


def test_events_that_ask_nothing_are_acknowledged() -> None:
    """WeCom's entering of a chat and Teams' other activities are no questions."""
    crypt = Crypt.of(WECOM_TOKEN, WECOM_KEY, WECOM_CORP)
    channel = wecom.WeCom(crypt, "", "", Sender("WeCom"))
    xml = b"<xml><MsgType>event</MsgType><Event>enter_agent</Event></xml>"
    made = wecom_sealed(xml, WECOM_CORP)
    found = channel.receive(Incoming("POST", {}, made["params"], made["content"], time.time()))
    assert isinstance(found, Ignored)


def test_the_names_of_channels_are_those_of_the_addresses(settings: Settings) -> None:
    """Each channel is found under its own name."""
    made = settings_for(settings, "http://127.0.0.1:9", settings.index)
    assert all(name == channel.name for name, channel in open_channels(made).items())
    assert issubclass(ChannelNotFoundError, Exception)
