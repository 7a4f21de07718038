"""Snapshots: what is written is what is read, or a clear error; and a crash changes nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from qa import snapshots
from qa.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    SettingsError,
)
from qa.keyword_index import KeywordIndex
from qa.models import Clause, Document, Item, Paragraph
from qa.snapshots import (
    FILES,
    Snapshot,
    build_lock,
    content_of,
    current_id,
    prune,
    read_snapshot,
    reusable_vectors,
    write_snapshot,
)
from qa.token_index import TokenIndex
from qa.vector_index import VectorIndex

CURE = "run `tiaowen index`"
TEXT = (
    "第一条 支持企业研发。\n可以奖励：\n（一）资金；\n（二）人才。\n第二条 “引号”\t与\u2028行。\n"
)


def document(name: str, extra: str = "") -> Document:
    return Document(
        id=name,
        title=f"{name}条例",
        text=TEXT + extra,
        title_en="Rules",
        aliases=("规定", "办法"),
        kind="法规",
        effective=date(2020, 5, 1),
        source=f"{name}.txt",
        path=f"/somewhere/{name}.txt",
        lines=(1, 2, 3),
    )


def clauses_of(one: Document) -> list[Clause]:
    """Return the two articles of TEXT, with every span found by searching."""

    def cut(part: str) -> tuple[str, int, int]:
        start = one.text.index(part)
        return part, start, start + len(part)

    items = (Item("（一）", *cut("资金；")), Item("（二）", *cut("人才。")))
    paragraphs = (
        Paragraph(1, *cut("支持企业研发。")),
        Paragraph(2, *cut("可以奖励：\n（一）资金；\n（二）人才。"), items),
    )
    first = cut("第一条 支持企业研发。\n可以奖励：\n（一）资金；\n（二）人才。")
    second = cut("第二条 “引号”\t与\u2028行。")
    return [
        Clause(
            one.id, "1", "第一条", *first, path=("第一章 总则", "第一节"), paragraphs=paragraphs
        ),
        Clause(one.id, "2", "第二条", *second),
    ]


def write(index: Path, names: list[str], fingerprint: str = "f1", extra: str = "") -> str:
    documents = [document(name, extra) for name in names]
    clauses = [clause for one in documents for clause in clauses_of(one)]
    units = np.array([(row, 0) for row in range(len(clauses))], np.int32).reshape(-1, 2)
    keys = np.arange(16 * len(clauses), dtype=np.uint8).reshape(-1, 16)
    vectors = np.eye(8, dtype=np.float32)[np.arange(len(clauses)) % 8]
    return write_snapshot(
        index,
        documents=documents,
        clauses=clauses,
        units=units,
        unit_keys=keys,
        keyword_index=KeywordIndex.build([clause.text for clause in clauses]),
        vector_index=VectorIndex.build(vectors),
        token_index=TokenIndex.build(
            [np.array([row, 7], np.int32) for row in range(len(clauses))],
            lambda ids: np.eye(64, dtype=np.float32)[ids],
        ),
        encoder_name="toy",
        encoder_fingerprint=fingerprint,
        content=content_of(documents, clauses, keys, fingerprint),
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Documents, clauses with every span, units, keys and both indexes come back as they were."""
    snapshot_id = write(tmp_path, ["a", "b"])
    found = read_snapshot(tmp_path, "f1")
    documents = (document("a"), document("b"))
    clauses = [clause for one in documents for clause in clauses_of(one)]
    assert found.id == snapshot_id == current_id(tmp_path)
    assert found.documents == documents
    assert list(found.clauses) == clauses
    assert found.clause_documents.tolist() == [0, 0, 1, 1]
    assert found.units.tolist() == [[0, 0], [1, 0], [2, 0], [3, 0]]
    assert found.unit_keys.tolist() == np.arange(64).reshape(4, 16).tolist()
    assert found.vector_index.vectors().tolist() == np.eye(8)[:4].tolist()
    assert found.keyword_index.search(["企业"], 9)[0][0].tolist() == [0, 2]
    assert (found.manifest.documents, found.manifest.clauses, found.manifest.units) == (2, 4, 4)
    assert (found.manifest.encoder, found.manifest.dimensions) == ("toy", 8)


def test_where_a_document_was_read_is_not_kept(tmp_path: Path) -> None:
    """A path of the machine that built the index says nothing on the one that serves it."""
    write(tmp_path, ["a"])
    (found,) = read_snapshot(tmp_path, "f1").documents
    assert (found.path, found.lines) == ("", ())


def test_clauses_are_a_sequence(tmp_path: Path) -> None:
    """Rows from both ends, slices, and clauses by id; what is not there is said to be missing."""
    write(tmp_path, ["a", "b"])
    clauses = read_snapshot(tmp_path, None).clauses
    assert [clause.id for clause in clauses] == ["a#1", "a#2", "b#1", "b#2"]
    assert clauses[-1].id == "b#2"
    assert [clause.id for clause in clauses[1:3]] == ["a#2", "b#1"]
    assert [clauses.row_of(name) for name in ("a#1", "b#2", "b#3", "")] == [0, 3, None, None]
    for row in (4, -5):
        with pytest.raises(IndexError):
            clauses[row]


def test_texts_are_stored_once(tmp_path: Path) -> None:
    """clauses.jsonl holds spans; the words stand in documents.jsonl alone."""
    write(tmp_path, ["a"])
    folder = tmp_path / "snapshots" / current_id(tmp_path)
    assert "支持企业研发" in (folder / "documents.jsonl").read_text("utf-8")
    assert "支持企业研发" not in (folder / "clauses.jsonl").read_text("utf-8")


def test_an_empty_index(tmp_path: Path) -> None:
    """An index of no document is an index."""
    write(tmp_path, [])
    found = read_snapshot(tmp_path, "f1")
    assert (found.documents, list(found.clauses), len(found.units)) == ((), [], 0)
    assert found.clauses.row_of("a#1") is None
    assert found.keyword_index.search(["企业"], 3)[0][0].tolist() == []
    assert found.vector_index.search(np.ones((1, 8), np.float32), 3)[0][0].tolist() == []


@pytest.mark.parametrize("wrong", ["span", "order"])
def test_clauses_that_cannot_be_read_back_are_refused(wrong: str, tmp_path: Path) -> None:
    """A text that is not what its span says, or clauses out of order, are a bug, not an index."""
    one, two = document("a"), document("b")
    clauses = [*clauses_of(one), *clauses_of(two)]
    if wrong == "order":
        clauses.reverse()
    else:
        clauses[0] = Clause("a", "1", "第一条", "第一条", start=1, end=4)
    with pytest.raises(ValueError, match=r"span|document by document"):
        content_of([one, two], clauses, np.zeros((0, 16), np.uint8), "f1")


def test_no_index(tmp_path: Path) -> None:
    """Where nothing has been built the message ends with what to do."""
    for index in (tmp_path, tmp_path / "missing"):
        assert current_id(index) == ""
        with pytest.raises(IndexMissingError, match=f"{CURE}$"):
            read_snapshot(index, None)


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(data[:-1])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "longer":
        path.write_bytes(data + b"\n")
    else:
        place = {"first byte": 0, "middle byte": len(data) // 2, "last byte": len(data) - 1}[how]
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize(
    "how",
    ["missing", "empty", "truncated", "longer", "first byte", "middle byte", "last byte"],
)
def test_a_damaged_file_is_named(name: str, how: str, tmp_path: Path) -> None:
    """Whatever happened to a file, the error names it, and a build finds nothing to reuse."""
    path = tmp_path / "snapshots" / write(tmp_path, ["a"]) / name
    damage(path, how)
    with pytest.raises(IndexDamagedError) as raised:
        read_snapshot(tmp_path, "f1")
    assert str(path) in str(raised.value)
    assert str(raised.value).endswith(CURE)
    assert reusable_vectors(tmp_path, "f1")[0] == {}


@pytest.mark.parametrize(
    "text", ["nonsense", "../../etc", "20260101T000000000000-0123456789abcdef", "\xff"]
)
def test_a_damaged_pointer(text: str, tmp_path: Path) -> None:
    """A pointer to what is no snapshot is damage, and leads out of the folder never."""
    write(tmp_path, ["a"])
    (tmp_path / "CURRENT").write_text(text, "latin-1")
    with pytest.raises(IndexDamagedError, match=f"(CURRENT|manifest.json).*{CURE}$"):
        read_snapshot(tmp_path, None)


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    """A file that cannot be read is damage too."""
    path = tmp_path / "snapshots" / write(tmp_path, ["a"]) / "units.npy"
    path.unlink()
    path.mkdir()
    with pytest.raises(IndexDamagedError, match=r"units\.npy cannot be read"):
        read_snapshot(tmp_path, None)


def test_another_encoder(tmp_path: Path) -> None:
    """An index of another encoder is refused with both fingerprints; None takes any."""
    write(tmp_path, ["a"], fingerprint="f1")
    with pytest.raises(IndexMismatchError, match=rf"toy \(f1\).*\(f2\); {CURE}$"):
        read_snapshot(tmp_path, "f2")
    assert reusable_vectors(tmp_path, "f2")[0] == {}
    assert read_snapshot(tmp_path, None).manifest.fingerprint == "f1"


def test_another_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of a later version, whatever its manifest holds, is refused with both numbers."""
    monkeypatch.setattr(snapshots, "FORMAT", 99)
    write(tmp_path, ["a"])
    monkeypatch.undo()
    with pytest.raises(
        IndexMismatchError, match=f"format 99, .* reads {snapshots.FORMAT}; {CURE}$"
    ):
        read_snapshot(tmp_path, None)


def test_reusable_vectors(tmp_path: Path) -> None:
    """Each key leads to the row that holds its vector."""
    write(tmp_path, ["a", "b"])
    rows, vectors = reusable_vectors(tmp_path, "f1")
    assert rows == {bytes(range(16 * row, 16 * row + 16)): row for row in range(4)}
    assert vectors.tolist() == np.eye(8)[:4].tolist()


def test_content(tmp_path: Path) -> None:
    """Content depends on documents, clauses, keys and encoder, and on nothing else."""
    one, keys = document("a"), np.zeros((2, 16), np.uint8)
    clauses = clauses_of(one)
    same = content_of([one], clauses, keys, "f1")
    assert same == content_of([document("a")], clauses_of(one), keys.copy(), "f1")
    others = [
        content_of([document("a", "。")], clauses, keys, "f1"),
        content_of([one], clauses[:1], keys, "f1"),
        content_of([one], clauses, keys + 1, "f1"),
        content_of([one], clauses, keys, "f2"),
    ]
    assert len({same, *others}) == 5


def test_prune_keeps_the_current_one(tmp_path: Path) -> None:
    """The current snapshot and the newest others stay, unfinished ones go."""
    ids = [write(tmp_path, ["a"]) for _ in range(4)]
    (tmp_path / "CURRENT").write_text(ids[0])
    (tmp_path / "snapshots" / ".building-1" / "keyword").mkdir(parents=True)
    prune(tmp_path, keep=2)
    assert sorted(os.listdir(tmp_path / "snapshots")) == [ids[0], ids[3]]
    prune(tmp_path, keep=0)
    assert os.listdir(tmp_path / "snapshots") == [ids[0]]
    assert read_snapshot(tmp_path, "f1").id == ids[0]
    prune(tmp_path / "missing")


def test_an_open_snapshot_outlives_its_files(tmp_path: Path) -> None:
    """A process that serves a snapshot goes on when a build has pruned it."""
    old = write(tmp_path, ["a"])
    opened = read_snapshot(tmp_path, "f1")
    write(tmp_path, ["b"])
    prune(tmp_path, keep=1)
    assert not (tmp_path / "snapshots" / old).exists()
    assert opened.clauses[0] == clauses_of(document("a"))[0]
    assert opened.keyword_index.search(["企业"], 9)[0][0].tolist() == [0]
    assert opened.vector_index.search(np.eye(8, dtype=np.float32)[:1], 1)[0][0].tolist() == [0]


def test_a_snapshot_pruned_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that is overtaken by builds reads the newer snapshot."""
    old, new = write(tmp_path, ["a"]), write(tmp_path, ["b"])
    prune(tmp_path, keep=1)
    answers = iter([old, new])
    monkeypatch.setattr(snapshots, "current_id", lambda _: next(answers))
    assert read_snapshot(tmp_path, "f1").id == new


def test_two_builds_at_once(tmp_path: Path) -> None:
    """The second waits a little, then says that another process is building."""
    index = tmp_path / "index"
    with (
        build_lock(index),
        pytest.raises(IndexBusyError, match=f"{CURE}$"),
        build_lock(index, 0.05),
    ):
        pass
    with build_lock(index, 0.05):
        pass


@pytest.mark.parametrize("what", ["lock", "write"])
def test_an_index_that_cannot_be_written(what: str, tmp_path: Path) -> None:
    """A file where a folder is needed, as any error of the disk, is said with its cure."""
    if what == "lock":
        (tmp_path / "index").write_text("")
        with pytest.raises(SettingsError, match="TIAOWEN_INDEX"), build_lock(tmp_path / "index"):
            pass
    else:
        old = write(tmp_path, ["a"])
        folder = tmp_path / "snapshots"
        folder.rename(tmp_path / "kept")
        folder.write_text("")
        with pytest.raises(SettingsError, match=f"TIAOWEN_INDEX.*{CURE}$"):
            write(tmp_path, ["b"])
        assert current_id(tmp_path) == old


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle of writing removes what was written, and the old one serves."""
    old = write(tmp_path, ["a"])

    def stop(self: KeywordIndex, folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(KeywordIndex, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, ["b"])
    assert os.listdir(tmp_path / "snapshots") == [old]
    assert read_snapshot(tmp_path, "f1").id == old


# Writes a second snapshot, and is killed before call number `stop` of a function that changes
# the disk for good; prints how many there are where it is not killed.
KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
from test_snapshots import write
from qa.snapshots import build_lock
index, stop, count = Path(sys.argv[1]), int(sys.argv[2]), 0
def counted(function):
    def call(*args, **keywords):
        global count
        count += 1
        if count == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **keywords)
    return call
with build_lock(index):
    for name in ("mkdir", "open", "fsync", "rename", "replace"):
        setattr(os, name, counted(getattr(os, name)))
    write(index, ["a", "b"], extra="新")
print(count)
"""


def second_build(index: Path, stop: int) -> subprocess.Popen[str]:
    here = Path(__file__).parent
    script = KILLED.format(path=[str(here), str(here.parent)])
    return subprocess.Popen(
        [sys.executable, "-c", script, str(index), str(stop)], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_a_killed_build_leaves_the_old_snapshot_serving(tmp_path: Path) -> None:
    """Killed at any step, a build leaves the old snapshot whole, or the new one; and no lock."""
    old = write(tmp_path / "old", ["a"])
    shutil.copytree(tmp_path / "old", tmp_path / "whole")
    out, _ = second_build(tmp_path / "whole", 0).communicate()
    calls = int(out)
    steps = sorted({1, calls // 2, *range(calls - 6, calls + 1)})
    running = []
    for step in steps:
        shutil.copytree(tmp_path / "old", tmp_path / str(step))
        running.append((step, second_build(tmp_path / str(step), step)))
    served = []
    for step, process in running:
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        index = tmp_path / str(step)
        served.append(len(read_snapshot(index, "f1").documents))
        assert (served[-1] == 1) == (current_id(index) == old)
        with build_lock(index, 0.05):
            new = write(index, ["a", "b", "c"])
            prune(index, keep=1)
        assert os.listdir(index / "snapshots") == [new] == [read_snapshot(index, "f1").id]
        assert sorted(os.listdir(index)) == [".lock", "CURRENT", "snapshots"]
    assert served == sorted(served)
    assert set(served) == {1, 2}


def test_the_manifest_is_plain(tmp_path: Path) -> None:
    """Size and SHA-256 of every file can be read, and checked, without us."""
    folder = tmp_path / "snapshots" / write(tmp_path, ["a"])
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert present == {*manifest["files"], "manifest.json"}
    lines = "".join(f"{digest}  {name}\n" for name, (_, digest) in manifest["files"].items())
    if shutil.which("sha256sum"):
        subprocess.run(
            ["sha256sum", "--check", "--quiet"], input=lines, text=True, cwd=folder, check=True
        )


def test_a_snapshot_cannot_be_changed(tmp_path: Path) -> None:
    """A snapshot is shared between threads: it is frozen."""
    write(tmp_path, ["a"])
    found: Snapshot = read_snapshot(tmp_path, None)
    with pytest.raises(AttributeError):
        found.id = "x"  # type: ignore[misc]
