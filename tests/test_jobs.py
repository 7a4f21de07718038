"""Workbooks answered in the background: fetched whole, resumed after a kill, or refused."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import Workbook, load_workbook

from qa.engine import Engine
from qa.errors import JobNotFoundError, TooManyJobsError, WorkbookError
from qa.jobs import MOST_WAITING, create_job, list_jobs, read_job, run_waiting
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
    own = replace(settings, index=tmp_path)
    with TestClient(create_app(engine, own), base_url=HERE) as made:
        yield made


def _finished(client: TestClient, batch_id: str) -> dict[str, Any]:
    for _ in range(200):
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
        for number in range(3):
            archive.writestr(f"xl/{number}.xml", b"0" * 600_000_000)
    return made.getvalue()


HOSTILE = [
    ("a.exe", b"MZ", 422),
    ("../../a", b"x", 422),
    ("a.xlsx", b"", 422),
    ("a.xlsx", b"PK\x03\x04broken", 202),
    ("a.xlsx", b"not a workbook", 202),
    ("a.xls", b"\xd0\xcf\x11\xe0" * 40, 202),
    ("a.csv", b"\x00\xff\xfe" * 50, 202),
]


@pytest.mark.parametrize(("name", "content", "status"), HOSTILE)
def test_what_is_no_workbook_fails_with_a_reason(
    client: TestClient, tmp_path: Path, name: str, content: bytes, status: int
) -> None:
    """Refused at once by its name, or failed with a message that names the file as it was sent."""
    made = client.post("/v1/batches", files={"file": (name, content)})
    assert made.status_code == status, made.text
    if status == 202:
        batch = _finished(client, made.json()["id"])
        assert batch["state"] == "failed"
        assert batch["name"].split("/")[-1] in batch["error"]
        assert str(tmp_path) not in batch["error"]
        assert client.get(f"{batch['url']}/result").status_code == 404
    assert {one.name for one in tmp_path.iterdir()} <= {"jobs", "gaps.jsonl"}


def test_a_zip_bomb_is_not_unpacked(engine: Engine, tmp_path: Path) -> None:
    """A workbook that would fill the memory is refused by the sizes that it declares."""
    job = create_job(tmp_path, "bomb.xlsx", _bomb())
    run_waiting(tmp_path, lambda: engine)
    failed = read_job(tmp_path, job.id)
    assert failed.state == "failed"
    assert failed.error.startswith("bomb.xlsx:")


@pytest.mark.parametrize("batch_id", ["x", "..", "../../etc", "a" * 24, "%2e%2e"])
def test_ids_that_are_none_lead_nowhere(client: TestClient, batch_id: str) -> None:
    """Neither a wrong id nor a path is a batch."""
    for path in ("", "/events", "/result"):
        assert client.get(f"/v1/batches/{batch_id}{path}").status_code == 404
    assert client.delete(f"/v1/batches/{batch_id}").status_code == 404


def test_only_so_many_wait(tmp_path: Path) -> None:
    """One more than is taken is refused, with the cure; what is there stays."""
    for _ in range(MOST_WAITING):
        create_job(tmp_path, "a.csv", b"q")
    with pytest.raises(TooManyJobsError, match="try again"):
        create_job(tmp_path, "a.csv", b"q")
    assert len(list_jobs(tmp_path)) == MOST_WAITING
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
run_waiting(Path(sys.argv[1]), lambda: engine)
"""


def test_a_killed_job_is_taken_up_without_a_lost_or_doubled_row(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    """kill -9 midway; the next who looks finishes, reusing what was answered."""
    questions = [f"第{number}个问题：协议定价要公示什么？" for number in range(3000)]
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
    assert 300 <= killed.done < 3000
    started = time.monotonic()
    assert run_waiting(tmp_path, lambda: engine) == 1
    assert time.monotonic() - started < 120
    done = read_job(tmp_path, job.id)
    assert (done.state, done.counts["rows"]) == ("done", 3000)  # type: ignore[index]
    text = (tmp_path / job.id / job.result).read_text("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    assert [row[0] for row in rows] == questions
    assert {row[5] for row in rows} <= {"answered", "closest"}
