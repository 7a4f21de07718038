"""Workbooks answered in the background: fetched whole, resumed after a kill, or refused."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from fastapi.testclient import TestClient
from openpyxl import Workbook, load_workbook

from qa.engine import Engine
from qa.errors import JobNotFoundError, JobUnfinishedError, TooManyJobsError, WorkbookError
from qa.jobs import (
    Limits,
    create_job,
    list_jobs,
    read_job,
    remove_old,
    result_of,
    run_waiting,
)
from qa.settings import Settings
from qa.web.app import create_app

HERE = "http://127.0.0.1:8000"
QUESTIONS = ["协议定价要公示什么？", "", "今天天气怎么样？", "Who sets up the fund?"]


def _workbook(questions: list[str]) -> bytes:
    book = Workbook()
    book.active.append(["问题"])
    for one in questions:
        book.active.append([one])
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


@pytest.fixture
def client(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[TestClient]:
    """A client of a service whose jobs have a folder of their own."""
    own = replace(settings, jobs=tmp_path / "jobs")
    with TestClient(create_app(engine, own), base_url=HERE) as made:
        yield made


def _finished(client: TestClient, batch_id: str) -> dict[str, Any]:
    for _ in range(1200):
        batch = client.get(f"/v1/batches/{batch_id}").json()
        if batch["state"] in ("done", "failed"):
            return dict(batch)
        time.sleep(0.05)
    raise AssertionError("it does not end")


def test_a_workbook_comes_back_with_its_answers(client: TestClient) -> None:
    """Every row is there; the name is that of the file sent; events end when it is done."""
    sent = {"file": ("咨询.xlsx", _workbook(QUESTIONS))}
    made = client.post("/v1/batches", files=sent)
    assert made.status_code == 202
    batch = _finished(client, made.json()["id"])
    assert batch["state"] == "done"
    assert batch["counts"]["rows"] == 4
    assert (batch["counts"]["answered"], batch["counts"]["empty"]) == (2, 1)
    events = client.get(f"{batch['url']}/events").text
    assert json.loads(events.strip().split("data: ")[-1])["state"] == "done"
    result = client.get(batch["result_url"])
    assert "%E5%92%A8%E8%AF%A2-answers.xlsx" in result.headers["content-disposition"]
    rows = list(load_workbook(io.BytesIO(result.content)).active.values)
    assert [row[0] or "" for row in rows[1:]] == QUESTIONS
    assert "拟交易价格" in rows[1][1]
    assert client.get("/v1/batches").json()["batches"][0]["id"] == batch["id"]
    assert client.delete(batch["url"]).status_code == 200
    assert client.get(batch["url"]).status_code == 404


def test_a_table_comes_back_as_one(client: TestClient) -> None:
    """A .csv stays a .csv, and a named column is taken."""
    table = "甲,乙\n1,协议定价要公示什么？\n".encode("gb18030")
    sent = client.post("/v1/batches", files={"file": ("t.csv", table)}, data={"column": "乙"})
    batch = _finished(client, sent.json()["id"])
    text = client.get(batch["result_url"]).content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[1][1] == "协议定价要公示什么？"
    assert "拟交易价格" in rows[1][2]


def _bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<x/>")
        for number in range(3):
            archive.writestr(f"xl/{number}.xml", b"0" * 600_000_000)
    return made.getvalue()


HOSTILE = [
    ("a.exe", b"MZ", 422),
    ("../../a", b"x", 422),
    ("a.xlsx", b"", 422),
    ("a.xlsx", b"PK\x03\x04broken", 422),
    ("a.xlsx", b"not a workbook", 422),
    ("a.xls", b"\xd0\xcf\x11\xe0" * 40, 422),
    ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 40, 202),
    ("a.csv", b"\x00\xff\xfe" * 50, 422),
    ("a.csv", b"1,2\n3,4\n", 202),
]


@pytest.mark.parametrize(("name", "content", "status"), HOSTILE)
def test_what_is_no_workbook_fails_with_a_reason(
    client: TestClient, tmp_path: Path, name: str, content: bytes, status: int
) -> None:
    """Refused at once by its name, or failed with a message that names the file as it was sent."""
    made = client.post("/v1/batches", files={"file": (name, content)})
    assert made.status_code == status, made.text
    assert str(tmp_path) not in made.text
    if status == 202:
        batch = _finished(client, made.json()["id"])
        assert batch["state"] == "failed"
        assert batch["name"].split("/")[-1] in batch["error"]
        assert str(tmp_path) not in batch["error"]
        assert client.get(f"{batch['url']}/result").status_code == 409
    assert {one.name for one in tmp_path.iterdir()} <= {"jobs"}


def _lying_bomb() -> bytes:
    """A workbook of which a part says that it is ten bytes and unpacks to sixty million."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<x/>")
        archive.writestr("xl/sharedStrings.xml", b"0" * 60_000_000)
    raw = made.getvalue()
    said, size = (60_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    assert raw.count(said) == 2
    return raw.replace(said, size)


@pytest.mark.parametrize("bomb", [_bomb, _lying_bomb])
def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, bomb: Callable[[], bytes]) -> None:
    """A workbook that would fill the memory is refused as it arrives, and leaves nothing."""
    with pytest.raises(WorkbookError, match=r"^bomb\.xlsx: unpacks to more"):
        create_job(tmp_path, "bomb.xlsx", bomb())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("batch_id", ["x", "..", "../../etc", "a" * 24, "%2e%2e"])
def test_ids_that_are_none_lead_nowhere(client: TestClient, batch_id: str) -> None:
    """Neither a wrong id nor a path is a batch."""
    for path in ("", "/events", "/result"):
        assert client.get(f"/v1/batches/{batch_id}{path}").status_code == 404
    assert client.delete(f"/v1/batches/{batch_id}").status_code == 404


def test_only_so_many_wait(tmp_path: Path) -> None:
    """One more than is taken is refused, with the cure; what is there stays."""
    few = Limits(waiting=3)
    for _ in range(3):
        create_job(tmp_path, "a.csv", b"q", limits=few)
    with pytest.raises(TooManyJobsError, match="try again"):
        create_job(tmp_path, "a.csv", b"q", limits=few)
    assert len(list_jobs(tmp_path)) == 3
    with pytest.raises(WorkbookError, match=r"\.xlsx"):
        create_job(tmp_path, "a.pdf", b"q")
    with pytest.raises(JobNotFoundError):
        read_job(tmp_path, "../" + list_jobs(tmp_path)[0].id)


def test_another_site_may_not_send_one(client: TestClient) -> None:
    """A page of another site gets 403."""
    sent = {"file": ("a.csv", b"q")}
    reply = client.post("/v1/batches", files=sent, headers={"origin": "https://evil.example"})
    assert reply.status_code == 403
    assert client.get("/v1/batches", headers={"host": "evil.example"}).status_code == 403


RUN = """
import os, sys
from pathlib import Path
from qa.engine import Engine
from qa.jobs import run_waiting
from qa.settings import Settings
engine = Engine.open(Settings.from_env(os.environ))
print("ready", flush=True)
run_waiting(Path(sys.argv[1]), lambda: engine, workers=2)
"""


def test_a_killed_job_is_taken_up_without_a_lost_or_doubled_row(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    """kill -9 while two processes answer; the next finishes, reusing what was answered."""
    questions = [f"第{number}个问题：协议定价要公示什么？" for number in range(1500)]
    job = create_job(tmp_path, "big.csv", ("问题\n" + "\n".join(questions)).encode())
    environ = {
        **os.environ,
        "TIAOWEN_CORPUS": str(settings.corpus),
        "TIAOWEN_INDEX": str(settings.index),
    }
    process = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], env=environ)
    try:
        while read_job(tmp_path, job.id).done < 300:
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = read_job(tmp_path, job.id)
    assert killed.state == "running"
    assert 300 <= killed.done < 1500
    started = time.monotonic()
    assert run_waiting(tmp_path, lambda: engine) == 1
    assert time.monotonic() - started < 120
    done = read_job(tmp_path, job.id)
    assert (done.state, done.counts["rows"]) == ("done", 1500)  # type: ignore[index]
    text = (tmp_path / job.id / job.result).read_text("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    assert [row[0] for row in rows] == questions
    assert {row[5] for row in rows} <= {"answered", "closest"}


def test_a_workbook_may_be_the_body_itself(client: TestClient) -> None:
    """Sent raw, its name stands in the address; without one the cure is told."""
    sent = client.post(
        "/v1/batches?name=../t.csv&column=B", content="甲,乙\n1,协议定价要公示什么？\n".encode()
    )
    assert (sent.status_code, sent.json()["name"]) == (202, "t.csv")
    batch = _finished(client, sent.json()["id"])
    assert batch["counts"]["answered"] == 1
    result = client.get(batch["result_url"])
    assert result.headers["content-type"] == "text/csv; charset=utf-8"
    nameless = client.post("/v1/batches", content=b"q")
    assert nameless.status_code == 422
    assert "?name=" in nameless.json()["error"]["message"]


def test_a_result_is_not_there_before_its_time(tmp_path: Path) -> None:
    """A job that waits has no result, and the message says how far it is."""
    job = create_job(tmp_path, "a.csv", b"q")
    with pytest.raises(JobUnfinishedError, match="0 of 0 rows"):
        result_of(tmp_path, job)


def test_finished_jobs_are_taken_away(engine: Engine, tmp_path: Path) -> None:
    """Those that are too old go, and those more than are kept; what waits stays."""
    jobs = [create_job(tmp_path, f"{n}.csv", "问题\n协议定价？\n".encode()) for n in range(3)]
    assert run_waiting(tmp_path, lambda: engine) == 3
    waiting = create_job(tmp_path, "3.csv", b"q")
    remove_old(tmp_path, Limits(kept=3))
    assert {one.name for one in list_jobs(tmp_path)} == {"1.csv", "2.csv", "3.csv"}
    file = tmp_path / jobs[1].id / "job.json"
    file.write_text(
        json.dumps({**json.loads(file.read_text()), "created": time.time() - 8 * 86_400})
    )
    remove_old(tmp_path, Limits(days=7))
    assert {one.name for one in list_jobs(tmp_path)} == {"2.csv", "3.csv"}
    assert read_job(tmp_path, waiting.id).state == "queued"


def test_a_job_that_always_kills_its_process_fails(engine: Engine, tmp_path: Path) -> None:
    """After three attempts that got nowhere it is not tried again, and says so."""
    job = create_job(tmp_path, "a.csv", "问题\n协议定价？\n".encode())
    file = tmp_path / job.id / "job.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "state": "running", "attempts": 3}))
    run_waiting(tmp_path, lambda: engine)
    failed = read_job(tmp_path, job.id)
    assert (failed.state, "3 times" in failed.error) == ("failed", True)


def test_two_processes_do_not_run_the_same_job(settings: Settings, tmp_path: Path) -> None:
    """Of two that start at once one answers all and the other ends without an answer."""
    questions = [f"第{number}个问题：协议定价要公示什么？" for number in range(400)]
    job = create_job(tmp_path, "a.csv", ("问题\n" + "\n".join(questions)).encode())
    code = (
        "import os; from qa.jobs import work; from qa.settings import Settings;"
        "print(work(Settings.from_env(os.environ)))"
    )
    environ = {**os.environ, **replace(settings, jobs=tmp_path).to_env()}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    assert sorted(int(one.communicate(timeout=120)[0]) for one in both) == [0, 1]
    assert read_job(tmp_path, job.id).state == "done"


def _serve(environ: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "qa", "serve", "--port", str(port)], env=environ, cwd=ROOT
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _get(port: int, path: str) -> bytes:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as reply:
                return bytes(reply.read())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("the service does not answer")


def test_a_batch_outlives_the_service(settings: Settings, tmp_path: Path) -> None:
    """The service, two workers of it, is stopped midway; started again, it finishes the batch."""
    questions = [f"第{number}个问题：协议定价要公示什么？" for number in range(2500)]
    port = _free_port()
    environ = {**os.environ, **replace(settings, jobs=tmp_path, workers=2).to_env()}
    first = _serve(environ, port)
    try:
        _get(port, "/readyz")
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/batches?name=a.csv",
            ("问题\n" + "\n".join(questions)).encode(),
            {"content-type": "text/csv"},
        )
        with urllib.request.urlopen(request) as reply:
            job_id = json.load(reply)["id"]
        while read_job(tmp_path, job_id).done < 100:
            time.sleep(0.02)
    finally:
        first.terminate()
        first.wait()
    stopped = read_job(tmp_path, job_id)
    assert stopped.state == "running"
    second = _serve(environ, port)
    try:
        events = _get(port, f"/v1/batches/{job_id}/events").decode()
        assert json.loads(events.strip().split("data: ")[-1])["state"] == "done"
        result = _get(port, f"/v1/batches/{job_id}/result").decode("utf-8-sig")
    finally:
        second.terminate()
        second.wait()
    rows = list(csv.reader(io.StringIO(result)))[1:]
    assert [row[0] for row in rows] == questions
    assert {row[5] for row in rows} <= {"answered", "closest"}
