"""The OpenAPI description: what FastAPI cannot see, as our endpoints read their own bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from qa.web import requests, schemas

REF = "#/components/schemas/{model}"
REQUESTS: tuple[type[BaseModel], ...] = (
    requests.SearchRequest,
    requests.AskRequest,
    requests.ChatRequest,
    requests.VerifyRequest,
    requests.FeedbackRequest,
)
_MEANINGS = {
    400: "The body is not JSON.",
    401: "The key is missing or wrong, or the request does not prove who has sent it.",
    403: "This may not be done from there.",
    404: "There is no such document, clause, model, batch or chat.",
    409: "The batch is not done, or has failed.",
    413: "The body is too large.",
    422: "A field is missing or cannot be used; the question is empty or too long.",
    429: "Too many batches are waiting.",
    503: "No index is loaded.",
}
BODY_FAILURES = (400, 404, 413, 422, 503)
ID_FAILURES = (404, 503)
CHAT_FAILURES = (400, 401, 404, 413)
FORM_FAILURES = (400, 401, 403, 404, 413, 422, 503)
BATCH_FAILURES = (401, 403, 404)
UPLOAD_FAILURES = (400, 401, 403, 413, 422, 429, 503)
_FILE = {"type": "string", "format": "binary"}
UPLOAD = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
            "description": meaning,
        }
        for name, meaning in (
            ("name", "The name of the file, where the body is the file itself: faq.xlsx"),
            ("column", "The column of questions, by heading or letter, where it is not found."),
        )
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": _FILE},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": _FILE, "column": {"type": "string"}},
                }
            },
        },
    },
}
WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The workbook, of the kind that was sent.",
        "content": {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {"schema": _FILE},
            "text/csv": {"schema": _FILE},
        },
    }
}
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        **{name: {"type": "string"} for name in ("title", "id", "effective")},
                    },
                }
            }
        },
    }
}


def body_of(kind: type[BaseModel]) -> dict[str, Any]:
    """Return the part of an operation that describes its body, with the model's examples."""
    extra = kind.model_config.get("json_schema_extra")
    examples = extra["examples"] if isinstance(extra, dict) else []
    assert isinstance(examples, list)
    content = {
        "schema": {"$ref": REF.format(model=kind.__name__)},
        "examples": {f"example{at}": {"value": one} for at, one in enumerate(examples, 1)},
    }
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def replies(kind: type[BaseModel], *failures: int) -> dict[int | str, dict[str, Any]]:
    """Return the replies of an operation: a model for 200, one shape for all failures."""
    return {200: {"model": kind}, **failures_of(*failures)}


def failures_of(*failures: int) -> dict[int | str, dict[str, Any]]:
    """Return the failures of an operation, all of one shape."""
    return {
        status: {"model": schemas.FailureReply, "description": _MEANINGS[status]}
        for status in failures
    }


def with_requests(describe: Callable[[], dict[str, Any]], max_top_k: int) -> dict[str, Any]:
    """Return the description with the models of the requests and the limits in force."""
    description = describe()
    _, definitions = models_json_schema(
        [(kind, "validation") for kind in REQUESTS], ref_template=REF
    )
    for name, schema in definitions["$defs"].items():
        top_k = schema.get("properties", {}).get("top_k")
        if top_k is not None:
            top_k["maximum"] = max_top_k
        description["components"]["schemas"][name] = schema
    for operation in (one for methods in description["paths"].values() for one in methods.values()):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]  # FastAPI's guess for every path with an id
    for unused in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(unused, None)
    return description
