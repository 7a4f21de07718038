"""Builds: from documents to a snapshot, and again when some of them have changed."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa.encoder import EMBEDDED_FOLDER
from qa.index import BuildReport, build_index, build_snapshot
from qa.models import Clause, Document, Paragraph
from qa.settings import Settings
from qa.snapshots import FILES, current_id, read_snapshot
from qa.text import normalise

Progress = Callable[[str, int, int], None]


def quiet(stage: str, done: int, total: int) -> None:
    """Hear of progress, and do nothing."""


class HashingEncoder:
    """Sums a random vector for each character; remembers the texts it was asked for."""

    name = "hashing"
    dimensions = 32

    def __init__(self, fingerprint: str = "h1") -> None:
        self.fingerprint = fingerprint
        self.texts: list[str] = []

    def encode_clauses(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += texts
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for character in self.fingerprint + text:
                seed = int.from_bytes(hashlib.md5(character.encode()).digest()[:4], "big")
                rows[row] += np.random.default_rng(seed).standard_normal(self.dimensions)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def token_ids(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [np.array([ord(one) for one in text], np.int32) for text in texts]

    def token_vectors(self, ids: np.ndarray) -> np.ndarray:
        return np.ones((len(ids), self.dimensions), np.float32)


def make(name: str, clauses: Sequence[str]) -> tuple[Document, list[Clause]]:
    """Return a document of clauses, given as paragraphs with a slash between them."""
    text, made = "", []
    for number, body in enumerate(clauses, 1):
        label = f"第{number}条"
        start = len(text)
        text += f"{label} "
        paragraphs = []
        for place, part in enumerate(filter(None, body.split("/")), 1):
            paragraphs.append(Paragraph(place, part, len(text), len(text) + len(part)))
            text += part + "\n"
        end = len(text) - 1
        span = (text[start:end], start, end)
        made.append(
            Clause(name, str(number), label, *span, path=("第一章",), paragraphs=tuple(paragraphs))
        )
        text += "\n"
    return Document(id=name, title=f"《{name}》", text=text), made


def build(
    index: Path,
    corpus: dict[str, list[str]],
    encoder: HashingEncoder,
    progress: Progress = quiet,
) -> BuildReport:
    pairs = [make(name, clauses) for name, clauses in corpus.items()]
    documents = [document for document, _ in pairs]
    return build_snapshot(index, documents, [c for _, cs in pairs for c in cs], encoder, progress)


CORPUS = {"a": ["支持企业。", "可以奖励。/应当公开。", ""], "b": ["支持企业。", "專利權Ｘ。"]}


def test_rows_of_a_build(tmp_path: Path) -> None:
    """A unit for each clause, one for each paragraph where there are several, none for a heading.

    Encoded are title, path, label and text, each once, in one spelling.
    """
    encoder = HashingEncoder()
    report = build(tmp_path, CORPUS, encoder)
    found = read_snapshot(tmp_path, "h1")
    assert found.units.tolist() == [[0, 0], [1, 0], [1, 1], [1, 2], [3, 0], [4, 0]]
    assert encoder.texts == [
        "《a》 第1条 支持企业。",
        "《a》 第2条 可以奖励。\n应当公开。",
        "《a》 可以奖励。",
        "《a》 应当公开。",
        "《b》 第1条 支持企业。",
        "《b》 第2条 专利权x。",
    ]
    expected = HashingEncoder().encode_clauses(encoder.texts)
    assert found.vector_index.vectors() == pytest.approx(expected, abs=2**-11)
    assert found.keyword_index.search(["a", "企业", "专利权"], 9)[0][0].tolist() == []
    assert found.keyword_index.search(["企业"], 9)[0][0].tolist() == [0, 3]
    assert sorted(found.keyword_index.search(["第一章"], 9)[0][0].tolist()) == [0, 1, 3, 4]
    assert report == BuildReport(current_id(tmp_path), 2, 5, 6, 6, 0, report.seconds)


def test_a_label_that_is_not_in_the_text(tmp_path: Path) -> None:
    """A label that the text does not begin with is among the words, not in the vector."""
    document = Document(id="a", title="办法", text="支持企业。")
    paragraph = Paragraph(1, "支持企业。", 0, 5)
    clause = Clause("a", "front", "前言", "支持企业。", 0, 5, paragraphs=(paragraph,))
    encoder = HashingEncoder()
    build_snapshot(tmp_path, [document], [clause], encoder, quiet)
    assert encoder.texts == ["办法 支持企业。"]
    assert len(read_snapshot(tmp_path, "h1").keyword_index.search(["前言"], 9)[0][0]) == 1


def test_nothing_has_changed(tmp_path: Path) -> None:
    """A second build of the same corpus embeds nothing and keeps the snapshot."""
    first = build(tmp_path, CORPUS, HashingEncoder())
    encoder = HashingEncoder()
    second = build(tmp_path, CORPUS, encoder)
    assert second.snapshot == first.snapshot
    assert (second.embedded, second.reused, encoder.texts) == (0, 6, [])


def test_only_what_is_new_is_embedded(tmp_path: Path) -> None:
    """A changed paragraph is embedded again with its clause, and nothing else."""
    build(tmp_path, CORPUS, HashingEncoder())
    encoder = HashingEncoder()
    changed = CORPUS | {"a": ["支持企业。", "可以奖励。/不得公开。", ""]}
    report = build(tmp_path, changed, encoder)
    assert encoder.texts == ["《a》 第2条 可以奖励。\n不得公开。", "《a》 不得公开。"]
    assert (report.vectors, report.embedded, report.reused) == (6, 2, 4)


def test_a_change_of_the_catalog_alone(tmp_path: Path) -> None:
    """A new issuer makes a new snapshot without embedding anything."""
    document, clauses = make("a", CORPUS["a"])
    first = build_snapshot(tmp_path, [document], clauses, HashingEncoder(), quiet)
    changed = replace(document, issuer="市人大")
    second = build_snapshot(tmp_path, [changed], clauses, HashingEncoder(), quiet)
    assert second.snapshot != first.snapshot
    assert second.embedded == 0
    assert read_snapshot(tmp_path, "h1").documents[0].issuer == "市人大"


def test_equal_texts_are_embedded_once(tmp_path: Path) -> None:
    """Three equal paragraphs are one text for the encoder, and three rows of the index."""
    encoder = HashingEncoder()
    report = build(tmp_path, {"a": ["同上。/同上。/同上。"]}, encoder)
    assert len(encoder.texts) == 2
    assert (report.vectors, report.embedded, report.reused) == (4, 2, 2)
    vectors = read_snapshot(tmp_path, "h1").vector_index.vectors()
    assert np.array_equal(vectors[1], vectors[2])
    assert np.array_equal(vectors[1], vectors[3])


def test_another_encoder_embeds_everything(tmp_path: Path) -> None:
    """Vectors of another encoder are never kept."""
    build(tmp_path, CORPUS, HashingEncoder("h1"))
    report = build(tmp_path, CORPUS, HashingEncoder("h2"))
    assert (report.embedded, report.reused) == (6, 0)
    assert read_snapshot(tmp_path, "h2").manifest.fingerprint == "h2"


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_damaged_index_is_mended(name: str, tmp_path: Path) -> None:
    """A build over a damaged snapshot is a build from nothing."""
    first = build(tmp_path, CORPUS, HashingEncoder())
    (tmp_path / "snapshots" / first.snapshot / name).write_bytes(b"?")
    report = build(tmp_path, CORPUS, HashingEncoder())
    assert (report.embedded, report.reused) == (6, 0)
    assert read_snapshot(tmp_path, "h1").id == report.snapshot != first.snapshot


@pytest.mark.parametrize("corpus", [{}, {"a": []}, {"a": [""]}])
def test_an_empty_corpus(corpus: dict[str, list[str]], tmp_path: Path) -> None:
    """A corpus without clauses, or of headings alone, gives an index that finds nothing."""
    for _ in range(2):
        report = build(tmp_path, corpus, HashingEncoder())
        assert (report.vectors, report.embedded, report.reused) == (0, 0, 0)
    found = read_snapshot(tmp_path, "h1")
    assert found.vector_index.search(np.ones((1, 32), np.float32), 5)[0][0].tolist() == []
    assert found.keyword_index.search(["企业"], 5)[0][0].tolist() == []


@pytest.mark.parametrize("seed", range(4))
def test_many_changes_lead_where_one_build_leads(seed: int, tmp_path: Path) -> None:
    """After any edits the index equals, byte for byte, one that is built from nothing."""
    dice = random.Random(seed)
    bodies = [
        "支持企业。",
        "可以奖励。/应当公开。",
        "人才引进。/资金保障。/同上。",
        "同上。",
        "",
        "R&D 37.48%",
    ]
    corpus: dict[str, list[str]] = {}
    for _ in range(6):
        corpus[dice.choice("abcd")] = dice.choices(bodies, k=dice.randrange(5))
        if len(corpus) > 2:
            del corpus[dice.choice(sorted(corpus))]
        build(tmp_path / "old", corpus, HashingEncoder())
    build(tmp_path / "new", corpus, HashingEncoder())
    manifests = [read_snapshot(tmp_path / name, "h1").manifest for name in ("old", "new")]
    assert manifests[0].files == manifests[1].files
    assert manifests[0].content == manifests[1].content
    assert len(list((tmp_path / "old" / "snapshots").iterdir())) <= 2


def test_progress(tmp_path: Path) -> None:
    """Each stage is told from its beginning to its end."""
    heard: dict[str, list[tuple[int, int]]] = {}
    clauses = [f"{number}号。" for number in range(2500)]
    build(
        tmp_path,
        {"a": clauses},
        HashingEncoder(),
        lambda stage, done, total: heard.setdefault(stage, []).append((done, total)),
    )
    assert heard == {
        "encode": [(0, 2500), (1024, 2500), (2048, 2500), (2500, 2500)],
        "keywords": [(0, 2500), (2500, 2500)],
        "write": [(0, 1), (1, 1)],
    }


@pytest.mark.skipif(not EMBEDDED_FOLDER.is_dir(), reason="the encoder is not in this checkout")
def test_build_index(tmp_path: Path) -> None:
    """The corpus of this checkout is split, embedded and indexed; a second build does nothing."""
    corpus = Path(__file__).parent.parent / "corpus"
    settings = Settings(corpus=corpus, index=tmp_path / "index")
    stages: dict[str, None] = {}
    report = build_index(settings, lambda stage, *_: stages.setdefault(stage))
    assert list(stages) == ["split", "encode", "keywords", "write"]
    found = read_snapshot(settings.index, None)
    assert (len(found.documents), len(found.clauses)) == (report.documents, report.clauses)
    assert len(found.units) == report.vectors == report.embedded + report.reused
    assert found.clauses.row_of("sti-center-regulations#25") is not None
    texts = {document.id: document.text for document in found.documents}
    for clause in found.clauses:
        assert clause.text == texts[clause.document_id][clause.start : clause.end]
    assert normalise(found.documents[0].title) != ""
    again = build_index(settings, quiet)
    assert (again.snapshot, again.embedded) == (report.snapshot, 0)
