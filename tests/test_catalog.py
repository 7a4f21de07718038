"""Documents go in and out of the corpus; what is wrong is said with place and cure."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest
from conftest import CORPUS

from qa.catalog import add_document, load_documents, remove_document
from qa.clauses import split_clauses
from qa.documents import id_of, read_document_file, title_of
from qa.enrichment import load_enrichment
from qa.errors import CorpusError, DocumentNotFoundError

RULE = "某市数据条例\n第一条 为了规范数据，制定本条例。\n第二条 本条例自2024年3月1日起施行。\n"


def test_bundled_documents_have_the_agreed_ids() -> None:
    """The ids that other programs rely on, in the order of the catalog."""
    assert [document.id for document in load_documents(CORPUS)] == [
        "sti-center-regulations",
        "tech-transfer-action-plan",
        "sti-center-report-2017",
        "sti-center-strategy",
        "sti-center-opinions",
    ]


@pytest.mark.parametrize("key", ["issued", "effective"])
def test_dates_of_the_catalog_stand_in_the_documents(key: str) -> None:
    """Each date that the catalog gives is printed in the document itself."""
    for document in load_documents(CORPUS):
        day = getattr(document, key)
        if day is not None:
            assert f"{day.year}年{day.month}月{day.day}日" in document.text


def test_enrichment_belongs_to_clauses() -> None:
    """Each clause of the five documents has a translation and questions, and nothing else has."""
    ids = {
        clause.id
        for document in load_documents(CORPUS)
        for clause in split_clauses(document)
        if clause.paragraphs
    }
    enrichment = load_enrichment(CORPUS)
    assert set(enrichment) == ids
    assert all(one.translation and len(one.questions) >= 6 for one in enrichment.values())


def test_add_then_remove_leaves_the_corpus_as_it_was(tmp_path: Path) -> None:
    """`add` copies the file and reads title and date from it; `remove` takes both out."""
    corpus = tmp_path / "corpus"
    file = tmp_path / "rule.txt"
    file.write_text(RULE, "utf-8")
    added = add_document(corpus, file)
    assert (added.id, added.title, added.effective) == ("rule", "某市数据条例", date(2024, 3, 1))
    assert [document.id for document in load_documents(corpus)] == ["rule"]
    assert remove_document(corpus, "rule").id == "rule"
    assert load_documents(corpus) == []
    assert not list((corpus / "documents").iterdir())


def test_comments_of_the_catalog_survive_an_addition(tmp_path: Path) -> None:
    """A catalog written by hand keeps its comments and its other entries."""
    corpus = tmp_path / "corpus"
    file = tmp_path / "rule.txt"
    file.write_text(RULE, "utf-8")
    add_document(corpus, file)
    catalog = corpus / "catalog.toml"
    catalog.write_text("# ours\n" + catalog.read_text("utf-8"), "utf-8")
    add_document(corpus, file, document_id="second", title="另一条例")
    assert catalog.read_text("utf-8").startswith("# ours")
    entries = tomllib.loads(catalog.read_text("utf-8"))["document"]
    assert [(entry["id"], entry["title"]) for entry in entries] == [
        ("rule", "某市数据条例"),
        ("second", "另一条例"),
    ]


def test_the_same_id_replaces_the_text(tmp_path: Path) -> None:
    """Adding under an id that is there replaces the document and keeps one entry."""
    corpus = tmp_path / "corpus"
    file = tmp_path / "rule.txt"
    file.write_text(RULE, "utf-8")
    add_document(corpus, file)
    file.write_text(RULE.replace("规范", "保护"), "utf-8")
    assert "保护数据" in add_document(corpus, file).text
    assert len(load_documents(corpus)) == 1


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", b"%PDF-1.7 ...", "is a PDF"),
        ("a.txt", b"PK\x03\x04....", "ZIP"),
        ("a.txt", b"", "no text"),
        ("a.txt", b"\x00\x01\x02\x03" * 20, "not text"),
        ("a.pdf", b"%PDF-1.7", "cannot be opened as a PDF"),
        ("a.ppt", b"text", ".ppt is not read"),
        ("a", b"text", "no suffix is not read"),
    ],
)
def test_files_that_are_not_what_their_name_says(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    """The error names the file and says what it is."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CorpusError, match=said) as caught:
        read_document_file(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "big5"])
def test_encodings_found_in_offices(tmp_path: Path, encoding: str) -> None:
    """UTF-8 with or without a mark, GB18030, UTF-16 and Big5 give the same text."""
    text = (
        "第一條 為了規範數據，制定本條例。\n第二條 本條例自公布之日起施行，由市政府負責解釋。\n" * 3
    )
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert read_document_file(tmp_path / "a.txt").text.startswith("第一條 為了規範數據")


@pytest.mark.parametrize(
    ("catalog", "said"),
    [
        ("[[document]\n", "mend that line"),
        ('[[document]]\nid = "a"\ntitle = "t"\n', "no file"),
        ('[[document]]\nid = "A B"\nfile = "a.txt"\ntitle = "t"\n', "only a-z"),
        ('[[document]]\nid = "a"\nfile = "../../x.txt"\ntitle = "t"\n', "outside"),
        ('[[document]]\nid = "a"\nfile = "gone.txt"\ntitle = "t"\n', "check the name"),
        (
            '[[document]]\nid = "a"\nfile = "a.txt"\ntitle = "t"\nissued = "2020"\n',
            "must be a date",
        ),
        ('[[document]]\nid = 3\nfile = "a.txt"\ntitle = "t"\n', "must be text"),
        ('document = "a"\n', "must be written"),
    ],
)
def test_a_broken_catalog_is_said_with_its_cure(tmp_path: Path, catalog: str, said: str) -> None:
    """Every fault of a catalog is one clear error."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text(RULE, "utf-8")
    (tmp_path / "catalog.toml").write_text(catalog, "utf-8")
    with pytest.raises(CorpusError, match=said):
        load_documents(tmp_path)


def test_removing_what_is_not_there_lists_what_is(tmp_path: Path) -> None:
    """The error names the ids that there are."""
    file = tmp_path / "rule.txt"
    file.write_text(RULE, "utf-8")
    add_document(tmp_path / "corpus", file)
    with pytest.raises(DocumentNotFoundError, match="it has rule"):
        remove_document(tmp_path / "corpus", "nope")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("某部门文件\n上海市数据条例\n（2021年通过）", "上海市数据条例"),
        ("关于印发《某办法》的通知\n各单位：", "关于印发《某办法》的通知"),
        ("没有题目的一段话。", "没有题目的一段话。"),
    ],
)
def test_title_of(text: str, title: str) -> None:
    """The first line that ends as titles do, else the first line."""
    assert title_of(text) == title


def test_id_of_a_chinese_file_name_is_stable_and_plain() -> None:
    """An id holds only a-z, 0-9 and -, and differs between names."""
    assert id_of("My Rules 2024") == "my-rules-2024"
    assert id_of("条例") == id_of("条例") != id_of("办法")
    assert id_of("条例").isascii()
