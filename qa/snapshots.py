"""Immutable snapshots of a built index, and the pointer to the one that is served.

A snapshot is a folder of plain files; its id ends with the digest of its manifest, which holds
the digest of every other file, so that any change is seen. CURRENT is replaced at the very end:
a build that stops anywhere leaves the old snapshot serving.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, overload

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from qa.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    QAError,
    SettingsError,
)
from qa.keyword_index import FILES as KEYWORD_FILES
from qa.keyword_index import KeywordIndex
from qa.models import Clause, Document, Item, Paragraph
from qa.quantities import held_quantities
from qa.text import normalise
from qa.token_index import FILES as TOKEN_FILES
from qa.token_index import TokenIndex
from qa.vector_index import VectorIndex

logger = logging.getLogger(__name__)

# Raise it when the layout changes, or what `qa.text` makes of a text.
FORMAT = 6
FILES = (
    "documents.jsonl",
    "clauses.jsonl",
    "units.npy",
    "unit_keys.npy",
    "lengths.npy",
    "quantities.npy",
    "vectors.faiss",
    *(f"keyword/{name}" for name in KEYWORD_FILES),
    *TOKEN_FILES,
)
KEY_BYTES = 16
CURE = "run `tiaowen index`"
LOCK_SECONDS = 2.0

_ID = re.compile(r"\d{8}T\d{12}-([0-9a-f]{16})")
_BUILDING = ".building-"
# Where a document was read (fields that do not count when two are compared) is not kept.
_DOCUMENT = {one.name: str(one.type) for one in fields(Document) if one.compare}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot holds; `files` gives for each its size and SHA-256.

    `content` is the digest of all that the snapshot was built from: equal content, equal index.
    """

    format: int
    created: str
    content: str
    encoder: str
    fingerprint: str
    dimensions: int
    documents: int
    clauses: int
    units: int
    files: Mapping[str, tuple[int, str]]


class Clauses(Sequence[Clause]):
    """The clauses of a snapshot, each made from its line when it is asked for.

    Their texts are cut from the documents' texts; 61,000 clauses take 20 MB this way.
    """

    def __init__(self, lines: bytes, texts: Mapping[str, str]) -> None:
        """Take the lines of clauses.jsonl and the text of each document."""
        self._lines, self._texts = lines, texts
        ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n")) + 1
        self._starts = np.concatenate([np.zeros(1, np.int64), ends])

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, row: int) -> Clause: ...
    @overload
    def __getitem__(self, row: slice) -> list[Clause]: ...
    def __getitem__(self, row: int | slice) -> Clause | list[Clause]:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(f"clause {row} of {len(self)}")
        row %= len(self)
        line = json.loads(self._lines[self._starts[row] : self._starts[row + 1]])
        return _clause(line, self._texts[line["document_id"]])

    def row_of(self, clause_id: str) -> int | None:
        """Return the row of a clause, or None."""
        return self._rows.get(clause_id)

    @functools.cached_property
    def _rows(self) -> dict[str, int]:
        found = map(json.loads, self._lines.splitlines())
        return {f"{one['document_id']}#{one['key']}": row for row, one in enumerate(found)}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One opened index. Row n of `vector_index` is unit n; row n of `keyword_index` clause n.

    `units` has for each unit the row of its clause and the number of its paragraph, 0 for the
    whole clause; `unit_keys` the key of the embedded text; `lengths` for each clause its
    characters, `quantities` the kinds of quantity in it; `clause_documents` for each clause
    the position of its document in `documents`.
    """

    id: str
    manifest: Manifest
    documents: tuple[Document, ...]
    clauses: Clauses
    clause_documents: NDArray[np.int32]
    units: NDArray[np.int32]
    unit_keys: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    quantities: NDArray[np.uint8]
    vector_index: VectorIndex
    keyword_index: KeywordIndex
    token_index: TokenIndex

    def clauses_of(self, position: int) -> list[Clause]:
        """Return the clauses of the document at a position of `documents`, in order."""
        start, end = np.searchsorted(self.clause_documents, [position, position + 1])
        return self.clauses[int(start) : int(end)]


def current_id(index: Path) -> str:
    """Return the id of the snapshot that is served, "" where none is."""
    try:
        return (index / "CURRENT").read_text("utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""


def read_snapshot(index: Path, encoder_fingerprint: str | None) -> Snapshot:
    """Return the current snapshot, every file of it checked.

    Raises IndexMissingError, IndexDamagedError naming the file, or IndexMismatchError where it
    has another format, or was built by an encoder other than the one given (None: any).
    """
    if not (snapshot_id := current_id(index)):
        raise IndexMissingError(f"{index} holds no index; {CURE}")
    try:
        return _read(index, snapshot_id, encoder_fingerprint)
    except IndexDamagedError:
        newer = current_id(index)
        if newer == snapshot_id:
            raise
        return _read(index, newer, encoder_fingerprint)  # pruned while it was read


def write_snapshot(
    index: Path,
    *,
    documents: Sequence[Document],
    clauses: Sequence[Clause],
    units: NDArray[np.int32],
    unit_keys: NDArray[np.uint8],
    keyword_index: KeywordIndex,
    vector_index: VectorIndex,
    token_index: TokenIndex,
    encoder_name: str,
    encoder_fingerprint: str,
    content: str = "",
) -> str:
    """Write a snapshot, make it the current one, and return its id.

    `clauses` come document by document, in the order of `documents`. Call it in `build_lock`.
    """
    created = datetime.now(UTC)
    folder = index / "snapshots" / f"{_BUILDING}{os.getpid()}"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "keyword").mkdir(parents=True)
        (folder / "documents.jsonl").write_bytes(_document_lines(documents, clauses))
        (folder / "clauses.jsonl").write_bytes(_clause_lines(documents, clauses))
        np.save(folder / "units.npy", units.astype(np.int32))
        np.save(folder / "unit_keys.npy", unit_keys)
        lengths = [clause.end - clause.start for clause in clauses]
        np.save(folder / "lengths.npy", np.array(lengths, np.int32))
        held = [int(held_quantities(normalise(clause.text))) for clause in clauses]
        np.save(folder / "quantities.npy", np.array(held, np.uint8))
        vector_index.save(folder / "vectors.faiss")
        keyword_index.save(folder / "keyword")
        token_index.save(folder)
        manifest = Manifest(
            format=FORMAT,
            created=created.isoformat(timespec="seconds"),
            content=content,
            encoder=encoder_name,
            fingerprint=encoder_fingerprint,
            dimensions=vector_index.dimensions,
            documents=len(documents),
            clauses=len(clauses),
            units=len(units),
            files={name: _size_and_digest(folder / name) for name in FILES},
        )
        data = json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
        (folder / "manifest.json").write_bytes(data)
        snapshot_id = f"{created:%Y%m%dT%H%M%S%f}-{hashlib.sha256(data).hexdigest()[:16]}"
        for name in (*FILES, "manifest.json", "keyword", ""):
            _sync(folder / name)
        os.rename(folder, folder.with_name(snapshot_id))
        _sync(folder.parent)
        _point(index, snapshot_id)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise SettingsError(_unwritable(index, error)) from error
        raise
    return snapshot_id


def reusable_vectors(
    index: Path, encoder_fingerprint: str
) -> tuple[dict[bytes, int], NDArray[np.float32]]:
    """Return the vectors that an encoder made before: the row of each unit key, and the matrix.

    An index that is missing, damaged or made by another encoder has none.
    """
    try:
        snapshot = read_snapshot(index, encoder_fingerprint)
    except QAError as error:
        logger.info("no vectors are reused: %s", error)
        return {}, np.zeros((0, 0), np.float32)
    rows = {key.tobytes(): row for row, key in enumerate(snapshot.unit_keys)}
    return rows, snapshot.vector_index.vectors()


def prune(index: Path, keep: int = 2) -> None:
    """Delete all snapshots but the current one and the newest others, and unfinished ones.

    Call it in `build_lock`.
    """
    if not (folder := index / "snapshots").is_dir():
        return
    current = current_id(index)
    names = sorted(path.name for path in folder.iterdir())
    others = [name for name in names if _ID.fullmatch(name) and name != current]
    old = others[: max(0, len(others) - max(0, keep - 1))]
    for name in [*old, *(name for name in names if name.startswith(_BUILDING))]:
        shutil.rmtree(folder / name, ignore_errors=True)


@contextmanager
def build_lock(index: Path, wait: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the right to change an index; raises IndexBusyError if another process has it."""
    lock = FileLock(index / ".lock", timeout=wait)
    try:
        index.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise IndexBusyError(
            f"{index} is being built by another process; when it has finished, {CURE}"
        ) from error
    except OSError as error:
        raise SettingsError(_unwritable(index, error)) from error
    try:
        yield
    finally:
        lock.release()


def content_of(
    documents: Sequence[Document],
    clauses: Sequence[Clause],
    unit_keys: NDArray[np.uint8],
    encoder_fingerprint: str,
) -> str:
    """Return the digest of all that an index is built from."""
    digest = hashlib.sha256(f"{FORMAT} {encoder_fingerprint}\n".encode())
    for data in _document_lines(documents, clauses), _clause_lines(documents, clauses):
        digest.update(hashlib.sha256(data).digest())
    digest.update(unit_keys.tobytes())
    return digest.hexdigest()


def _clause_lines(documents: Sequence[Document], clauses: Sequence[Clause]) -> bytes:
    """Return clauses.jsonl: spans without texts, which are cut from the documents again."""
    texts = {document.id: document.text for document in documents}
    lines = []
    for clause in clauses:
        text = texts[clause.document_id]
        paragraphs = [
            [one.number, one.start, one.end, [[i.label, i.start, i.end] for i in one.items]]
            for one in clause.paragraphs
        ]
        line = {
            "document_id": clause.document_id,
            "key": clause.key,
            "label": clause.label,
            "path": clause.path,
            "start": clause.start,
            "end": clause.end,
            "paragraphs": paragraphs,
        }
        lines.append(_line(line))
        if clause != _clause(json.loads(lines[-1]), text):
            raise ValueError(f"{clause.id}: a text is not what its span says")
    return b"".join(lines)


def _document_lines(documents: Sequence[Document], clauses: Sequence[Clause]) -> bytes:
    counts = dict.fromkeys((document.id for document in documents), 0)
    for clause in clauses:
        counts[clause.document_id] += 1
    expected = [one for one, count in counts.items() for _ in range(count)]
    if len(counts) != len(documents) or expected != [clause.document_id for clause in clauses]:
        raise ValueError("the clauses do not come document by document")
    return b"".join(
        _line({name: getattr(one, name) for name in _DOCUMENT} | {"clauses": counts[one.id]})
        for one in documents
    )


def _line(values: Mapping[str, object]) -> bytes:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=date.isoformat)
    return text.encode() + b"\n"


def _clause(line: Mapping[str, Any], text: str) -> Clause:
    def cut(start: int, end: int) -> tuple[str, int, int]:
        return text[start:end], start, end

    paragraphs = tuple(
        Paragraph(number, *cut(start, end), tuple(Item(i[0], *cut(i[1], i[2])) for i in items))
        for number, start, end, items in line["paragraphs"]
    )
    span = cut(line["start"], line["end"])
    path = tuple(line["path"])
    return Clause(line["document_id"], line["key"], line["label"], *span, path, paragraphs)


def _document(line: Mapping[str, Any]) -> Document:
    values: dict[str, Any] = {}
    for name, kind in _DOCUMENT.items():
        value = line[name]
        if "date" in kind and value is not None:
            value = date.fromisoformat(value)
        values[name] = tuple(value) if "tuple" in kind else value
    return Document(**values)


def _read(index: Path, snapshot_id: str, encoder_fingerprint: str | None) -> Snapshot:
    if not (match := _ID.fullmatch(snapshot_id)):
        raise IndexDamagedError(f"{index / 'CURRENT'} does not name a snapshot; {CURE}")
    folder = index / "snapshots" / snapshot_id
    manifest = _manifest(folder / "manifest.json", match[1])
    if encoder_fingerprint not in (None, manifest.fingerprint):
        raise IndexMismatchError(
            f"the index was built by the encoder {manifest.encoder} ({manifest.fingerprint}), "
            f"the settings ask for another ({encoder_fingerprint}); {CURE}"
        )
    for name in FILES:
        _check(folder / name, manifest.files[name])
    lines = [json.loads(line) for line in (folder / "documents.jsonl").read_bytes().splitlines()]
    counts = [line["clauses"] for line in lines]
    documents = tuple(_document(line) for line in lines)
    texts = {document.id: document.text for document in documents}
    return Snapshot(
        id=snapshot_id,
        manifest=manifest,
        documents=documents,
        clauses=Clauses((folder / "clauses.jsonl").read_bytes(), texts),
        clause_documents=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        units=np.load(folder / "units.npy"),
        unit_keys=np.load(folder / "unit_keys.npy"),
        lengths=np.load(folder / "lengths.npy"),
        quantities=np.load(folder / "quantities.npy"),
        vector_index=VectorIndex.load(folder / "vectors.faiss"),
        keyword_index=KeywordIndex.load(folder / "keyword"),
        token_index=TokenIndex.load(folder),
    )


def _manifest(path: Path, digest: str) -> Manifest:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not hashlib.sha256(data).hexdigest().startswith(digest):
        raise IndexDamagedError(f"{path} is not what was written; {CURE}")
    values = json.loads(data)
    if values["format"] != FORMAT:
        raise IndexMismatchError(
            f"the index has format {values['format']}, this version reads {FORMAT}; {CURE}"
        )
    values["files"] = {name: tuple(one) for name, one in values["files"].items()}
    return Manifest(**values)


def _check(path: Path, size_and_digest: tuple[int, str]) -> None:
    try:
        found = _size_and_digest(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if found != size_and_digest:
        raise IndexDamagedError(f"{path} is not what was written; {CURE}")


def _size_and_digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _point(index: Path, snapshot_id: str) -> None:
    """Make a snapshot the current one, in one step that survives a power cut."""
    partial = index / ".CURRENT"
    partial.write_text(snapshot_id + "\n", "utf-8")
    _sync(partial)
    os.replace(partial, index / "CURRENT")
    _sync(index)


def _sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, is on the disk."""
    if os.name == "nt":  # which opens no folders, and syncs no file that is open for reading
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unreadable(path: Path, error: OSError) -> IndexDamagedError:
    why = (
        "is missing"
        if isinstance(error, FileNotFoundError)
        else f"cannot be read ({error.strerror})"
    )
    return IndexDamagedError(f"{path} {why}; {CURE}")


def _unwritable(index: Path, error: OSError) -> str:
    return (
        f"{index}: the index cannot be written ({error}); make room or let TIAOWEN_INDEX name "
        f"a folder that can be, then {CURE}"
    )
