"""The documents changed over HTTP, and what people asked without an answer: for managers."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path, PurePosixPath, PureWindowsPath

from anyio import to_thread
from filelock import FileLock, Timeout
from pydantic_core import to_json
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from qa import wire
from qa.adding import enter_document
from qa.catalog import remove_document
from qa.clauses import find_gaps, split_clauses
from qa.documents import read_document_file
from qa.encoder import open_encoder
from qa.errors import CorpusError, IndexBusyError
from qa.feedback import read_feedback
from qa.gaps import group_gaps, read_gaps
from qa.index import build_index
from qa.models import Document
from qa.settings import Settings
from qa.web import views
from qa.web.access import check_manager
from qa.web.failures import RequestError
from qa.web.holder import EngineSource

LOCK = "corpus.lock"
WAIT = 30  # seconds for another change to be done
MOST_FIELDS = 10
_NAME = re.compile(r"[^\w.() -]+")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent, and what is to be entered for it; "" for what it says itself."""

    path: Path
    title: str
    document_id: str
    effective: date | None


class Managing:
    """The endpoints that change the corpus and list what was not answered."""

    def __init__(self, source: EngineSource, settings: Settings) -> None:
        self._source = source
        self._settings = settings

    async def preview(self, request: Request) -> Response:
        """Show the clauses that a file would give; nothing is kept.

        The body is multipart: `file`, and if wanted `title`, `id` and `effective`.
        """
        check_manager(request, self._settings)
        async with _upload(request) as upload:
            return _json(await to_thread.run_sync(self._preview, upload))

    async def add(self, request: Request) -> Response:
        """Add a document to the corpus and to the index, or replace the one with its id."""
        check_manager(request, self._settings)
        async with _upload(request) as upload:
            return _json(await to_thread.run_sync(self._add, upload), 201)

    async def replace(self, request: Request, document_id: str) -> Response:
        """Replace a document by another file."""
        check_manager(request, self._settings)
        self._source.current().document(document_id)
        async with _upload(request, document_id) as upload:
            return _json(await to_thread.run_sync(self._add, upload))

    async def remove(self, request: Request, document_id: str) -> Response:
        """Take a document out of the corpus and out of the index."""
        check_manager(request, self._settings)
        return _json(await to_thread.run_sync(self._remove, document_id))

    async def gaps(self, request: Request) -> Response:
        """List what was asked without an answer, in groups, and what people thought of answers."""
        check_manager(request, self._settings)
        return _json(await to_thread.run_sync(self._gaps))

    def _preview(self, upload: Upload) -> dict[str, object]:
        document = read_document_file(upload.path)
        clauses = split_clauses(document)
        document_id = upload.document_id or document.id
        known = {one.id: one.title for one in self._source.current().documents()}
        return {
            "id": document_id,
            "title": upload.title or document.title,
            "replaces": known.get(document_id),
            "characters": len(document.text),
            "clauses": [wire.split_to_dict(one) for one in clauses],
            "warnings": find_gaps(document, clauses),
        }

    def _add(self, upload: Upload) -> dict[str, object]:
        with self._changing():
            added = enter_document(
                self._settings.corpus,
                upload.path,
                title=upload.title,
                effective=upload.effective,
                document_id=upload.document_id,
            )
            return self._rebuilt(added.document) | {"set_aside": list(added.set_aside)}

    def _remove(self, document_id: str) -> dict[str, object]:
        with self._changing():
            return self._rebuilt(remove_document(self._settings.corpus, document_id))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep others from changing the corpus; an error of the disk is one of the corpus."""
        self._settings.index.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._settings.index / LOCK, timeout=WAIT):
                yield
        except Timeout as error:
            raise IndexBusyError(
                "another change of the documents is still under way; try again in a minute"
            ) from error
        except OSError as error:
            raise CorpusError(
                f"{self._settings.corpus}: {error.strerror or error}; "
                "give the service the right to write there"
            ) from error

    def _rebuilt(self, document: Document) -> dict[str, object]:
        report = build_index(self._settings, lambda *_: None)
        engine = self._source.current()
        engine.refresh()
        known = {one.id for one in engine.documents()}
        return {
            "id": document.id,
            "title": document.title,
            "document": views.document_view(engine, engine.document(document.id))
            if document.id in known
            else None,
            "snapshot": report.snapshot,
            "clauses": report.clauses,
            "embedded": report.embedded,
        }

    def _gaps(self) -> dict[str, object]:
        folder = self._settings.index
        gaps, feedback = read_gaps(folder), read_feedback(folder)
        groups = group_gaps(gaps, open_encoder(self._settings.encoder)) if gaps else []
        days: dict[str, int] = {}
        for gap in gaps:
            days[gap.day] = days.get(gap.day, 0) + 1
        return {
            "groups": [asdict(one) for one in groups],
            "days": [{"day": day, "count": count} for day, count in sorted(days.items())],
            "feedback": [asdict(one) for one in reversed(feedback)][:200],
            "up": sum(one.verdict == "up" for one in feedback),
            "down": sum(one.verdict == "down" for one in feedback),
        }


@asynccontextmanager
async def _upload(request: Request, document_id: str = "") -> AsyncIterator[Upload]:
    """Keep the file of a multipart body in a folder of its own while it is worked on."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            async with request.form(max_files=1, max_fields=MOST_FIELDS) as form:
                upload = await _received(form, Path(folder), document_id)
        except MultiPartException as error:
            raise RequestError(400, "invalid_form", f"{error.message}; send one file") from None
        try:
            yield upload
        except CorpusError as error:  # told by the name that was sent, not by our folder
            raise CorpusError(str(error).replace(f"{folder}/", "")) from error


async def _received(form: FormData, folder: Path, document_id: str) -> Upload:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise RequestError(
            422, "file_missing", "the body has no `file`; send multipart/form-data with one"
        )
    path = folder / _file_name(file.filename or "")
    await to_thread.run_sync(path.write_bytes, await file.read())
    return Upload(
        path,
        title=_field(form.get("title")),
        document_id=document_id or _field(form.get("id")),
        effective=_day(_field(form.get("effective"))),
    )


def _file_name(sent: str) -> str:
    """Return the last part of a name that a stranger sent, without signs of paths and controls."""
    last = PurePosixPath(PureWindowsPath(sent).name).name
    return _NAME.sub("_", last).lstrip(".")[-120:] or "document.txt"


def _field(value: object) -> str:
    return " ".join(value.split())[:200] if isinstance(value, str) else ""


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestError(
            422, "invalid_request", '`effective` is not a date; send it like "2026-11-20"'
        ) from None


def _json(content: dict[str, object], status: int = 200) -> Response:
    return Response(to_json(content), status_code=status, media_type="application/json")
