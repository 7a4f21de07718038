"""The HTTP service: the contract, every bad input, OpenAI's client, the pages."""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import openai
import pytest
import uvicorn
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from qa.engine import Engine
from qa.errors import IndexDamagedError, IndexMissingError, SettingsError
from qa.settings import Settings
from qa.web import schemas
from qa.web.app import create_app
from qa.web.holder import EngineHolder
from qa.web.pages import FOLDER
from qa.web.serving import serve

REGULATIONS = "sti-center-regulations"
CITED = "条例第二十五条第二款是怎么规定的？"
TOPIC = "科技成果转化专项资金"


@pytest.fixture(scope="module")
def client(engine: Engine, settings: Settings) -> TestClient:
    return TestClient(create_app(engine, settings))


@pytest.fixture(scope="module")
def address(engine: Engine, settings: Settings) -> Iterator[str]:
    config = uvicorn.Config(
        create_app(engine, settings), port=0, log_level="critical", ws="none", lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    yield f"{host}:{port}"
    server.should_exit = True
    thread.join(timeout=20)


@pytest.fixture
def openai_client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://{address}/v1", api_key="none", max_retries=0) as one:
        yield one


def keys(model: type[Any]) -> set[str]:
    return set(model.model_fields)


def error_of(reply: Any) -> dict[str, Any]:
    """Return the error of a reply that has the shape of every error and shows no traceback."""
    assert "Traceback" not in reply.text
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert set(body) == {"error"}
    assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "type"}
    assert body["error"]["message"]
    found: dict[str, Any] = body["error"]
    return found


# What is answered


def test_search_returns_hits_in_the_form_of_the_contract(client: TestClient) -> None:
    """Hits come ranked from 1, each with its clause and document whole."""
    body = client.post("/v1/search", json={"question": TOPIC, "top_k": 4}).json()
    assert set(body) == {"question", "language", "hits", "took_ms"}
    assert (body["question"], body["language"]) == (TOPIC, "zh")
    assert [hit["rank"] for hit in body["hits"]] == [1, 2, 3, 4]
    scores = [hit["score"] for hit in body["hits"]]
    assert scores == sorted(scores, reverse=True)
    for hit in body["hits"]:
        assert set(hit) == {"rank", "score", "clause", "paragraph", "document"}
        assert set(hit["clause"]) == keys(schemas.Clause)
        assert set(hit["document"]) == keys(schemas.Document)
        assert hit["clause"]["document_id"] == hit["document"]["id"]
        assert hit["paragraph"] is None or hit["paragraph"] >= 1
    schemas.SearchReply.model_validate_json(json.dumps(body), strict=True)


def test_ask_answers_with_quotes_cut_from_the_document(client: TestClient, engine: Engine) -> None:
    """An answer has citations, and every quote is the document text at its offsets."""
    body = client.post("/v1/ask", json={"question": CITED}).json()
    assert set(body) == keys(schemas.AnswerReply)
    assert body["status"] == "answered"
    first = body["citations"][0]
    assert (first["clause_id"], first["label"]) == (f"{REGULATIONS}#25", "第二十五条第二款")
    for citation in body["citations"]:
        assert set(citation) == keys(schemas.Citation)
        text = engine.document(citation["document_id"]).text
        assert citation["quote"] == text[citation["start"] : citation["end"]]
        assert citation["quote"] in citation["text"]
    schemas.AnswerReply.model_validate_json(json.dumps(body), strict=True)


def test_the_address_of_a_citation_opens_the_viewer(client: TestClient) -> None:
    """A citation's url leads to a page, and names the quote and the clause."""
    citation = client.post("/v1/ask", json={"question": CITED}).json()["citations"][0]
    span = f"start={citation['start']}&end={citation['end']}"
    assert citation["url"] == f"/documents/{REGULATIONS}?{span}#clause-25"
    assert client.get(citation["url"]).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_ask_answers_in_the_language_asked_for(client: TestClient, language: str) -> None:
    """`language` decides over the language of the question."""
    body = client.post("/v1/ask", json={"question": CITED, "language": language}).json()
    assert body["language"] == language


def test_no_basis_has_no_citation(client: TestClient) -> None:
    """What no document speaks of is an answer with the status no_basis, not an error."""
    body = client.post("/v1/ask", json={"question": "条例第九百条是怎么规定的？"}).json()
    assert (body["status"], body["citations"]) == ("no_basis", [])


def test_documents_limit_the_search(client: TestClient) -> None:
    """Hits come from the named documents only; an empty list names none and limits nothing."""
    body = {"question": TOPIC, "top_k": 20, "documents": ["sti-center-opinions"]}
    hits = client.post("/v1/search", json=body).json()["hits"]
    assert {hit["document"]["id"] for hit in hits} == {"sti-center-opinions"}
    assert client.post("/v1/search", json={**body, "documents": []}).json()["hits"]


def test_as_of_decides_what_is_in_force(client: TestClient) -> None:
    """The same plan is in force as of 2022 and expired as of 2026."""
    found = {}
    for day in ("2022-01-01", "2026-01-01"):
        body = {"question": TOPIC, "documents": ["tech-transfer-action-plan"], "as_of": day}
        hits = client.post("/v1/search", json=body).json()["hits"]
        found[day] = {hit["document"]["validity"] for hit in hits}
    assert found == {"2022-01-01": {"in_force"}, "2026-01-01": {"expired"}}


def test_unknown_fields_are_ignored(client: TestClient) -> None:
    """A client may send fields that a later version knows."""
    body = {"question": TOPIC, "top_k": 1, "mood": "calm"}
    assert client.post("/v1/search", json=body).status_code == 200


def test_a_body_may_begin_with_a_byte_order_mark(client: TestClient) -> None:
    """Some Windows tools write one."""
    body = b"\xef\xbb\xbf" + json.dumps({"question": TOPIC}).encode()
    assert client.post("/v1/search", content=body).status_code == 200


def test_control_characters_become_spaces(client: TestClient) -> None:
    """Text pasted from a PDF holds them; they neither break a search nor come back."""
    body = client.post("/v1/search", json={"question": "科技\x00成果\x0c转化"}).json()
    assert body["question"] == "科技 成果 转化"


def test_documents_are_listed(client: TestClient, engine: Engine) -> None:
    """Every document is listed once, with its validity and the number of its clauses."""
    listed = client.get("/v1/documents").json()["documents"]
    assert [one["id"] for one in listed] == [one.id for one in engine.documents()]
    for one in listed:
        assert set(one) == keys(schemas.Document)
        assert one["clause_count"] == len(engine.clauses(one["id"]))
        assert client.get(f"/v1/documents/{one['id']}").json() == one


def test_clauses_of_a_document_are_its_text(client: TestClient, engine: Engine) -> None:
    """The text of clause, paragraph and item is the document's text at their offsets."""
    body = client.get(f"/v1/documents/{REGULATIONS}/clauses").json()
    assert body["document"]["id"] == REGULATIONS
    assert len(body["clauses"]) == body["document"]["clause_count"]
    text = engine.document(REGULATIONS).text
    for clause in body["clauses"]:
        assert set(clause) == keys(schemas.Clause)
        assert clause["text"] == text[clause["start"] : clause["end"]]
        for part in clause["paragraphs"]:
            assert part["text"] == text[part["start"] : part["end"]]
            for item in part["items"]:
                assert item["text"] == text[item["start"] : item["end"]]


def test_a_clause_is_found_by_its_id(client: TestClient) -> None:
    """The # of a clause id is written %23 in an address."""
    clause = client.get(f"/v1/clauses/{REGULATIONS}%2325").json()
    assert (clause["id"], clause["label"]) == (f"{REGULATIONS}#25", "第二十五条")
    assert clause["label_en"] == "Article 25"


# What is refused

LONG = "长" * 100_000
BAD_BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "invalid_json"),
    (b"{", 400, "invalid_json"),
    (b"question=1", 400, "invalid_json"),
    (b'{"question": "\\ud800"}', 400, "invalid_json"),
    (b'{"question": "\xff\xfe"}', 400, "invalid_json"),
    (b"[" * 100_000, 400, "invalid_json"),
    (b'{"question": "a", "top_k": 1' + b"0" * 5000 + b"}", 400, "invalid_json"),
    (b"[]", 422, "invalid_request"),
    (b"null", 422, "invalid_request"),
    (b"{}", 422, "invalid_request"),
    (b'{"question": null}', 422, "invalid_request"),
    (b'{"question": 5}', 422, "invalid_request"),
    (b'{"question": ["a"]}', 422, "invalid_request"),
    (b'{"question": "a", "top_k": 0}', 422, "invalid_request"),
    (b'{"question": "a", "top_k": 51}', 422, "invalid_request"),
    (b'{"question": "a", "top_k": "5"}', 422, "invalid_request"),
    (b'{"question": "a", "top_k": 2.5}', 422, "invalid_request"),
    (b'{"question": "a", "top_k": true}', 422, "invalid_request"),
    (b'{"question": "a", "top_k": NaN}', 422, "invalid_request"),
    (b'{"question": "a", "as_of": "yesterday"}', 422, "invalid_request"),
    (b'{"question": "a", "as_of": "2026-02-30"}', 422, "invalid_request"),
    (b'{"question": "a", "as_of": 20261120}', 422, "invalid_request"),
    (b'{"question": "a", "documents": "x"}', 422, "invalid_request"),
    (b'{"question": "a", "documents": [1]}', 422, "invalid_request"),
    (b'{"question": "a", "kinds": {}}', 422, "invalid_request"),
    (b'{"question": ""}', 422, "question_empty"),
    (b'{"question": " \\u3000\\n"}', 422, "question_empty"),
    (b'{"question": "\\u0000\\u0007"}', 422, "question_empty"),
    (json.dumps({"question": LONG}).encode(), 422, "question_too_long"),
    (json.dumps({"question": LONG}, ensure_ascii=False).encode(), 422, "question_too_long"),
    (b'{"question": "a", "documents": ["no-such"]}', 404, "document_not_found"),
    (b'{"question": "a", "documents": ["\\u0000"]}', 404, "document_not_found"),
    (b'{"question": "' + b"a" * 1_100_000 + b'"}', 413, "upload_too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES, ids=range(len(BAD_BODIES)))
@pytest.mark.parametrize("path", ["/v1/search", "/v1/ask"])
def test_bad_bodies_are_refused(
    client: TestClient, path: str, body: bytes, status: int, code: str
) -> None:
    """Each kind of bad input has its own code, whatever the content type says."""
    reply = client.post(path, content=body)
    assert (reply.status_code, error_of(reply)["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"top_k": 0}, "`question` is missing; send a text"),
        ({"question": "a", "top_k": 51}, "`top_k` is greater than 50; send a whole number from 1"),
        ({"question": "a", "as_of": "soon"}, '`as_of` is not a date; send a day in the form "20'),
        ({"question": "a", "documents": [1]}, "`documents.0` is not a string; send a list of doc"),
        ({"question": "a", "language": "fr"}, '`language` is none of the choices; send "zh", "en'),
    ],
)
def test_a_message_names_field_problem_and_cure(
    client: TestClient, body: dict[str, Any], message: str
) -> None:
    """Whoever reads the message knows what to send instead."""
    assert error_of(client.post("/v1/ask", json=body))["message"].startswith(message)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/documents/", 404, "not_found"),
        ("GET", "/v1/documents/no-such", 404, "document_not_found"),
        ("GET", "/v1/documents/no-such/clauses", 404, "document_not_found"),
        ("GET", "/v1/documents/%00", 404, "document_not_found"),
        ("GET", "/v1/clauses/no-such%231", 404, "clause_not_found"),
        ("GET", f"/v1/clauses/{REGULATIONS}%23999", 404, "clause_not_found"),
        ("GET", f"/v1/clauses/{REGULATIONS}", 404, "clause_not_found"),
        ("GET", "/v1/clauses/%23", 404, "clause_not_found"),
        ("GET", "/v1/clauses/%ff%23%ed%a0%80", 404, "clause_not_found"),
        ("GET", "/static/no-such.js", 404, "not_found"),
        ("GET", "/static/..%2fapp.py", 404, "not_found"),
        ("GET", "/static/%00", 404, "not_found"),
        ("GET", "/documents/no-such", 404, "document_not_found"),
        ("GET", "/v1/models/no-such", 404, "model_not_found"),
        ("GET", "/v1/ask", 405, "method_not_allowed"),
        ("HEAD", "/v1/ask", 405, ""),
        ("POST", "/", 405, "method_not_allowed"),
    ],
)
def test_addresses_that_lead_nowhere(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    """Unknown ids and addresses are 404, other methods 405 with what is allowed."""
    reply = client.request(method, path)
    assert reply.status_code == status
    assert status != 405 or reply.headers["allow"]
    assert not code or error_of(reply)["code"] == code


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
FIELDS = ("question", "top_k", "documents", "kinds", "as_of", "language", "messages", "stream")


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(["/v1/search", "/v1/ask", "/v1/chat/completions"]),
    body=json_values | st.dictionaries(st.sampled_from(FIELDS), json_values),
)
def test_no_body_makes_the_service_fail(client: TestClient, path: str, body: object) -> None:
    """Whatever JSON is sent, the reply is an answer or a refusal, never a 500."""
    reply = client.post(path, content=json.dumps(body).encode("utf-8", "surrogatepass"))
    assert reply.status_code in {200, 400, 404, 413, 422}
    assert reply.status_code == 200 or error_of(reply)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_sender_of_too_much_sees_why(address: str, chunked: bool) -> None:
    """A body over the limit is refused with 413, whether its length is declared or not."""
    connection = http.client.HTTPConnection(address, timeout=20)
    parts = [b" " * 65536] * 64
    body = iter(parts) if chunked else b"".join(parts)
    connection.request("POST", "/v1/ask", body=body, encode_chunked=chunked)
    reply = connection.getresponse()
    assert reply.status == 413
    message = json.loads(reply.read())["error"]["message"]
    assert message == "the body is larger than 1 MB; send less at a time"
    connection.close()


def test_an_upload_has_a_limit_of_its_own(engine: Engine, settings: Settings) -> None:
    """Multipart bodies may be as large as TIAOWEN_MAX_UPLOAD_MB says, JSON at most 1 MB."""
    client = TestClient(create_app(engine, replace(settings, max_upload_mb=2)))
    headers = {"content-type": "multipart/form-data; boundary=x"}
    for size, status in ((1_500_000, 400), (2_500_000, 413)):
        reply = client.post("/v1/ask", content=b"-" * size, headers=headers)
        assert reply.status_code == status


# How the service fares


class _Broken:
    """A source that fails as no source should."""

    def current(self) -> Engine:
        raise RuntimeError("secret detail")


def test_a_failure_of_ours_is_logged_and_not_shown(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error is a 500 without details; its traceback goes to the log."""
    with caplog.at_level(logging.ERROR):
        reply = TestClient(create_app(_Broken(), settings)).post("/v1/ask", json={"question": "a"})
    assert reply.status_code == 500
    assert error_of(reply)["code"] == "internal"
    assert "secret" not in reply.text
    assert "secret detail" in caplog.text


def test_a_service_starts_whatever_the_index_is(settings: Settings) -> None:
    """A failure while the index is loaded does not stop the process; /readyz shows it."""
    with TestClient(create_app(_Broken(), settings)) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 500


def test_a_service_without_an_index_waits_for_one(settings: Settings, engine: Engine) -> None:
    """Until there is an index questions get 503; once there is one they are answered."""
    built = threading.Event()

    def open_engine(_: Settings) -> Engine:
        if not built.is_set():
            raise IndexMissingError("no index in index/; run `tiaowen index`")
        return engine

    holder = EngineHolder(settings, opener=open_engine, interval=0.0)
    with TestClient(create_app(holder, settings)) as client:
        assert client.get("/healthz").status_code == 200
        for reply in (client.get("/readyz"), client.post("/v1/ask", json={"question": TOPIC})):
            assert (reply.status_code, error_of(reply)["code"]) == (503, "index_missing")
            assert error_of(reply)["message"].endswith("run `tiaowen index`")
        built.set()
        _wait_until(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/readyz").json()["snapshot"] == engine.snapshot_id
        assert client.post("/v1/ask", json={"question": TOPIC}).status_code == 200


class _Refreshed:
    """Counts how often it is asked to look for a new snapshot, and fails at it."""

    snapshot_id = "old"

    def __init__(self) -> None:
        self.looked = 0

    def refresh(self) -> bool:
        self.looked += 1
        raise IndexDamagedError("clauses.jsonl is cut off; run `tiaowen index`")


def test_a_refresh_that_fails_leaves_the_old_snapshot(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The engine at hand keeps answering, the log says once what is wrong."""
    engine = _Refreshed()
    holder = EngineHolder(settings, cast(Engine, engine), interval=0.0)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            seen = engine.looked
            assert holder.current() is cast(Engine, engine)
            _wait_until(lambda before=seen: engine.looked > before)
            time.sleep(0.02)
    assert caplog.text.count("clauses.jsonl is cut off") == 1


def test_the_index_is_looked_at_once_a_second(settings: Settings) -> None:
    """Many requests within the interval make one look at the index."""
    engine = _Refreshed()
    holder = EngineHolder(settings, cast(Engine, engine), interval=0.5)
    _wait_until(lambda: holder.current() and engine.looked)
    for _ in range(1000):
        holder.current()
    assert engine.looked == 1


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_serve_names_what_it_cannot_listen_on(settings: Settings) -> None:
    """A port that is taken, a foreign address and an unknown log level are settings to mend."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for change in ({"port": port}, {"host": "192.0.2.1"}, {"log_level": "loud"}):
            with pytest.raises(SettingsError, match=r"TIAOWEN_(HOST|LOG_LEVEL)"):
                serve(replace(settings, **{"port": 0, **change}))


def test_metrics_count_requests_and_answers(engine: Engine, settings: Settings) -> None:
    """Routes are counted by their pattern, so that ids do not multiply the figures."""
    client = TestClient(create_app(engine, settings))
    client.post("/v1/ask", json={"question": CITED})
    client.get(f"/v1/documents/{REGULATIONS}")
    client.get("/v1/documents/no-such")
    client.get("/nothing")
    text = client.get("/metrics").text
    for line in (
        'tiaowen_requests_total{route="/v1/ask",status="200"} 1.0',
        'tiaowen_requests_total{route="/v1/documents/{document_id}",status="200"} 1.0',
        'tiaowen_requests_total{route="/v1/documents/{document_id}",status="404"} 1.0',
        'tiaowen_requests_total{route="other",status="404"} 1.0',
        'tiaowen_request_seconds_count{route="/v1/ask"} 1.0',
        'tiaowen_answers_total{status="answered"} 1.0',
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize("path", ["/", "/docs", "/nothing", "/v1/documents", "/static/app.js"])
def test_every_reply_carries_safe_headers(client: TestClient, path: str) -> None:
    """Pages load from here only, types are not guessed, addresses are not passed on."""
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_host_header_changes_nothing(client: TestClient) -> None:
    """No reply is made from what a sender claims the host is."""
    for path in ("/", "/v1/documents", "/openapi.json", "/v1/documents/"):
        reply = client.get(path, headers={"host": "evil.example"}, follow_redirects=False)
        assert "evil" not in reply.text + str(reply.headers)


def test_head_is_get_without_a_body(client: TestClient) -> None:
    """Load balancers ask with HEAD."""
    reply = client.head("/healthz")
    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["content-length"]) > 0


# OpenAI's client


def test_openai_client_gets_an_answer(openai_client: openai.OpenAI) -> None:
    """The answer comes with its citations listed, as fields and as annotations."""
    completion = openai_client.chat.completions.create(
        model="tiaowen",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "你好"},
            {"role": "assistant", "content": None},
            {"role": "user", "content": [{"type": "text", "text": CITED}]},
        ],
    )
    choice = completion.choices[0]
    content = choice.message.content or ""
    assert (choice.finish_reason, completion.model) == ("stop", "tiaowen")
    citation = choice.message.model_extra["citations"][0]  # type: ignore[index]
    assert citation["clause_id"] == f"{REGULATIONS}#25"
    assert f"1. 《{citation['title']}》{citation['label']}" in content
    annotation = choice.message.annotations[0].url_citation  # type: ignore[index]
    line = content[annotation.start_index : annotation.end_index]
    assert line.startswith(f"1. 《{citation['title']}》")
    assert content.count(citation["quote"]) == 1
    assert annotation.url == citation["url"]
    usage = completion.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0


def test_openai_client_streams_the_same_answer(openai_client: openai.OpenAI) -> None:
    """The pieces of a stream make up the content of the plain reply."""
    asked: Any = {"model": "tiaowen", "messages": [{"role": "user", "content": CITED}]}
    whole = openai_client.chat.completions.create(**asked)
    chunks = list(
        openai_client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
    )
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len(pieces) > 3
    last = chunks[-2].choices[0]
    assert last.finish_reason == "stop"
    assert last.delta.model_extra["citations"]  # type: ignore[index]
    assert chunks[-1].usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1


def test_openai_client_lists_the_model(openai_client: openai.OpenAI) -> None:
    """There is one model."""
    assert [model.id for model in openai_client.models.list()] == ["tiaowen"]
    assert openai_client.models.retrieve("tiaowen").id == "tiaowen"


@pytest.mark.parametrize(
    ("body", "error", "code"),
    [
        ({"model": "gpt-x"}, openai.NotFoundError, "model_not_found"),
        ({"messages": []}, openai.UnprocessableEntityError, "invalid_request"),
        ({"n": 2}, openai.UnprocessableEntityError, "invalid_request"),
        (
            {"messages": [{"role": "system", "content": "a"}]},
            openai.UnprocessableEntityError,
            "question_empty",
        ),
        (
            {"messages": [{"role": "user", "content": "长" * 3000}], "stream": True},
            openai.UnprocessableEntityError,
            "question_too_long",
        ),
    ],
)
def test_openai_client_reads_our_errors(
    openai_client: openai.OpenAI,
    body: dict[str, Any],
    error: type[openai.APIStatusError],
    code: str,
) -> None:
    """Errors carry code and message as everywhere, and the type that OpenAI's have."""
    asked: Any = {"model": "tiaowen", "messages": [{"role": "user", "content": "a"}], **body}
    with pytest.raises(error) as caught:
        openai_client.chat.completions.create(**asked)
    assert (caught.value.code, caught.value.type) == (code, "invalid_request_error")


# The description and the pages


def test_the_description_is_whole(client: TestClient) -> None:
    """Every reference leads somewhere, every operation has a summary and its replies."""
    text = client.get("/openapi.json").text
    description = json.loads(text)
    assert description["openapi"].startswith("3.")
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in description["components"]["schemas"]
    assert "HTTPValidationError" not in text
    for methods in description["paths"].values():
        for operation in methods.values():
            assert operation["description"]
            (done,) = (one for code, one in operation["responses"].items() if code[0] == "2")
            kinds = (
                {"application/json"}
                if "result" not in str(operation["operationId"])
                else {
                    "text/csv",
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                }
            )
            assert kinds == set(done["content"])
            assert all(one["schema"] for one in done["content"].values())


def test_the_examples_of_the_description_work(client: TestClient) -> None:
    """Each example that /docs shows is answered when it is sent."""
    paths = client.get("/openapi.json").json()["paths"]
    sent = 0
    for path, methods in paths.items():
        for one in methods.get("post", {}).get("requestBody", {}).get("content", {}).values():
            for example in one.get("examples", {}).values():
                assert client.post(path, json=example["value"]).status_code == 200
                sent += 1
    assert sent >= 4


def test_the_description_names_the_limits_in_force(engine: Engine, settings: Settings) -> None:
    """The most hits one may ask for is the operator's setting."""
    client = TestClient(create_app(engine, replace(settings, max_top_k=7)))
    models = client.get("/openapi.json").json()["components"]["schemas"]
    assert models["SearchRequest"]["properties"]["top_k"]["maximum"] == 7
    assert client.post("/v1/search", json={"question": "a", "top_k": 8}).status_code == 422


@pytest.mark.parametrize("path", ["/", "/docs", f"/documents/{REGULATIONS}"])
def test_pages_load_nothing_from_outside(client: TestClient, path: str) -> None:
    """A page and what it loads name no other host, and hold no script or style inline."""
    page = client.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|\bstyle=", page.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith(("/", "#"))
        assert address.startswith("#") or client.get(address).status_code == 200


def test_assets_name_no_other_host() -> None:
    """No file of the pages holds an address outside; an SVG's namespace is a name only."""
    for path in FOLDER.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|[\"'(]//|@import|innerHTML|insertAdjacentHTML", text), path


def test_a_browser_keeps_what_has_not_changed(client: TestClient) -> None:
    """An asset that the browser holds already is not sent again."""
    etag = client.get("/static/app.js").headers["etag"]
    reply = client.get("/static/app.js", headers={"if-none-match": etag})
    assert (reply.status_code, reply.content) == (304, b"")


def test_a_missing_document_shows_a_page_to_a_browser(client: TestClient) -> None:
    """A person sees the viewer say so, with status 404; a program gets the JSON error."""
    page = client.get("/documents/no-such", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert error_of(client.get("/documents/no-such"))["code"] == "document_not_found"


def test_a_conversation_carries_its_subject(client: TestClient) -> None:
    """A follow-up is answered from the turns before it, over both addresses, and said so."""
    earlier = "职务科技成果可以协议定价吗？"
    reply = client.post("/v1/ask", json={"question": "多久？", "history": [earlier]}).json()
    assert reply["question"] == "多久？"
    assert earlier[:-2] in reply["notes"][0]
    assert reply["citations"][0]["clause_id"] == "sti-center-regulations#25"
    messages = [
        {"role": "user", "content": earlier},
        {"role": "assistant", "content": "根据第九条……"},
        {"role": "user", "content": "第三款呢？"},
    ]
    chat = client.post("/v1/chat/completions", json={"messages": messages}).json()
    citation = chat["choices"][0]["message"]["citations"][0]
    assert (citation["clause_id"], citation["label"]) == (
        "sti-center-regulations#25",
        "第二十五条第三款",
    )


def test_a_history_is_checked_like_a_question(client: TestClient) -> None:
    """Text alone is a question; too many are refused with the place named."""
    for history in ("text", [1], ["问"] * 101, [None]):
        reply = client.post("/v1/ask", json={"question": "多久？", "history": history})
        assert reply.status_code == 422
        assert "history" in reply.json()["error"]["message"]
