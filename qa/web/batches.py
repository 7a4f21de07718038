"""Workbooks over HTTP: sent, answered in the background, fetched, deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from urllib.parse import quote

import anyio
from anyio import to_thread
from pydantic_core import to_json
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from qa.jobs import (
    Job,
    JobRunner,
    create_job,
    delete_job,
    limits_of,
    list_jobs,
    read_job,
    result_of,
)
from qa.settings import Settings
from qa.web.access import check_manager
from qa.web.failures import RequestError
from qa.web.holder import EngineSource

_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
}
_LOOK = 0.3  # seconds between two looks at a job whose progress is told
_LONGEST_WATCH = 3600  # seconds


class Batches:
    """The endpoints of batches, and the runner that answers them."""

    def __init__(self, source: EngineSource, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._folder = settings.jobs_folder
        self.runner = JobRunner(settings)

    async def create(self, request: Request) -> Response:
        """Take a workbook to be answered: multipart, `file` and if wanted `column`.

        Or the workbook itself as the body, its `name` and `column` in the address.
        """
        check_manager(request, self._settings)
        self._source.current()  # 503 while there is nothing to answer from
        name, column, content = await self._upload(request)
        job = await to_thread.run_sync(
            create_job, self._folder, name, content, column[:200], limits_of(self._settings)
        )
        self.runner.wake()
        return _json(_view(job), 202)

    async def _upload(self, request: Request) -> tuple[str, str, bytes]:
        """Return the name of a file that was sent, the column that was named, and the file."""
        if not request.headers.get("content-type", "").startswith("multipart/"):
            name = request.query_params.get("name", "")
            if not name:
                raise RequestError(
                    422,
                    "name_missing",
                    "the workbook has no name; send POST /v1/batches?name=faq.xlsx with the file "
                    "as the body, or multipart/form-data with `file`",
                )
            column = request.query_params.get("column", "").strip()
            return name, column, await request.body()
        try:
            async with request.form(max_files=1, max_fields=5) as form:
                file = form.get("file")
                if not isinstance(file, UploadFile):
                    raise RequestError(
                        422, "file_missing", "the body has no `file`; send multipart/form-data"
                    )
                said = form.get("column")
                column = said.strip() if isinstance(said, str) else ""
                return file.filename or "", column, await file.read()
        except MultiPartException as error:
            raise RequestError(400, "invalid_form", f"{error.message}; send one file") from None

    async def list(self, request: Request) -> Response:
        """List the batches, the newest first."""
        check_manager(request, self._settings)
        jobs = await to_thread.run_sync(list_jobs, self._folder)
        return _json({"batches": [_view(one) for one in jobs]})

    async def read(self, request: Request, batch_id: str) -> Response:
        """Show how far a batch is."""
        check_manager(request, self._settings)
        return _json(_view(await to_thread.run_sync(read_job, self._folder, batch_id)))

    async def events(self, request: Request, batch_id: str) -> Response:
        """Tell how far a batch is, as server-sent events, until it is done or has failed."""
        check_manager(request, self._settings)
        job = await to_thread.run_sync(read_job, self._folder, batch_id)
        return StreamingResponse(self._watch(job), media_type="text/event-stream")

    async def result(self, request: Request, batch_id: str) -> Response:
        """Return the workbook with its answers."""
        check_manager(request, self._settings)
        job = await to_thread.run_sync(read_job, self._folder, batch_id)
        path = await to_thread.run_sync(result_of, self._folder, job)
        stem = job.name.rpartition(".")[0] or "answers"
        name = quote(f"{stem}-answers{path.suffix}", safe="")
        return FileResponse(
            path,
            media_type=_TYPES[path.suffix],
            headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"},
        )

    async def remove(self, request: Request, batch_id: str) -> Response:
        """Take a batch away with its files."""
        check_manager(request, self._settings)
        return _json(_view(await to_thread.run_sync(delete_job, self._folder, batch_id)))

    async def _watch(self, job: Job) -> AsyncIterator[bytes]:
        last = b""
        for _ in range(int(_LONGEST_WATCH / _LOOK)):
            now = b"event: progress\ndata: %b\n\n" % to_json(_view(job))
            if now != last:
                yield now
            last = now
            if job.state in ("done", "failed"):
                return
            await anyio.sleep(_LOOK)
            job = await to_thread.run_sync(read_job, self._folder, job.id)


def _view(job: Job) -> dict[str, object]:
    return {
        **asdict(job),
        "url": f"/v1/batches/{job.id}",
        "result_url": f"/v1/batches/{job.id}/result" if job.state == "done" else None,
    }


def _json(content: dict[str, object], status: int = 200) -> Response:
    return Response(to_json(content), status_code=status, media_type="application/json")
