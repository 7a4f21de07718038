"""Workbooks that are answered in the background: a folder for each, which outlives the process.

A job's folder holds what was sent, `job.json` (how far it is), and the result. Whoever holds the
lock runs it; a job that was running when its process ended is taken up by the next who looks.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from filelock import FileLock, Timeout

from qa.batch import answer_workbook
from qa.engine import Engine
from qa.errors import JobNotFoundError, QAError, TooManyJobsError, WorkbookError
from qa.workbook import SOURCES, TARGETS

State = Literal["queued", "running", "done", "failed"]
FOLDER = "jobs"
MOST_WAITING = 20  # jobs that are not done
MOST_KEPT = 200
DAYS_KEPT = 7
_ID = re.compile(r"[A-Za-z0-9_-]{20,40}")
_NAME = re.compile(r"[^\w.() -]+")
_OFTEN = 0.3  # seconds between two notes of how far a job is


@dataclass(frozen=True, slots=True)
class Job:
    """One workbook: its name as sent, how far it is, and how its rows came out in the end."""

    id: str
    name: str
    state: State
    created: float
    column: str = ""
    done: int = 0
    total: int = 0
    counts: Mapping[str, int] | None = None
    error: str = ""

    @property
    def source(self) -> str:
        """Return the name of the file that was sent, in the folder of the job."""
        return f"source{Path(self.name).suffix.lower()}"

    @property
    def result(self) -> str:
        """Return the name of the file with the answers, in the folder of the job."""
        suffix = Path(self.name).suffix.lower()
        return f"result{suffix if suffix in TARGETS else '.xlsx'}"


def create_job(folder: Path, name: str, content: bytes, column: str = "") -> Job:
    """Keep a workbook to be answered; raises WorkbookError or TooManyJobsError."""
    plain = _plain_name(name)
    if Path(plain).suffix.lower() not in SOURCES:
        raise WorkbookError(
            f"{plain}: not a workbook; send one of {', '.join(SOURCES)} under its own name"
        )
    if not content:
        raise WorkbookError(f"{plain}: is empty; send a workbook with questions")
    jobs = list_jobs(folder)
    if sum(one.state in ("queued", "running") for one in jobs) >= MOST_WAITING:
        raise TooManyJobsError(
            f"{MOST_WAITING} workbooks are waiting already; try again when some are done"
        )
    for old in jobs[MOST_KEPT - 1 :]:
        if old.state in ("done", "failed"):
            delete_job(folder, old.id)
    job = Job(secrets.token_urlsafe(18), plain, "queued", time.time(), column)
    place = folder / job.id
    place.mkdir(parents=True, mode=0o700)
    (place / job.source).write_bytes(content)
    _write(folder, job)
    return job


def list_jobs(folder: Path) -> list[Job]:
    """Return every job, the newest first."""
    places = folder.iterdir() if folder.is_dir() else iter(())
    found = [job for place in places if _ID.fullmatch(place.name) for job in _read(place)]
    return sorted(found, key=lambda one: -one.created)


def read_job(folder: Path, job_id: str) -> Job:
    """Return a job; raises JobNotFoundError."""
    found = _read(folder / job_id) if _ID.fullmatch(job_id) else []
    if not found:
        raise JobNotFoundError(f"there is no batch {job_id[:60]!r}; `/v1/batches` lists them")
    return found[0]


def result_of(folder: Path, job: Job) -> Path:
    """Return the file with a job's answers; raises JobNotFoundError while there is none."""
    path = folder / job.id / job.result
    if job.state != "done" or not path.is_file():
        why = job.error or f"{job.done} of {job.total} rows are answered"
        raise JobNotFoundError(f"batch {job.id} has no result: {why}")
    return path


def delete_job(folder: Path, job_id: str) -> Job:
    """Take a job away with its files, also while it runs; raises JobNotFoundError."""
    job = read_job(folder, job_id)
    shutil.rmtree(folder / job.id, ignore_errors=True)
    return job


def run_waiting(folder: Path, current: Callable[[], Engine]) -> int:
    """Run every job that waits, or that nobody runs any more; return how many were run."""
    count = 0
    for job in reversed(list_jobs(folder)):
        if job.state in ("queued", "running"):
            count += _run(folder, job, current)
        elif time.time() - job.created > DAYS_KEPT * 86_400:
            delete_job(folder, job.id)
    return count


class JobRunner:
    """A thread that runs what waits, as long as the service is up."""

    def __init__(self, folder: Path, current: Callable[[], Engine], interval: float = 1.0) -> None:
        """Look into a folder every so many seconds; `wake` makes it look at once."""
        self._folder = folder
        self._current = current
        self._interval = interval
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="tiaowen-jobs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def stop(self) -> None:
        """Look no more; a job that is under way is taken up at the next start."""
        self._stopping = True
        self._wake.set()

    def _work(self) -> None:
        while not self._stopping:
            self._wake.clear()
            if self._folder.is_dir():
                run_waiting(self._folder, self._current)
            self._wake.wait(self._interval)


def _run(folder: Path, job: Job, current: Callable[[], Engine]) -> bool:
    """Run one job unless somebody else does; what goes wrong is kept as its error."""
    place = folder / job.id
    try:
        lock = FileLock(place / "lock", timeout=0)
        lock.acquire()
    except (Timeout, OSError):
        return False
    with lock:
        try:
            job = read_job(folder, job.id)
            if job.state not in ("queued", "running"):
                return False
            job = replace(job, state="running", error="")
            _write(folder, job)
            noted = [0.0]

            def progress(done: int, total: int) -> None:
                now = time.monotonic()
                if done == total or now - noted[0] > _OFTEN:
                    noted[0] = now
                    _write(folder, replace(job, done=done, total=total))

            report = answer_workbook(
                current(),
                place / job.source,
                place / job.result,
                question_column=job.column,
                progress=progress,
                name=job.name,
            )
        except JobNotFoundError:  # deleted while it ran
            shutil.rmtree(place, ignore_errors=True)
        except (QAError, OSError) as error:
            if place.is_dir():
                _write(folder, replace(job, state="failed", error=str(error)))
        else:
            counts = {
                **{name: getattr(report, name) for name in ("answered", "closest", "no_basis")},
                **{"empty": report.empty, "failed": len(report.failed), "rows": report.rows},
            }
            total = report.rows - report.empty
            _write(folder, replace(job, state="done", done=total, total=total, counts=counts))
    return True


def _plain_name(sent: str) -> str:
    """Return the last part of a name that a stranger sent, without signs of paths and controls."""
    last = PurePosixPath(PureWindowsPath(sent).name).name
    return _NAME.sub("_", last).lstrip(".")[-120:] or "workbook"


def _read(place: Path) -> list[Job]:
    try:
        return [Job(**json.loads((place / "job.json").read_text("utf-8")))]
    except (OSError, ValueError, TypeError):
        return []


def _write(folder: Path, job: Job) -> None:
    """Write how far a job is; raises JobNotFoundError where it has been deleted meanwhile."""
    place = folder / job.id
    partial = place / f"job.{os.getpid()}.{threading.get_ident()}.partial"
    try:
        partial.write_text(json.dumps(asdict(job), ensure_ascii=False), "utf-8")
        os.replace(partial, place / "job.json")
    except FileNotFoundError as error:
        raise JobNotFoundError(f"batch {job.id} has been deleted") from error
