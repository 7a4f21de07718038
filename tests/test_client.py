"""The Python client against a real service, and against one that fails."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import uvicorn

from qa import wire
from qa.client import AsyncClient, Client, ServiceError, ServiceUnreachableError
from qa.engine import Engine
from qa.models import Question
from qa.settings import Settings
from qa.web.app import create_app

QUESTIONS = [
    "职务科技成果协议定价的，要公示什么？",
    "Who sets up the fund for commercialising results?",
    "条例第二十五条第二款",
    "今天天气怎么样？",
]


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    """The address of a real service."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(Engine.open(settings), settings)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


class Failing(BaseHTTPRequestHandler):
    """A service that fails as it is told to, then has one document fewer than none."""

    plan: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("authorization", ""))
        status, headers, body = self.plan.pop(0) if self.plan else (200, {}, b'{"documents": []}')
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def failing() -> Iterator[str]:
    """The address of a service that fails."""
    Failing.plan, Failing.asked = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _without_time(reply: Any) -> dict[str, Any]:
    return json.loads(reply.model_dump_json()) | {"took_ms": 0}


def test_both_clients_return_what_the_engine_returns(address: str, engine: Engine) -> None:
    """Over the wire and back nothing is lost, waiting or awaited."""
    expected = [
        json.loads(json.dumps(wire.answer_to_dict(engine.ask(Question(one)), 0)))
        for one in QUESTIONS
    ]
    with Client(address) as client:
        assert client.is_ready()
        assert [_without_time(one) for one in client.ask_many(QUESTIONS)] == expected
        clause = client.clause("sti-center-regulations#25")
        assert clause.text == engine.clause("sti-center-regulations#25").text
        assert len(client.clauses("sti-center-regulations")) == 60
        assert client.document("sti-center-regulations").effective == date(2020, 5, 1)
        assert len(client.documents()) == len(engine.documents())
        hits = client.search("venture capital", top_k=3, kinds=["地方性法规"]).hits
        assert {one.document.kind for one in hits} == {"地方性法规"}
        draft = "科创条例第二十五条第二款：“应当在本单位公示科技成果名称”。"
        assert client.verify(draft).verdict == "verified"
        plan = client.ask("行动方案第3条", as_of=date(2022, 6, 1))
        assert plan.citations[0].validity == "in_force"
        assert client.ask("多久？", history=[QUESTIONS[0]]).notes[0].startswith("按上文")

    async def awaited() -> list[dict[str, Any]]:
        async with AsyncClient(address) as client:
            assert await client.is_ready()
            assert (await client.clause("sti-center-regulations#25")).text == clause.text
            return [_without_time(one) for one in await client.ask_many(QUESTIONS, at_once=2)]

    assert asyncio.run(awaited()) == expected


def test_a_refusal_keeps_its_code_and_is_not_repeated(address: str) -> None:
    """What the service says is wrong is raised at once, with the service's own words."""
    with Client(address) as client:
        for call, status, code in (
            (lambda: client.ask(""), 422, "question_empty"),
            (lambda: client.ask("问" * 3000), 422, "question_too_long"),
            (lambda: client.clause("no#1"), 404, "clause_not_found"),
            (lambda: client.document("../x"), 404, "not_found"),
            (lambda: client.search("问", top_k=0), 422, "invalid_request"),
        ):
            started = time.monotonic()
            with pytest.raises(ServiceError) as caught:
                call()
            assert (caught.value.status, caught.value.code) == (status, code)
            assert time.monotonic() - started < 0.5


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_fault_is_waited_out(failing: str, status: int) -> None:
    """Two faults and then an answer is an answer; the key is sent each time."""
    Failing.plan = [(status, {}, b""), (status, {"retry-after": "0"}, b"")]
    with Client(failing, key="k", pauses=(0.01, 0.01)) as client:
        assert client.documents() == []
    assert Failing.asked == ["Bearer k"] * 3
    Failing.plan = [(status, {}, b"")] * 2

    async def awaited() -> None:
        async with AsyncClient(failing, pauses=(0.01, 0.01)) as client:
            assert await client.documents() == []

    asyncio.run(awaited())


def test_a_lasting_fault_is_raised(failing: str) -> None:
    """After the last try the service's own words, or that it is no such service."""
    body = json.dumps({"error": {"code": "index_missing", "message": "run it"}}).encode()
    Failing.plan = [(503, {}, body)] * 2
    with Client(failing, pauses=(0.01,)) as client:
        with pytest.raises(ServiceError, match="run it") as caught:
            client.documents()
        assert caught.value.code == "index_missing"
        Failing.plan = [(500, {}, b"<html>oops</html>")]
        with pytest.raises(ServiceError, match="oops"):
            client.documents()
        Failing.plan = [(200, {}, b'{"other": 1}')]
        with pytest.raises(ServiceUnreachableError, match="another form"):
            client.documents()
    with (
        Client("http://127.0.0.1:9", pauses=(0.01,)) as client,
        pytest.raises(ServiceUnreachableError, match="tiaowen serve"),
    ):
        client.documents()
    with Client("http://127.0.0.1:9") as client:
        assert not client.is_ready()
