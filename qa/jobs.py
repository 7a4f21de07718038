"""Workbooks that are answered in the background: a folder for each, which outlives the process.

A job's folder holds what was sent, `job.json` (how far it is), and the result. A process of its
own answers them one by one, whoever holds the lock of the folder; a job that was running when its
process ended is taken up by the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from filelock import FileLock, Timeout

from qa.batch import answer_workbook
from qa.engine import Engine
from qa.errors import JobNotFoundError, JobUnfinishedError, QAError, TooManyJobsError, WorkbookError
from qa.settings import Settings
from qa.workbook import SOURCES, TARGETS, check_upload

State = Literal["queued", "running", "done", "failed"]
LOCK = "work.lock"
MOST_ATTEMPTS = 3  # to get further with one job
_NICE = 5  # so that questions of people come first
_ID = re.compile(r"[A-Za-z0-9_-]{20,40}")
_NAME = re.compile(r"[^\w.() -]+")
_LONGEST_STOP = 5.0  # seconds
_CLEAN_EVERY = 600.0
_OFTEN = 0.3  # seconds between two notes of how far a job is


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs may wait, how many are kept, and for how many days."""

    waiting: int = 20
    kept: int = 200
    days: int = 7


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
    attempts: int = 0  # since it last got further

    @property
    def source(self) -> str:
        """Return the name of the file that was sent, in the folder of the job."""
        return f"source{Path(self.name).suffix.lower()}"

    @property
    def result(self) -> str:
        """Return the name of the file with the answers, in the folder of the job."""
        suffix = Path(self.name).suffix.lower()
        return f"result{suffix if suffix in TARGETS else '.xlsx'}"


def create_job(
    folder: Path, name: str, content: bytes, column: str = "", limits: Limits | None = None
) -> Job:
    """Keep a workbook to be answered; raises WorkbookError or TooManyJobsError."""
    plain = _plain_name(name)
    if Path(plain).suffix.lower() not in SOURCES:
        raise WorkbookError(
            f"{plain}: not a workbook; send one of {', '.join(SOURCES)} under its own name"
        )
    if not content:
        raise WorkbookError(f"{plain}: is empty; send a workbook with questions")
    limits = limits or Limits()
    jobs = list_jobs(folder)
    if sum(one.state in ("queued", "running") for one in jobs) >= limits.waiting:
        raise TooManyJobsError(
            f"{limits.waiting} workbooks are waiting already; try again when some are done"
        )
    remove_old(folder, replace(limits, kept=max(limits.kept - 1, 0)))
    job = Job(secrets.token_urlsafe(18), plain, "queued", time.time(), column)
    place = folder / job.id
    place.mkdir(parents=True, mode=0o700)
    source = place / job.source
    try:
        source.write_bytes(content)
        check_upload(source)
    except WorkbookError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise WorkbookError(str(error).replace(str(source), plain)) from error
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
    """Return the file with a job's answers; raises JobUnfinishedError while there is none."""
    path = folder / job.id / job.result
    if job.state != "done" or not path.is_file():
        why = job.error or f"{job.done} of {job.total} rows are answered"
        raise JobUnfinishedError(f"batch {job.id} has no result: {why}")
    return path


def delete_job(folder: Path, job_id: str) -> Job:
    """Take a job away with its files, also while it runs; raises JobNotFoundError."""
    job = read_job(folder, job_id)
    shutil.rmtree(folder / job.id, ignore_errors=True)
    return job


def remove_old(folder: Path, limits: Limits) -> None:
    """Take away finished jobs that are too old, or more than are kept."""
    for place, job in enumerate(list_jobs(folder)):
        old = time.time() - job.created > limits.days * 86_400
        if job.state in ("done", "failed") and (old or place >= limits.kept):
            with contextlib.suppress(JobNotFoundError):  # another process was first
                delete_job(folder, job.id)


def run_waiting(folder: Path, current: Callable[[], Engine], workers: int = 1) -> int:
    """Run every job that waits, or that nobody runs any more; return how many were run."""
    waiting = [job for job in list_jobs(folder) if job.state in ("queued", "running")]
    return sum(_run(folder, job, current, workers) for job in reversed(waiting))


def work(settings: Settings) -> int:
    """Run what waits until nothing does, unless another process is at it; return how many."""
    folder = settings.jobs_folder
    engines: list[Engine] = []

    def current() -> Engine:
        if not engines:
            engines.append(Engine.open(settings))
        engines[0].refresh()
        return engines[0]

    count = 0
    if folder.is_dir():
        with contextlib.suppress(Timeout), FileLock(folder / LOCK, timeout=0):
            if hasattr(os, "nice"):
                os.nice(_NICE)
            workers = settings.workers or min(2, os.cpu_count() or 1)
            while run := run_waiting(folder, current, workers):
                count += run
    return count


class JobRunner:
    """Keeps a process at work while jobs wait, as long as the service is up.

    A process of its own: a hostile workbook cannot bring down the service, and it can be forked.
    """

    def __init__(self, settings: Settings, interval: float = 1.0) -> None:
        """Look into the folder every so many seconds; `wake` makes it look at once."""
        self._settings = settings
        self._folder = settings.jobs_folder
        self._interval = interval
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._look, name="tiaowen-jobs", daemon=True)

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
        if self._thread.is_alive():
            self._thread.join(timeout=_LONGEST_STOP)

    def _look(self) -> None:
        process: subprocess.Popen[bytes] | None = None
        cleaned = 0.0
        while not self._stopping:
            self._wake.clear()
            if time.monotonic() - cleaned > _CLEAN_EVERY or not cleaned:
                remove_old(self._folder, limits_of(self._settings))
                cleaned = time.monotonic()
            if (process is None or process.poll() is not None) and self._has_work():
                process = subprocess.Popen(
                    [sys.executable, "-m", "qa", "work"],
                    env={**os.environ, **self._settings.to_env()},
                    stdin=subprocess.DEVNULL,
                )
            self._wake.wait(self._interval)
        if process is not None:
            process.terminate()
            process.wait()

    def _has_work(self) -> bool:
        """Return whether a job waits and no process is at work."""
        if not any(job.state in ("queued", "running") for job in list_jobs(self._folder)):
            return False
        try:
            with FileLock(self._folder / LOCK, timeout=0):
                return True
        except (Timeout, OSError):
            return False


def limits_of(settings: Settings) -> Limits:
    """Return the limits that settings set."""
    return Limits(settings.jobs_waiting, settings.jobs_kept, settings.jobs_days)


def _run(folder: Path, job: Job, current: Callable[[], Engine], workers: int) -> bool:
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
            if job.attempts >= MOST_ATTEMPTS:
                raise WorkbookError(
                    f"{job.name}: the process that answers it ended {job.attempts} times; "
                    "split the workbook and send the parts"
                )
            job = replace(job, state="running", error="", attempts=job.attempts + 1)
            _write(folder, job)
            noted = [0.0]

            def progress(done: int, total: int) -> None:
                now = time.monotonic()
                if done == total or now - noted[0] > _OFTEN:
                    noted[0] = now
                    further = 0 if done > job.done else job.attempts
                    _write(folder, replace(job, done=done, total=total, attempts=further))

            report = answer_workbook(
                current(),
                place / job.source,
                place / job.result,
                question_column=job.column,
                progress=progress,
                name=job.name,
                workers=workers,
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
