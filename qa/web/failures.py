"""Every error of the service in one shape: `{"error": {"code", "message"}}`, no traceback."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from qa.errors import QAError, code_of

Body = TypeVar("Body", bound=BaseModel)
OPENAI_ROUTES = ("/v1/chat/completions", "/v1/models")

_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "upload_too_large"}
_PROBLEMS = {
    "missing": "is missing",
    "string_type": "is not a string",
    "string_too_long": "is longer than {max_length} characters",
    "int_type": "is not a whole number",
    "bool_type": "is not true or false",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is greater than {le}",
    "date_type": "is not a date",
    "date_parsing": "is not a date",
    "date_from_datetime_parsing": "is not a date",
    "tuple_type": "is not a list",
    "too_long": "has more than {max_length} entries",
    "too_short": "is empty",
    "model_type": "is not an object",
    "literal_error": "is none of the choices",
}
_CURES = {
    "text": 'send a text, such as "text": "根据《…条例》第三条，“…”。"',
    "question": 'send a text, such as "question": "科技成果如何转化？"',
    "top_k": "send a whole number from 1 to {max_top_k}",
    "documents": "send a list of document ids, which GET /v1/documents lists",
    "kinds": "send a list of kinds, which GET /v1/documents lists",
    "as_of": 'send a day in the form "2026-11-20"',
    "language": 'send "zh", "en" or "auto"',
    "messages": 'send "messages": [{{"role": "user", "content": "科技成果如何转化？"}}]',
    "model": 'send "model": "tiaowen"',
    "stream": "send true or false",
    "stream_options": 'send "stream_options": {{"include_usage": true}}',
    "n": "send 1, since a question has one answer",
}


class RequestError(Exception):
    """A request that cannot be understood; the message says what, where and the cure."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def parse(kind: type[Body], body: bytes, max_top_k: int) -> Body:
    """Return the request that a body holds; raises RequestError."""
    try:
        return kind.model_validate_json(
            body.removeprefix(b"\xef\xbb\xbf"), context={"max_top_k": max_top_k}
        )
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            reason = details[0]["ctx"]["error"]
            raise RequestError(
                400,
                "invalid_json",
                f"the body is not valid JSON: {reason}; send one JSON object encoded as UTF-8",
            ) from None
        raise RequestError(422, "invalid_request", _explain(details, max_top_k)) from None


def _explain(details: list[ErrorDetails], max_top_k: int) -> str:
    """Return what is wrong with one field, the question first, and the cure, in one sentence."""
    questions = (one for one in details if one["loc"][:1] == ("question",))
    first = next(questions, details[0])
    if not first["loc"]:
        return 'the body is not a JSON object; send one such as {"question": "科技成果如何转化？"}'
    path = ".".join(str(part) for part in first["loc"][:3])
    known = _PROBLEMS.get(first["type"])
    problem = known.format_map(first.get("ctx", {})) if known else f"is unusable ({first['msg']})"
    cure = _CURES.get(str(first["loc"][0]), "see /docs").format(max_top_k=max_top_k)
    more = len({str(one["loc"][0]) for one in details}) - 1
    others = f" ({more} more field{'s' if more > 1 else ''} cannot be used)" if more else ""
    return f"`{path}` {problem}; {cure}{others}"


def reply(path: str, status: int, code: str, message: str) -> Response:
    """Return an error as JSON; the routes that imitate OpenAI carry its `type` as well."""
    error: dict[str, Any] = {"code": code, "message": message}
    if path.startswith(OPENAI_ROUTES):
        error |= {"type": "invalid_request_error" if status < 500 else "server_error"}
    return Response(to_json({"error": error}), status_code=status, media_type="application/json")


async def on_request_error(request: Request, error: Exception) -> Response:
    """Answer a request that cannot be understood."""
    assert isinstance(error, RequestError)
    return reply(request.url.path, error.status, error.code, str(error))


async def on_qa_error(request: Request, error: Exception) -> Response:
    """Answer an error of ours by the code and status that errors.py gives it."""
    assert isinstance(error, QAError)
    code, status, _ = code_of(error)
    return reply(request.url.path, status, code, str(error))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an error of the framework: no such route, another method, too large a body."""
    assert isinstance(error, HTTPException)
    path, status = request.url.path, error.status_code
    message = str(error.detail)
    if status == 404:
        message = f"there is nothing at {path}; /docs lists every address"
    elif status == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        message = f"{request.method} is not possible at {path}; use {allowed}"
    code = _CODES.get(status) or HTTPStatus(status).name.lower()
    answer = reply(path, status, code, message)
    answer.headers.update(error.headers or {})
    return answer


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Answer a path or query that the framework could not read."""
    return reply(request.url.path, 422, "invalid_request", f"{request.url.path} cannot be read")
