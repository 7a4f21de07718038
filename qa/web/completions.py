"""Answers in the form of OpenAI's chat completions, so that existing programs can ask."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any
from uuid import uuid4

from pydantic_core import to_json

from qa import models
from qa.web import requests
from qa.web.failures import RequestError
from qa.web.views import citation_view

MODEL = "tiaowen"
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")
_PIECE = 24
_FIRST: dict[str, Any] = {"role": "assistant", "content": ""}
_HEADINGS = {
    ("zh", "answered"): "依据",
    ("en", "answered"): "Sources",
    ("zh", "closest"): "最接近的条款",
    ("en", "closest"): "Closest clauses",
}
_NOT_IN_FORCE = {
    "zh": {"expired": "已失效", "repealed": "已废止", "not_yet_effective": "尚未施行"},
    "en": {"expired": "expired", "repealed": "repealed", "not_yet_effective": "not yet effective"},
}


def check(request: requests.ChatRequest) -> None:
    """Raise RequestError for another model, or where no user message has text."""
    if request.model != MODEL:
        raise RequestError(
            404,
            "model_not_found",
            f'there is no model {request.model[:80]!r} here; send "model": "{MODEL}"',
        )
    if not request.question.strip():
        raise RequestError(
            422,
            "question_empty",
            "no message has the role user and text; "
            'send "messages": [{"role": "user", "content": "…"}]',
        )


def models_reply() -> dict[str, Any]:
    """Return the list of models, which has one."""
    return {"object": "list", "data": [model_reply()]}


def model_reply() -> dict[str, Any]:
    """Return the one model."""
    return {"id": MODEL, "object": "model", "created": 0, "owned_by": MODEL}


class Completion:
    """One answer as a completion: whole, or as the lines of a stream."""

    def __init__(
        self,
        request: requests.ChatRequest,
        answer: models.Answer,
        head: Mapping[str, Any] | None = None,
    ) -> None:
        self._request = request
        self._content, annotations = _markdown(answer)
        self._extra = {
            "citations": [
                citation_view(citation).model_dump(mode="json") for citation in answer.citations
            ],
            "annotations": annotations,
        }
        self._head = head or _new_head()

    def whole(self) -> bytes:
        """Return the completion as one JSON object."""
        message = {"role": "assistant", "content": self._content, "refusal": None, **self._extra}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        head = {**self._head, "object": "chat.completion"}
        return to_json({**head, "choices": [choice], "usage": self._usage()})

    def stream(self) -> bytes:
        """Return the completion as server-sent events, ended by [DONE]."""
        return _event(self._head, [_choice(_FIRST)]) + self.rest(0)

    def rest(self, sent: int) -> bytes:
        """Return the events of what follows the first characters, which have been sent."""
        content = self._content[sent:]
        pieces = [content[at : at + _PIECE] for at in range(0, len(content), _PIECE)]
        events = [_event(self._head, [_choice({"content": piece})]) for piece in pieces]
        events.append(_event(self._head, [_choice(self._extra, "stop")]))
        options = self._request.stream_options
        if options is not None and options.include_usage:
            events.append(_event(self._head, [], usage=self._usage()))
        return b"".join(events) + b"data: [DONE]\n\n"

    def _usage(self) -> dict[str, int]:
        asked = sum(_count(message.text) for message in self._request.messages)
        answered = _count(self._content)
        return {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
        }


def stream_writing(
    request: requests.ChatRequest,
    writing: Generator[str, None, models.Answer],
    note: Callable[[models.Answer], None],
) -> Iterator[bytes]:
    """Yield the events of an answer that is still being written; `note` is told of the answer."""
    head = _new_head()
    yield _event(head, [_choice(_FIRST)])
    sent = 0
    while True:
        try:
            said = next(writing)
        except StopIteration as end:
            answer: models.Answer = end.value
            note(answer)
            yield Completion(request, answer, head).rest(sent)
            return
        sent += len(said)
        yield _event(head, [_choice({"content": said})])


def _new_head() -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": MODEL}


def _event(head: Mapping[str, Any], choices: list[dict[str, Any]], **more: Any) -> bytes:
    chunk = {**head, "object": "chat.completion.chunk", "choices": choices, "usage": None, **more}
    return b"data: %b\n\n" % to_json(chunk)


def _choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}


def _count(text: str) -> int:
    """Return how many Han characters, other words and signs a text has: our tokens."""
    return len(_TOKEN.findall(text))


def _markdown(answer: models.Answer) -> tuple[str, list[dict[str, Any]]]:
    """Return the answer with its citations as a list, and where in it each citation stands."""
    text = re.sub(r"\n+", "\n\n", answer.text)
    content = "\n\n".join([text, *(f"> {note}" for note in answer.notes)])
    annotations: list[dict[str, Any]] = []
    if answer.citations:
        content += f"\n\n**{_HEADINGS.get((answer.language, answer.status), '依据')}**\n"
    for number, citation in enumerate(answer.citations, start=1):
        quote = "" if citation.quote in answer.text else " ".join(citation.quote.split())
        line = f"{number}. {_source(citation, answer.language, quote)}"
        start = len(content) + 1
        content += f"\n{line}"
        place = {
            "start_index": start,
            "end_index": len(content),
            "title": f"{citation.title} {citation.label}",
            "url": citation.url,
        }
        annotations.append({"type": "url_citation", "url_citation": place})
    return content, annotations


def _source(citation: models.Citation, language: models.Language, quote: str) -> str:
    """Return title, label and validity of a citation, and its quote if the answer lacks it."""
    state = _NOT_IN_FORCE[language].get(citation.validity, "")
    if language == "zh":
        state = f"（{state}）" if state else ""
        return f"《{citation.title}》{citation.label}{state}" + (f"：“{quote}”" if quote else "")
    title = citation.title_en or citation.title
    state = f" ({state})" if state else ""
    source = f"*{title}*, {citation.label_en} ({citation.label}){state}"
    return source + (f": “{quote}”" if quote else "")
