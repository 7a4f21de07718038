"""What each address of the service does."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import date
from time import perf_counter
from typing import Any, TypeVar

from anyio import to_thread
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from qa import __version__, wire
from qa.engine import Engine, uses_model
from qa.errors import ClauseNotFoundError, QAError, code_of
from qa.feedback import Feedback, keep_feedback
from qa.gaps import keep_gap
from qa.models import Answer, Question
from qa.settings import Settings
from qa.text import language_of
from qa.web import completions, figures, requests, schemas, views
from qa.web.access import check_origin
from qa.web.failures import RequestError, parse
from qa.web.holder import EngineSource
from qa.web.pages import Pages

Body = TypeVar("Body", bound=BaseModel)


class Service:
    """The endpoints. The engine is called in the event loop: it answers within milliseconds.

    Only what waits for a language model, or reads a long text, has a thread of its own.
    """

    def __init__(self, source: EngineSource, settings: Settings, numbers: figures.Figures) -> None:
        self._source = source
        self._settings = settings
        self._figures = numbers
        self._pages = Pages()

    async def _body(self, request: Request, kind: type[Body]) -> Body:
        return parse(kind, await request.body(), self._settings.max_top_k)

    async def search(self, request: Request) -> Response:
        """Return the clauses nearest to a question, best first."""
        asked = await self._body(request, requests.SearchRequest)
        engine = self._source.current()
        question = asked.as_question(asked.question, self._settings.max_top_k)
        started = perf_counter()
        hits = engine.search(question)
        took_ms = _since(started)
        return _json(
            schemas.SearchReply(
                question=question.text,
                language=language_of(question.text),
                hits=[views.hit_view(engine, hit, asked.as_of) for hit in hits],
                took_ms=took_ms,
            )
        )

    async def ask(self, request: Request) -> Response:
        """Answer a question from the documents, with the passages the answer rests on.

        `answered`: the citations answer it. `closest`: no rule found answers it, and the
        nearest clauses are shown. `no_basis`: the documents say nothing about it.
        """
        asked = await self._body(request, requests.AskRequest)
        engine = self._source.current()
        question = asked.as_question(
            asked.question, self._settings.max_top_k, asked.language, asked.history
        )
        started = perf_counter()
        if asked.stream:
            answer = await to_thread.run_sync(engine.ask, question)
            writing = self._events(engine.write(answer, question.as_of), started)
            return StreamingResponse(writing, media_type="text/event-stream")
        answer = await self._answer(engine, question)
        took_ms = _since(started)
        self.note(answer)
        return _json(views.answer_view(answer, took_ms))

    async def _answer(self, engine: Engine, question: Question) -> Answer:
        """Return the answer; in a thread of its own where a language model is waited for."""
        if uses_model(self._settings):
            return await to_thread.run_sync(engine.ask_and_write, question)
        return engine.ask(question)

    def _events(self, writing: Generator[str, None, Answer], started: float) -> Iterator[bytes]:
        """Yield an event for each sentence as it is verified, then the whole answer."""
        while True:
            try:
                said = next(writing)
            except StopIteration as end:
                answer: Answer = end.value
                self.note(answer)
                reply = views.answer_view(answer, _since(started))
                yield b"event: answer\ndata: %b\n\n" % to_json(reply)
                return
            yield b"event: sentence\ndata: %b\n\n" % to_json({"text": said})

    async def explain(self, request: Request) -> Response:
        """Show how a question is read and why clauses rank as they do for it."""
        asked = await self._body(request, requests.SearchRequest)
        question = asked.as_question(asked.question, self._settings.max_top_k)
        engine = self._source.current()
        return _json(views.explanation_view(engine, engine.explain(question), asked.as_of))

    async def feedback(self, request: Request) -> Response:
        """Keep what somebody thought of an answer; nothing about who it was."""
        check_origin(request)
        said = await self._body(request, requests.FeedbackRequest)
        if self._settings.feedback != "off":
            today = date.today().isoformat()
            kept = Feedback(
                today, said.question, said.status, said.clause_id, said.verdict, said.comment
            )
            await to_thread.run_sync(keep_feedback, self._settings.index, kept)
        return _json({"status": "kept" if self._settings.feedback != "off" else "not kept"})

    async def verify(self, request: Request) -> Response:
        """Check each citation, quotation and number of a text against the documents."""
        asked = await self._body(request, requests.VerifyRequest)
        engine = self._source.current()
        started = perf_counter()
        checked = await to_thread.run_sync(engine.verify, asked.text, asked.as_of)
        return _json(wire.verification_to_dict(checked, asked.text, _since(started)))

    def note(self, answer: Answer) -> None:
        """Count an answer, and keep a question that got none."""
        self._figures.count_answer(answer.status)
        if self._settings.gaps != "off":
            keep_gap(self._settings.index, answer)

    async def documents(self) -> Response:
        """List every document."""
        engine = self._source.current()
        found = [views.document_view(engine, one) for one in engine.documents()]
        return _json(schemas.DocumentList(documents=found))

    async def document(self, document_id: str) -> Response:
        """Return one document."""
        engine = self._source.current()
        return _json(views.document_view(engine, engine.document(document_id)))

    async def clauses(self, document_id: str) -> Response:
        """Return the clauses of one document, in order."""
        engine = self._source.current()
        document = views.document_view(engine, engine.document(document_id))
        found = [views.clause_view(engine, one) for one in engine.clauses(document_id)]
        return _json(schemas.ClauseList(document=document, clauses=found))

    async def clause(self, clause_id: str) -> Response:
        """Return one clause. Its id holds a #, which a URL writes %23."""
        engine = self._source.current()
        if "#" not in clause_id:
            raise ClauseNotFoundError(
                f"{clause_id!r} is no clause id; one is made of a document id, # and a key, "
                "and a URL writes the # as %23"
            )
        clause = engine.clause(clause_id)
        return _json(
            views.clause_view(engine, clause).model_dump(mode="json")
            | wire.crossing_to_dict(engine, clause)
        )

    async def chat(self, request: Request) -> Response:
        """Answer the last user message, in the form of OpenAI's chat completions.

        The message also carries `citations`, as POST /v1/ask returns them, and `annotations`.
        """
        asked = await self._body(request, requests.ChatRequest)
        completions.check(asked)
        question = asked.as_question(
            asked.question, self._settings.max_top_k, asked.language, asked.history
        )
        engine = self._source.current()
        if asked.stream and uses_model(self._settings):
            answer = await to_thread.run_sync(engine.ask, question)
            sentences = engine.write(answer, question.as_of)
            writing = completions.stream_writing(asked, sentences, self.note)
            return StreamingResponse(writing, media_type="text/event-stream")
        answer = await self._answer(engine, question)
        self.note(answer)
        completion = completions.Completion(asked, answer)
        if asked.stream:
            return Response(completion.stream(), media_type="text/event-stream")
        return Response(completion.whole(), media_type="application/json")

    async def models(self) -> Response:
        """List the models a chat completion can name: `tiaowen`."""
        return _json(completions.models_reply())

    async def model(self, model_id: str) -> Response:
        """Return the one model."""
        if model_id != completions.MODEL:
            raise RequestError(
                404, "model_not_found", f"there is no model {model_id!r}; use {completions.MODEL}"
            )
        return _json(completions.model_reply())

    async def healthz(self) -> Response:
        """Say that the process is up."""
        return _json({"status": "ok", "version": __version__})

    async def readyz(self) -> Response:
        """Say that an index is loaded; 503 until then."""
        engine = self._source.current()
        return _json(
            {
                "status": "ready",
                "snapshot": engine.snapshot_id,
                "documents": len(engine.documents()),
            }
        )

    async def metrics(self) -> Response:
        """Return the figures that Prometheus collects."""
        return Response(self._figures.text(), headers={"content-type": figures.CONTENT_TYPE})

    async def index_page(self, request: Request) -> Response:
        """Show the page."""
        return self._pages.reply(request, "index.html")

    async def manage_page(self, request: Request) -> Response:
        """Show the documents and how to change them."""
        return self._pages.reply(request, "manage.html")

    async def batch_page(self, request: Request) -> Response:
        """Show the page that answers a workbook."""
        return self._pages.reply(request, "batch.html")

    async def test_page(self, request: Request) -> Response:
        """Show why clauses rank as they do."""
        return self._pages.reply(request, "test.html")

    async def gaps_page(self, request: Request) -> Response:
        """Show what was asked without an answer."""
        return self._pages.reply(request, "gaps.html")

    async def docs_page(self, request: Request) -> Response:
        """Show the description of the service."""
        return self._pages.reply(request, "docs.html")

    async def document_page(self, request: Request, document_id: str) -> Response:
        """Show a document, at the clause and the quote that the address names."""
        try:
            self._source.current().document(document_id)
        except QAError as error:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            return self._pages.reply(request, "viewer.html", code_of(error)[1])
        return self._pages.reply(request, "viewer.html")

    async def static_file(self, request: Request, name: str) -> Response:
        """Return what a page loads."""
        return self._pages.reply(request, name)


def _since(started: float) -> float:
    """Return the milliseconds that have passed, to two decimals."""
    return round((perf_counter() - started) * 1000, 2)


def _json(content: BaseModel | dict[str, Any]) -> Response:
    return Response(to_json(content), media_type="application/json")
