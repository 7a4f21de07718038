"""Documents changed over HTTP, by whom it may be, and what people thought of answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import CORPUS
from fastapi.testclient import TestClient

from qa.engine import Engine
from qa.index import build_index
from qa.settings import Settings
from qa.web.app import create_app

HERE = "http://127.0.0.1:8000"
RULE = """某市图书借阅办法

第一条 为了规范本市公共图书馆的图书借阅活动，保障读者平等借阅图书的权利，制定本办法。
第二条 读者每次可以借阅图书十册。
借期为三十日。
第三条 本办法自2024年3月1日起施行。
"""


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Settings of a copy of the bundled corpus, indexed."""
    shutil.copytree(CORPUS, tmp_path / "corpus")
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    build_index(settings, lambda *_: None)
    return settings


@pytest.fixture
def client(own: Settings) -> Iterator[TestClient]:
    """A client on this very machine."""
    with TestClient(create_app(Engine.open(own), own), base_url=HERE) as made:
        yield made


def _file(text: str = RULE, name: str = "借阅办法.txt") -> dict[str, Any]:
    return {"file": (name, text.encode(), "text/plain")}


def test_a_preview_shows_the_clauses_and_keeps_nothing(client: TestClient, own: Settings) -> None:
    """The clauses are those of the text that was sent; corpus and index are as before."""
    before = sorted(path.name for path in (own.corpus / "documents").iterdir())
    reply = client.post("/v1/documents/preview", files=_file()).json()
    assert reply["title"] == "某市图书借阅办法"
    assert [one["label"] for one in reply["clauses"]][-3:] == ["第一条", "第二条", "第三条"]
    assert len(reply["clauses"][-2]["paragraphs"]) == 2
    assert reply["replaces"] is None
    assert sorted(path.name for path in (own.corpus / "documents").iterdir()) == before


def test_a_document_is_added_replaced_and_removed(client: TestClient) -> None:
    """Each change is answered from at once, and the id is free again afterwards."""
    added = client.post("/v1/documents", files=_file(), data={"id": "borrowing"})
    assert added.status_code == 201
    assert added.json()["document"]["effective"] == "2024-03-01"
    asked = {"question": "每次可以借几册图书？"}
    answer = client.post("/v1/ask", json=asked).json()
    assert answer["citations"][0]["quote"] == "读者每次可以借阅图书十册。"
    changed = client.put("/v1/documents/borrowing", files=_file(RULE.replace("十册", "五册")))
    assert changed.status_code == 200
    answer = client.post("/v1/ask", json=asked).json()
    assert answer["citations"][0]["quote"] == "读者每次可以借阅图书五册。"
    again = client.post("/v1/documents/preview", files=_file(), data={"id": "borrowing"}).json()
    assert again["replaces"] == "某市图书借阅办法"
    assert client.delete("/v1/documents/borrowing").status_code == 200
    assert client.get("/v1/documents/borrowing").status_code == 404
    assert client.delete("/v1/documents/borrowing").status_code == 404
    assert client.put("/v1/documents/borrowing", files=_file()).status_code == 404


BAD_FILES = [
    ("x.pdf", b"%PDF-1.7", 422),
    ("x.txt", b"%PDF-1.7", 422),
    ("x.txt", b"", 422),
    ("x.exe", b"MZ", 422),
    ("../../etc/passwd", b"root", 422),
    ("..\\..\\x", b"text", 422),
    (".txt", b"\x00\x01\x02", 422),
]


@pytest.mark.parametrize(("name", "content", "status"), BAD_FILES)
def test_files_that_are_none_are_refused(
    client: TestClient, own: Settings, name: str, content: bytes, status: int
) -> None:
    """The message names the file as sent and no folder of ours; nothing is written."""
    before = sorted(str(path) for path in own.corpus.rglob("*"))
    for path in ("/v1/documents/preview", "/v1/documents"):
        reply = client.post(path, files={"file": (name, content, "text/plain")})
        assert reply.status_code == status, reply.text
        assert "/tmp" not in reply.text
    assert sorted(str(path) for path in own.corpus.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "C:\\evil.txt", "a/b/../evil.txt", "evil.txt\x00"]
)
def test_a_name_with_a_path_stays_in_its_folder(
    client: TestClient, own: Settings, name: str
) -> None:
    """Only the last part of a name counts."""
    reply = client.post("/v1/documents", files={"file": (name, RULE.encode(), "text/plain")})
    assert reply.status_code in (201, 400, 422)
    outside = [
        path for path in own.corpus.parent.rglob("*evil*") if path.parent.name != "documents"
    ]
    assert outside == []


def test_forms_that_are_none_are_refused(client: TestClient) -> None:
    """No file, two files, a wrong day, a wrong id: each a clear 4xx."""
    two = [("file", ("a.txt", b"a")), ("file", ("b.txt", b"b"))]
    assert client.post("/v1/documents", data={"title": "x"}).status_code == 422
    assert client.post("/v1/documents", files=two).status_code == 400
    assert client.post("/v1/documents", content=b"{}").status_code == 422
    late = client.post("/v1/documents", files=_file(), data={"effective": "soon"})
    assert late.status_code == 422
    assert "2026-11-20" in late.json()["error"]["message"]
    wrong = client.post("/v1/documents", files=_file(), data={"id": "Über/…"})
    assert wrong.status_code == 422


STRANGERS = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"host": "evil.example"},
    {"host": "evil.example:8000"},
]


@pytest.mark.parametrize("headers", STRANGERS)
def test_other_sites_pages_may_not_change_documents(
    client: TestClient, headers: dict[str, str]
) -> None:
    """A page of another site, or a name rebound to this machine, gets 403 and changes nothing."""
    assert client.post("/v1/documents", files=_file(), headers=headers).status_code == 403
    assert client.delete("/v1/documents/sti-center-regulations", headers=headers).status_code == 403
    assert client.get("/v1/documents/sti-center-regulations").status_code == 200
    own = {"origin": HERE, "sec-fetch-site": "same-origin"}
    assert client.post("/v1/documents/preview", files=_file(), headers=own).status_code == 200


def test_elsewhere_a_key_is_needed(own: Settings) -> None:
    """On an address that others reach nothing is managed without a key, and only with the right."""
    open_to_all = replace(own, host="0.0.0.0")
    engine = Engine.open(own)
    with TestClient(create_app(engine, open_to_all), base_url="http://office:8000") as client:
        reply = client.post("/v1/documents", files=_file())
        assert reply.status_code == 403
        assert "TIAOWEN_MANAGE_KEY" in reply.json()["error"]["message"]
        assert client.get("/v1/gaps").status_code == 403
        assert client.post("/v1/ask", json={"question": "科创板"}).status_code == 200
    keyed = replace(open_to_all, manage_key="s3cret")
    with TestClient(create_app(engine, keyed), base_url="http://office:8000") as client:
        assert client.get("/v1/gaps").status_code == 401
        wrong = {"authorization": "Bearer s3cre"}
        assert client.get("/v1/gaps", headers=wrong).status_code == 401
        right = {"authorization": "Bearer s3cret"}
        assert client.get("/v1/gaps", headers=right).status_code == 200
        assert client.post("/v1/documents", files=_file(), headers=right).status_code == 201


def test_what_was_not_answered_is_listed_with_what_people_thought(client: TestClient) -> None:
    """Questions about the same are one group; thumbs are counted; comments are kept as text."""
    for question in ("深圳的落户政策是什么？", "深圳的落户政策是啥？", "午饭吃什么？"):
        client.post("/v1/ask", json={"question": question})
    said = {"question": "科创板？", "verdict": "down", "status": "answered", "comment": "<b>错</b>"}
    assert client.post("/v1/feedback", json=said).json() == {"status": "kept"}
    assert client.post("/v1/feedback", json={**said, "verdict": "up"}).status_code == 200
    listed = client.get("/v1/gaps").json()
    assert listed["groups"][0]["count"] == 2
    assert (listed["up"], listed["down"]) == (1, 1)
    assert listed["feedback"][1]["comment"] == "<b>错</b>"
    assert listed["days"][0]["count"] == 3
    for wrong in ({**said, "verdict": "maybe"}, {**said, "question": 5}, {}):
        assert client.post("/v1/feedback", json=wrong).status_code == 422


def test_an_explanation_adds_up(client: TestClient) -> None:
    """What the parts add is the score; the ranks are those of the search."""
    asked = {"question": "How must research institutes publish the price?", "top_k": 5}
    explained = client.post("/v1/explain", json=asked).json()
    found = client.post("/v1/search", json=asked).json()
    assert [one["clause"]["id"] for one in explained["hits"]] == [
        one["clause"]["id"] for one in found["hits"]
    ]
    for hit in explained["hits"]:
        assert sum(part["adds"] for part in hit["parts"]) == pytest.approx(hit["score"], abs=1e-3)
    named = client.post("/v1/explain", json={"question": "条例第二十五条"}).json()
    assert named["hits"][0]["parts"] == []
    assert named["named"] == ["上海市推进科技创新中心建设条例"]


def test_a_stream_ends_with_the_answer(client: TestClient) -> None:
    """Without a language model the one event is the reply itself."""
    asked = {"question": "职务科技成果协议定价要公示什么？"}
    whole = client.post("/v1/ask", json=asked).json()
    text = client.post("/v1/ask", json={**asked, "stream": True}).text
    event, data = text.strip().split("\n")
    assert event == "event: answer"
    assert json.loads(data.removeprefix("data: ")) | {"took_ms": 0} == whole | {"took_ms": 0}


def test_a_new_edition_does_not_keep_translations_of_the_old_words(
    client: TestClient, own: Settings
) -> None:
    """What stood beside a clause that reads otherwise is set aside whole; the rest stays."""
    file = own.corpus / "documents" / "sti-center-regulations.txt"
    text = file.read_text("utf-8")
    assert "拟交易价格" in text
    sent = {"file": ("new.txt", text.replace("拟交易价格", "成交价格").encode())}
    reply = client.put("/v1/documents/sti-center-regulations", files=sent).json()
    assert reply["set_aside"] == ["25"]
    changed = client.get("/v1/clauses/sti-center-regulations%2325").json()
    assert changed["translation"] is None
    assert client.get("/v1/clauses/sti-center-regulations%2326").json()["translation"]
    aside = own.corpus / "translations" / "aside" / "sti-center-regulations.1.toml"
    assert (
        aside.read_bytes() == (CORPUS / "translations" / "sti-center-regulations.toml").read_bytes()
    )
