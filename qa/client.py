"""A typed client of a running service, for programs: `Client` waits, `AsyncClient` is awaited.

>>> Client("http://127.0.0.1:8000").ask("协议定价要公示吗？").citations[0].label  # doctest: +SKIP
'第二十五条第二款'
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from types import TracebackType
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from qa.errors import QAError
from qa.models import AnswerLanguage
from qa.web import schemas

Reply = TypeVar("Reply", bound=BaseModel)
PASSING = frozenset({429, 502, 503, 504})
PAUSES = (0.2, 0.8, 2.0)  # seconds before the second, third and fourth try
LONGEST_PAUSE = 30.0  # of what a service asks for by Retry-After


class ServiceError(QAError):
    """The service refuses: its status, its code and its message, which says the cure."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ServiceUnreachableError(QAError):
    """No service answers there, or what answers is none."""


@dataclass(frozen=True, slots=True)
class _Call(Generic[Reply]):
    """What is sent, and what is expected back."""

    method: str
    path: str
    reply: type[Reply]
    body: dict[str, Any] | None = None


class _Shared:
    """What both clients know: the address, the key, how replies and failures are read."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        key: str = "",
        timeout: float = 30.0,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        """Talk to a service; `pauses` are those before further tries, () for a single one."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._options: dict[str, Any] = {
            "base_url": base_url.rstrip("/"),
            "headers": headers,
            "timeout": timeout,
        }
        self._base_url = base_url
        self._pauses = tuple(pauses)

    def _read(self, call: _Call[Reply], response: httpx2.Response) -> Reply:
        if response.status_code >= 400:
            raise _failure(response)
        try:
            return call.reply.model_validate_json(response.content)
        except ValidationError as error:
            raise ServiceUnreachableError(
                f"{self._base_url}{call.path} answers in another form; is it Tiaowen, of this "
                f"version? ({error.errors()[0]['msg']})"
            ) from error

    def _unreachable(self, error: httpx2.HTTPError) -> ServiceUnreachableError:
        why = str(error) or type(error).__name__
        return ServiceUnreachableError(
            f"{self._base_url} does not answer: {why}; start it with `tiaowen serve`"
        )


class Client(_Shared):
    """A client that waits; close it, or use it in a `with`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what `_Shared` takes: base_url, key, timeout, pauses."""
        super().__init__(*args, **kwargs)
        self._http = httpx2.Client(**self._options)

    def __enter__(self) -> Client:
        """Return the client."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self,
        question: str,
        *,
        language: AnswerLanguage = "auto",
        documents: Sequence[str] = (),
        as_of: date | None = None,
        history: Sequence[str] = (),
    ) -> schemas.AnswerReply:
        """Return the answer to a question; raises ServiceError or ServiceUnreachableError."""
        limits = _limits(documents, (), as_of)
        return self._send(_ask(question, language=language, history=list(history), **limits))

    def ask_many(self, questions: Sequence[str], **limits: Any) -> list[schemas.AnswerReply]:
        """Return the answers to questions, one after the other."""
        return [self.ask(question, **limits) for question in questions]

    def search(
        self,
        question: str,
        *,
        top_k: int = 5,
        documents: Sequence[str] = (),
        kinds: Sequence[str] = (),
        as_of: date | None = None,
    ) -> schemas.SearchReply:
        """Return the clauses nearest to a question."""
        return self._send(_search(question, top_k=top_k, **_limits(documents, kinds, as_of)))

    def verify(self, text: str, *, as_of: date | None = None) -> schemas.VerificationReply:
        """Return what of a text that cites the documents is so."""
        return self._send(_verify(text, **_limits((), (), as_of)))

    def documents(self) -> list[schemas.Document]:
        """Return every document."""
        return self._send(_Documents).documents

    def document(self, document_id: str) -> schemas.Document:
        """Return one document."""
        return self._send(_document(document_id))

    def clauses(self, document_id: str) -> list[schemas.Clause]:
        """Return the clauses of a document, in order."""
        return self._send(_clauses(document_id)).clauses

    def clause(self, clause_id: str) -> schemas.ClauseAndCites:
        """Return one clause, with what it refers to and what refers to it."""
        return self._send(_clause(clause_id))

    def is_ready(self) -> bool:
        """Return whether a service with an index answers there, in one try."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx2.HTTPError:
            return False

    def _send(self, call: _Call[Reply]) -> Reply:
        for pause in (*self._pauses, None):
            try:
                response = self._http.request(call.method, call.path, json=call.body)
            except httpx2.HTTPError as error:
                if pause is None or not isinstance(error, httpx2.TransportError):
                    raise self._unreachable(error) from error
                time.sleep(_jittered(pause))
                continue
            if pause is None or response.status_code not in PASSING:
                return self._read(call, response)
            time.sleep(_pause_of(response, pause))
        raise AssertionError("the last try returns or raises")


class AsyncClient(_Shared):
    """A client that is awaited; close it, or use it in an `async with`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what `_Shared` takes: base_url, key, timeout, pauses."""
        super().__init__(*args, **kwargs)
        self._http = httpx2.AsyncClient(**self._options)

    async def __aenter__(self) -> AsyncClient:
        """Return the client."""
        return self

    async def __aexit__(
        self, *_: type[BaseException] | BaseException | TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(
        self,
        question: str,
        *,
        language: AnswerLanguage = "auto",
        documents: Sequence[str] = (),
        as_of: date | None = None,
        history: Sequence[str] = (),
    ) -> schemas.AnswerReply:
        """Return the answer to a question; raises ServiceError or ServiceUnreachableError."""
        limits = _limits(documents, (), as_of)
        return await self._send(_ask(question, language=language, history=list(history), **limits))

    async def ask_many(
        self, questions: Sequence[str], *, at_once: int = 8, **limits: Any
    ) -> list[schemas.AnswerReply]:
        """Return the answers to questions in their order, at most `at_once` under way."""
        bound = asyncio.Semaphore(at_once)

        async def one(question: str) -> schemas.AnswerReply:
            async with bound:
                return await self.ask(question, **limits)

        return list(await asyncio.gather(*(one(question) for question in questions)))

    async def search(
        self,
        question: str,
        *,
        top_k: int = 5,
        documents: Sequence[str] = (),
        kinds: Sequence[str] = (),
        as_of: date | None = None,
    ) -> schemas.SearchReply:
        """Return the clauses nearest to a question."""
        return await self._send(_search(question, top_k=top_k, **_limits(documents, kinds, as_of)))

    async def verify(self, text: str, *, as_of: date | None = None) -> schemas.VerificationReply:
        """Return what of a text that cites the documents is so."""
        return await self._send(_verify(text, **_limits((), (), as_of)))

    async def documents(self) -> list[schemas.Document]:
        """Return every document."""
        return (await self._send(_Documents)).documents

    async def document(self, document_id: str) -> schemas.Document:
        """Return one document."""
        return await self._send(_document(document_id))

    async def clauses(self, document_id: str) -> list[schemas.Clause]:
        """Return the clauses of a document, in order."""
        return (await self._send(_clauses(document_id))).clauses

    async def clause(self, clause_id: str) -> schemas.ClauseAndCites:
        """Return one clause, with what it refers to and what refers to it."""
        return await self._send(_clause(clause_id))

    async def is_ready(self) -> bool:
        """Return whether a service with an index answers there, in one try."""
        try:
            return (await self._http.get("/readyz")).status_code == 200
        except httpx2.HTTPError:
            return False

    async def _send(self, call: _Call[Reply]) -> Reply:
        for pause in (*self._pauses, None):
            try:
                response = await self._http.request(call.method, call.path, json=call.body)
            except httpx2.HTTPError as error:
                if pause is None or not isinstance(error, httpx2.TransportError):
                    raise self._unreachable(error) from error
                await asyncio.sleep(_jittered(pause))
                continue
            if pause is None or response.status_code not in PASSING:
                return self._read(call, response)
            await asyncio.sleep(_pause_of(response, pause))
        raise AssertionError("the last try returns or raises")


_Documents = _Call("GET", "/v1/documents", schemas.DocumentList)


def _ask(question: str, **fields: Any) -> _Call[schemas.AnswerReply]:
    return _Call("POST", "/v1/ask", schemas.AnswerReply, {"question": question, **fields})


def _search(question: str, **fields: Any) -> _Call[schemas.SearchReply]:
    return _Call("POST", "/v1/search", schemas.SearchReply, {"question": question, **fields})


def _verify(text: str, **fields: Any) -> _Call[schemas.VerificationReply]:
    return _Call("POST", "/v1/verify", schemas.VerificationReply, {"text": text, **fields})


def _document(document_id: str) -> _Call[schemas.Document]:
    return _Call("GET", f"/v1/documents/{quote(document_id, safe='')}", schemas.Document)


def _clauses(document_id: str) -> _Call[schemas.ClauseList]:
    return _Call("GET", f"/v1/documents/{quote(document_id, safe='')}/clauses", schemas.ClauseList)


def _clause(clause_id: str) -> _Call[schemas.ClauseAndCites]:
    return _Call("GET", f"/v1/clauses/{quote(clause_id, safe='')}", schemas.ClauseAndCites)


def _limits(
    documents: Sequence[str], kinds: Sequence[str], as_of: date | None
) -> dict[str, object]:
    """Return the limits that are set, in the form of a request."""

    def every() -> Iterator[tuple[str, object]]:
        if documents:
            yield "documents", list(documents)
        if kinds:
            yield "kinds", list(kinds)
        if as_of is not None:
            yield "as_of", as_of.isoformat()

    return dict(every())


def _failure(response: httpx2.Response) -> ServiceError:
    try:
        error = response.json()["error"]
        return ServiceError(response.status_code, str(error["code"]), str(error["message"]))
    except (ValueError, LookupError, TypeError):
        said = " ".join(response.text.split())[:200] or response.reason_phrase
        return ServiceError(response.status_code, "unknown", said)


def _pause_of(response: httpx2.Response, pause: float) -> float:
    """Return how long a service asks to be left alone, or the next pause."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), LONGEST_PAUSE) if asked.isdigit() else _jittered(pause)


def _jittered(pause: float) -> float:
    """Return a pause that is not the same for all, so that they do not come back together."""
    return pause * random.uniform(0.7, 1.3)  # noqa: S311 (no secret)
