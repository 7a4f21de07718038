"""Puts the service together: routes, errors, the outer layer, the description."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import FileResponse
from starlette.routing import Route

from qa import __version__
from qa.engine import Engine
from qa.errors import QAError
from qa.settings import Settings
from qa.web import failures, requests, schemas
from qa.web.access import allowed_origins
from qa.web.batches import Batches
from qa.web.channels import ChannelService
from qa.web.description import (
    BATCH_FAILURES,
    BODY_FAILURES,
    CHAT_FAILURES,
    FORM,
    FORM_FAILURES,
    ID_FAILURES,
    UPLOAD,
    UPLOAD_FAILURES,
    WORKBOOK,
    body_of,
    failures_of,
    replies,
    with_requests,
)
from qa.web.edge import Edge
from qa.web.figures import Figures
from qa.web.holder import EngineHolder, EngineSource
from qa.web.managing import Managing
from qa.web.service import Service
from qa.web.tools import PATH as TOOLS_PATH
from qa.web.tools import ToolsApp

logger = logging.getLogger(__name__)

_ABOUT = """Questions in Chinese or English about Chinese policy documents, answered with the
clauses the answer rests on. Every quote is cut from the document at the offsets given with it.
Every error has the form `{"error": {"code", "message"}}`."""


def create_app(engine: Engine | EngineSource, settings: Settings) -> FastAPI:
    """Return the service over an opened engine, or over a source that may have none yet."""
    source: EngineSource
    source = EngineHolder(settings, engine) if isinstance(engine, Engine) else engine
    figures = Figures()
    tools = ToolsApp(source, settings)
    batches = Batches(source, settings)
    app = FastAPI(
        title="Tiaowen 条问",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_warming(source, tools, batches),
    )
    origins = allowed_origins(settings)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["POST"],
            allow_headers=["content-type"],
        )
    app.add_middleware(Edge, figures=figures, max_upload_bytes=settings.max_upload_mb * 1024 * 1024)
    app.add_exception_handler(QAError, failures.on_qa_error)
    app.add_exception_handler(failures.RequestError, failures.on_request_error)
    app.add_exception_handler(HTTPException, failures.on_http_error)
    app.add_exception_handler(RequestValidationError, failures.on_validation_error)
    service = Service(source, settings, figures)
    _add_routes(app, service)
    _add_managing(app, Managing(source, settings))
    _add_batches(app, batches)
    _add_channels(app, ChannelService(source, settings, service.note))
    app.router.routes.append(Route(TOOLS_PATH, tools, include_in_schema=False))
    describe = app.openapi
    description: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not description:
            description.update(with_requests(describe, settings.max_top_k))
        return description

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _warming(source: EngineSource, tools: ToolsApp, batches: Batches) -> Callable[[FastAPI], Any]:
    """Return a lifespan that opens the engine before the first request, if it can be."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            source.current()
        except QAError as error:
            logger.debug("started without an index: %s", error)  # its holder has told
        except Exception:
            logger.exception("started without an index")
        batches.runner.start()
        yield
        batches.runner.stop()
        await tools.close()

    return lifespan


def _add_channels(app: FastAPI, channels: ChannelService) -> None:
    for method, endpoint in (("POST", channels.receive), ("GET", channels.echo)):
        app.add_api_route(
            "/v1/chat/{channel}",
            endpoint,
            methods=[method],
            tags=["office chats"],
            responses=replies(schemas.State, *CHAT_FAILURES),
            response_model=None,
        )


def _add_routes(app: FastAPI, service: Service) -> None:
    def post(path: str, endpoint: Callable[..., Any], body: Any, reply: Any, tag: str) -> None:
        app.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            tags=[tag],
            openapi_extra=body_of(body),
            responses=replies(reply, *BODY_FAILURES),
            response_model=None,
        )

    def get(path: str, endpoint: Callable[..., Any], reply: Any, tag: str, *fail: int) -> None:
        app.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            tags=[tag],
            responses=replies(reply, *fail),
            response_model=None,
        )

    def page(path: str, endpoint: Callable[..., Any]) -> None:
        app.add_api_route(
            path, endpoint, methods=["GET"], include_in_schema=False, response_model=None
        )

    post("/v1/ask", service.ask, requests.AskRequest, schemas.AnswerReply, "questions")
    post("/v1/search", service.search, requests.SearchRequest, schemas.SearchReply, "questions")
    post(
        "/v1/verify", service.verify, requests.VerifyRequest, schemas.VerificationReply, "questions"
    )
    post(
        "/v1/explain",
        service.explain,
        requests.SearchRequest,
        schemas.ExplanationReply,
        "questions",
    )
    post("/v1/feedback", service.feedback, requests.FeedbackRequest, schemas.State, "questions")
    get("/v1/documents", service.documents, schemas.DocumentList, "documents", 503)
    get(
        "/v1/documents/{document_id}/clauses",
        service.clauses,
        schemas.ClauseList,
        "documents",
        *ID_FAILURES,
    )
    get(
        "/v1/documents/{document_id}",
        service.document,
        schemas.Document,
        "documents",
        *ID_FAILURES,
    )
    get(
        "/v1/clauses/{clause_id:path}",
        service.clause,
        schemas.ClauseAndCites,
        "documents",
        *ID_FAILURES,
    )
    post(
        "/v1/chat/completions",
        service.chat,
        requests.ChatRequest,
        schemas.ChatReply,
        "OpenAI-compatible",
    )
    get("/v1/models", service.models, schemas.ModelList, "OpenAI-compatible")
    get("/v1/models/{model_id}", service.model, schemas.State, "OpenAI-compatible", 404)
    get("/healthz", service.healthz, schemas.State, "operation")
    get("/readyz", service.readyz, schemas.State, "operation", 503)
    page("/metrics", service.metrics)
    page("/", service.index_page)
    page("/docs", service.docs_page)
    page("/documents", service.manage_page)
    page("/batch", service.batch_page)
    page("/test", service.test_page)
    page("/gaps", service.gaps_page)
    page("/documents/{document_id}", service.document_page)
    page("/static/{name}", service.static_file)


def _add_managing(app: FastAPI, managing: Managing) -> None:
    def add(method: str, path: str, endpoint: Callable[..., Any], reply: Any) -> None:
        app.add_api_route(
            path,
            endpoint,
            methods=[method],
            tags=["managing"],
            responses=replies(reply, *FORM_FAILURES),
            openapi_extra=FORM if method in ("POST", "PUT") else None,
            response_model=None,
        )

    add("POST", "/v1/documents/preview", managing.preview, schemas.Preview)
    add("POST", "/v1/documents", managing.add, schemas.Changed)
    add("PUT", "/v1/documents/{document_id}", managing.replace, schemas.Changed)
    add("DELETE", "/v1/documents/{document_id}", managing.remove, schemas.Changed)
    add("GET", "/v1/gaps", managing.gaps, schemas.GapList)


def _add_batches(app: FastAPI, batches: Batches) -> None:
    def add(method: str, path: str, endpoint: Callable[..., Any], reply: Any) -> None:
        app.add_api_route(
            f"/v1/batches{path}",
            endpoint,
            methods=[method],
            tags=["batches"],
            responses=replies(reply, *BATCH_FAILURES),
            response_model=None,
        )

    app.add_api_route(
        "/v1/batches",
        batches.create,
        methods=["POST"],
        tags=["batches"],
        status_code=202,
        responses={
            202: {"model": schemas.Batch, "description": "It is answered in the background."},
            **failures_of(*UPLOAD_FAILURES),
        },
        openapi_extra=UPLOAD,
        response_model=None,
    )
    add("GET", "", batches.list, schemas.BatchList)
    add("GET", "/{batch_id}", batches.read, schemas.Batch)
    add("GET", "/{batch_id}/events", batches.events, schemas.Batch)
    app.add_api_route(
        "/v1/batches/{batch_id}/result",
        batches.result,
        methods=["GET"],
        tags=["batches"],
        responses={**WORKBOOK, **failures_of(*BATCH_FAILURES, 409)},
        response_class=FileResponse,
        response_model=None,
    )
    add("DELETE", "/{batch_id}", batches.remove, schemas.Batch)
