"""The MCP server, asked by the real MCP client: in memory, over stdio, over HTTP."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp_types import TextContent

from qa.engine import Engine
from qa.models import Question
from qa.settings import Settings
from qa.tool_server import make_server
from qa.web.app import create_app

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
TOOLS = {"ask", "search", "get_clause", "verify", "list_documents"}
ASKED = "职务科技成果协议定价的，要公示什么？"


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
    yield f"http://127.0.0.1:{port}/mcp"
    server.should_exit = True
    thread.join()


@pytest.fixture(params=["memory", "stdio", "http"])
def server(request: pytest.FixtureRequest, engine: Engine, settings: Settings) -> Any:
    """What the client connects to."""
    if request.param == "memory":
        return make_server(lambda: engine)
    if request.param == "http":
        return request.getfixturevalue("address")
    environ = {
        **os.environ,
        "TIAOWEN_CORPUS": str(settings.corpus),
        "TIAOWEN_INDEX": str(settings.index),
    }
    return StdioServerParameters(command=sys.executable, args=["-m", "qa", "mcp"], env=environ)


def _text(result: Any) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def test_every_tool_answers_every_client(server: Any, engine: Engine) -> None:
    """Each transport lists the five tools, and each tool returns what the engine returns."""

    async def talk() -> None:
        async with Client(server) as client:
            listed = (await client.list_tools()).tools
            assert {one.name for one in listed} == TOOLS
            assert all(one.description and one.input_schema for one in listed)
            answer = await client.call_tool("ask", {"question": ASKED})
            expected = engine.ask(Question(ASKED))
            assert answer.structured_content is not None
            assert answer.structured_content["status"] == "answered"
            assert answer.structured_content["citations"][0]["quote"] == expected.citations[0].quote
            assert expected.text in _text(answer)
            later = {"question": "多久？", "history": [ASKED]}
            follow_up = await client.call_tool("ask", later)
            assert "按上文理解为" in _text(follow_up)
            found = await client.call_tool("search", {"question": "venture capital", "top_k": 3})
            assert found.structured_content is not None
            assert len(found.structured_content["hits"]) == 3
            clause = await client.call_tool(
                "get_clause", {"clause_id": "sti-center-regulations#25"}
            )
            assert _text(clause) == engine.clause("sti-center-regulations#25").text
            draft = "科创条例第二十五条第二款：“应当在本单位公示科技成果名称”，公示三十日。"
            checked = await client.call_tool("verify", {"text": draft})
            assert checked.structured_content is not None
            assert checked.structured_content["verdict"] == "altered"
            documents = await client.call_tool("list_documents", {})
            assert documents.structured_content is not None
            assert len(documents.structured_content["documents"]) == len(engine.documents())
            for name, wrong, said in BAD:
                failed = await client.call_tool(name, wrong)
                assert failed.is_error, (name, wrong)
                assert said in _text(failed)
                assert "Traceback" not in _text(failed)

    anyio.run(talk)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("ask", {}, "question"),
    ("ask", {"question": ""}, "the question is empty"),
    ("ask", {"question": "问" * 3000}, "TIAOWEN_MAX_QUESTION_CHARS"),
    ("ask", {"question": ASKED, "as_of": "soon"}, "write it like 2026-11-20"),
    ("ask", {"question": ASKED, "language": "fr"}, "language"),
    ("ask", {"question": ASKED, "documents": ["none"]}, "there is no document 'none'"),
    ("search", {"question": ASKED, "top_k": 0}, "top_k"),
    ("get_clause", {"clause_id": "../etc/passwd"}, "there is no clause"),
    ("verify", {"text": " "}, "the text is empty"),
]


def test_other_sites_and_rebound_names_are_refused(address: str) -> None:
    """A page of another site, or a name rebound to this machine, gets 403."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"accept": "application/json, text/event-stream"}
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        reply = httpx2.post(address, json=body, headers={**accept, **headers})
        assert reply.status_code == 403
        assert reply.json()["error"]["code"] == "origin_unknown"


def test_the_library_is_loaded_by_the_first_who_needs_it() -> None:
    """Neither the service nor the command line waits for it."""
    code = "import sys, qa.web.app, qa.cli; print('mcp' in sys.modules)"
    import subprocess

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
