"""The engine as an MCP server: what other programs' assistants can ask of the documents."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal, ParamSpec

from mcp.server import MCPServer
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from qa import __version__, wire
from qa.engine import Engine
from qa.errors import QAError, QuestionError
from qa.models import Question

ABOUT = """Answers questions in Chinese or English about Chinese policy documents, with the clauses
they rest on, cited to article, paragraph (款) and item (项) and quoted word for word. Quote only
what a tool returned. A status of `closest` or `no_basis` means that the documents do not answer."""

Documents = Annotated[
    list[str] | None, Field(max_length=1000, description="Only these ids, as list_documents has.")
]
AsOf = Annotated[str, Field(description="The day whose law counts, like 2026-11-20; today if ''.")]
Params = ParamSpec("Params")
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def make_server(current: Callable[[], Engine]) -> MCPServer:
    """Return a server with five tools over whatever engine `current` returns at each call."""
    server = MCPServer("tiaowen", title="Tiaowen 条问", instructions=ABOUT, version=__version__)

    def tool(name: str) -> Callable[[Callable[Params, CallToolResult]], None]:
        def add(function: Callable[Params, CallToolResult]) -> None:
            server.tool(name, description=inspect.getdoc(function), annotations=_READS)(
                _guarded(function)
            )

        return add

    @tool("ask")
    def ask(
        question: Annotated[str, Field(description="In Chinese or English.")],
        language: Annotated[
            Literal["zh", "en", "auto"], Field(description="Of the answer.")
        ] = "auto",
        documents: Documents = None,
        as_of: AsOf = "",
        history: Annotated[
            list[str] | None,
            Field(max_length=100, description="Earlier questions, the oldest first."),
        ] = None,
    ) -> CallToolResult:
        """Answer a question from the documents, with citations and verbatim quotes."""
        asked = Question(
            question,
            documents=tuple(documents or ()),
            as_of=_day(as_of),
            language=language,
            history=tuple(history or ()),
        )
        started = time.perf_counter()
        answer = current().ask(asked)
        text = "\n".join([f"[{answer.status}]", answer.text, *answer.notes])
        return _result(text, wire.answer_to_dict(answer, _since(started)))

    @tool("search")
    def search(
        question: Annotated[str, Field(description="A question, or keywords.")],
        top_k: Annotated[int, Field(ge=1, le=50)] = 5,
        documents: Documents = None,
        kinds: Annotated[list[str] | None, Field(max_length=1000)] = None,
        as_of: AsOf = "",
    ) -> CallToolResult:
        """Return the clauses nearest to a question, best first."""
        day = _day(as_of)
        engine = current()
        asked = Question(
            question,
            top_k=min(top_k, engine.settings.max_top_k),
            documents=tuple(documents or ()),
            kinds=tuple(kinds or ()),
            as_of=day,
        )
        hits = engine.search(asked)
        titles = {one.id: one.title for one in engine.documents()}
        lines = [
            f"{hit.rank}. 《{titles[hit.clause.document_id]}》{hit.clause.label} "
            f"({hit.clause.id})\n{hit.clause.text}"
            for hit in hits
        ]
        found = [wire.hit_to_dict(engine, hit, day) for hit in hits]
        return _result("\n".join(lines), {"question": question, "hits": found})

    @tool("get_clause")
    def get_clause(
        clause_id: Annotated[str, Field(description="Like sti-center-regulations#25.")],
    ) -> CallToolResult:
        """Return one clause whole, what it refers to and what refers to it."""
        engine = current()
        clause = engine.clause(clause_id)
        data = wire.clause_to_dict(engine, clause) | wire.crossing_to_dict(engine, clause)
        return _result(clause.text, data)

    @tool("verify")
    def verify(
        text: Annotated[str, Field(description="A draft that cites the documents.")],
        as_of: AsOf = "",
    ) -> CallToolResult:
        """Check each citation, quotation and number of a text against the documents."""
        started = time.perf_counter()
        checked = current().verify(text, _day(as_of))
        lines = [f"[{checked.verdict}]"]
        lines += [f"{one.verdict}: {one.text} ({one.message})" for one in checked.findings]
        return _result("\n".join(lines), wire.verification_to_dict(checked, text, _since(started)))

    @tool("list_documents")
    def list_documents() -> CallToolResult:
        """List the documents with their ids, dates and whether they are in force."""
        engine = current()
        found = [wire.document_to_dict(engine, one) for one in engine.documents()]
        lines = [f"{one['id']}: 《{one['title']}》 ({one['validity']})" for one in found]
        return _result("\n".join(lines), {"documents": found})

    return server


def serve_stdio(current: Callable[[], Engine]) -> None:
    """Answer one client over standard input and output until it is gone."""
    asyncio.run(make_server(current).run_stdio_async())


def _guarded(function: Callable[Params, CallToolResult]) -> Callable[Params, CallToolResult]:
    """Return a tool whose errors are told to the client: what, where and the cure."""

    @functools.wraps(function)
    def call(*args: Params.args, **kwargs: Params.kwargs) -> CallToolResult:
        try:
            return function(*args, **kwargs)
        except QAError as error:
            said = TextContent(type="text", text=str(error))
            return CallToolResult(content=[said], is_error=True)

    return call


def _result(text: str, data: dict[str, Any]) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=data)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise QuestionError(
            f"as_of {text[:40]!r} is not a date; write it like 2026-11-20"
        ) from error


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
