"""Corpus → index: split, embed what is new, and write a snapshot."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qa.catalog import load_documents
from qa.clauses import split_clauses
from qa.encoder import open_encoder
from qa.enrichment import NONE, Enrichment, load_enrichment
from qa.errors import QAError
from qa.keyword_index import KeywordIndex
from qa.models import Clause, Document
from qa.settings import Settings
from qa.snapshots import (
    KEY_BYTES,
    build_lock,
    content_of,
    prune,
    read_snapshot,
    reusable_vectors,
    write_snapshot,
)
from qa.text import normalise
from qa.token_index import TokenIndex
from qa.vector_index import VectorIndex

_TEXTS_AT_A_TIME = 1024
PASSAGE = 80  # characters
LONG = 112  # a paragraph longer than this is embedded in passages too
_SENTENCE = re.compile(r"[^。！？；\n]+[。！？；\n]*[”’」』）]*")

Progress = Callable[[str, int, int], None]


class ClauseEncoder(Protocol):
    """What a build needs of an encoder; equal fingerprints make equal vectors."""

    name: str
    fingerprint: str
    dimensions: int

    def encode_clauses(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of `dimensions` for each text."""

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return each text's tokens, none where the encoder has no table of them."""

    def token_vectors(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return a row of `dimensions` for each token."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did; `vectors == embedded + reused`."""

    snapshot: str
    documents: int
    clauses: int
    vectors: int
    embedded: int
    reused: int
    seconds: float


def build_index(settings: Settings, progress: Progress) -> BuildReport:
    """Bring the index up to date with the corpus; only texts that are new are embedded.

    `progress(stage, done, total)` hears of the stages split, encode, keywords and write.
    Raises CorpusError, EncoderError, IndexBusyError or SettingsError.
    """
    encoder = open_encoder(settings.encoder)
    documents = load_documents(settings.corpus)
    enrichment = load_enrichment(settings.corpus) if settings.enrichment == "on" else {}
    clauses: list[Clause] = []
    for done, document in enumerate(documents, 1):
        # A heading alone is no clause to find or to cite.
        clauses += [clause for clause in split_clauses(document) if clause.paragraphs]
        progress("split", done, len(documents))
    return build_snapshot(
        settings.index, documents, clauses, encoder, progress, enrichment=enrichment
    )


def build_snapshot(
    index: Path,
    documents: Sequence[Document],
    clauses: Sequence[Clause],
    encoder: ClauseEncoder,
    progress: Progress,
    *,
    enrichment: Mapping[str, Enrichment] = MappingProxyType({}),
) -> BuildReport:
    """Write the snapshot of clauses and make it current, unless the current one is the same.

    What `enrichment` has for a clause is found like the text of the clause itself.
    """
    started = time.monotonic()
    titles = {document.id: document.title for document in documents}
    beside = [enrichment.get(clause.id, NONE) for clause in clauses]
    rows, texts = _units([(titles[clause.document_id], clause) for clause in clauses], beside)
    keys = [hashlib.sha256(text.encode()).digest()[:KEY_BYTES] for text in texts]
    unit_keys = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES)
    content = content_of(documents, clauses, unit_keys, encoder.fingerprint)
    with build_lock(index):
        snapshot_id = _unchanged(index, content)
        embedded = 0
        if not snapshot_id:
            vectors, embedded = _vectors(index, keys, texts, encoder, progress)
            del texts
            progress("keywords", 0, len(clauses))
            keywords = KeywordIndex.build(
                [
                    " ".join((_clause_text(titles[clause.document_id], clause), *_added(one)))
                    for clause, one in zip(clauses, beside, strict=True)
                ]
            )
            progress("keywords", len(clauses), len(clauses))
            progress("write", 0, 1)
            snapshot_id = write_snapshot(
                index,
                documents=documents,
                clauses=clauses,
                units=rows,
                unit_keys=unit_keys,
                keyword_index=keywords,
                vector_index=VectorIndex.build(vectors),
                token_index=TokenIndex.build(
                    encoder.token_ids(
                        [
                            normalise(
                                " ".join((titles[clause.document_id], clause.text, *_added(one)))
                            )
                            for clause, one in zip(clauses, beside, strict=True)
                        ]
                    ),
                    encoder.token_vectors,
                ),
                encoder_name=encoder.name,
                encoder_fingerprint=encoder.fingerprint,
                content=content,
            )
            progress("write", 1, 1)
        prune(index)
    return BuildReport(
        snapshot=snapshot_id,
        documents=len(documents),
        clauses=len(clauses),
        vectors=len(keys),
        embedded=embedded,
        reused=len(keys) - embedded,
        seconds=time.monotonic() - started,
    )


def _units(
    clauses: Sequence[tuple[str, Clause]], beside: Sequence[Enrichment]
) -> tuple[NDArray[np.int32], list[str]]:
    """Return what is embedded: (clause row, paragraph number) and text of each unit.

    A clause is one unit, each of its paragraphs another where it has several, and each passage
    of a long paragraph one more: a single vector of many sentences is near to none of them. A
    clause without paragraphs is a bare heading, which nobody should find. Each question that
    people ask about a clause is a unit too, and each line of its translation.
    """
    rows: list[tuple[int, int]] = []
    texts: list[str] = []
    for row, ((title, clause), added) in enumerate(zip(clauses, beside, strict=True)):
        if clause.paragraphs:
            rows.append((row, 0))
            texts.append(normalise(f"{title} {clause.text}"))
        for paragraph in clause.paragraphs:
            pieces = [paragraph.text] if len(clause.paragraphs) > 1 else []
            if len(paragraph.text) > LONG:
                pieces += _passages(paragraph.text)
            rows += [(row, paragraph.number)] * len(pieces)
            texts += [normalise(f"{title} {piece}") for piece in pieces]
        extra = [*added.questions, *_lines(added.translation)]
        rows += [(row, 0)] * len(extra)
        texts += map(normalise, extra)
    return np.array(rows, np.int32).reshape(-1, 2), texts


def _added(enrichment: Enrichment) -> tuple[str, ...]:
    return (*enrichment.questions, enrichment.translation)


def _lines(translation: str) -> list[str]:
    return [line.strip() for line in translation.splitlines() if line.strip()]


def _passages(text: str) -> list[str]:
    """Return a long paragraph in passages of whole sentences, of about PASSAGE characters."""
    passages = [""]
    for sentence in _SENTENCE.findall(text):
        if passages[-1] and len(passages[-1]) + len(sentence) > PASSAGE:
            passages.append("")
        passages[-1] += sentence
    return [passage for passage in passages if passage.strip()]


def _clause_text(title: str, clause: Clause) -> str:
    """Return the text by which a clause is found; the label stands in it once."""
    if not clause.paragraphs:
        return ""
    label = () if clause.text.startswith(clause.label) else (clause.label,)
    return " ".join((title, *clause.path, *label, clause.text))


def _unchanged(index: Path, content: str) -> str:
    """Return the id of the current snapshot where it is whole and has this content, else ""."""
    try:
        snapshot = read_snapshot(index, None)
    except QAError:
        return ""
    return snapshot.id if snapshot.manifest.content == content else ""


def _vectors(
    index: Path,
    keys: Sequence[bytes],
    texts: Sequence[str],
    encoder: ClauseEncoder,
    progress: Progress,
) -> tuple[NDArray[np.float32], int]:
    """Return the vectors of texts, and how many of them had to be made."""
    old_rows, old = reusable_vectors(index, encoder.fingerprint)
    vectors = np.zeros((len(texts), encoder.dimensions), np.float32)
    new: dict[bytes, list[int]] = {}
    for row, key in enumerate(keys):
        if key in old_rows:
            vectors[row] = old[old_rows[key]]
        else:
            new.setdefault(key, []).append(row)
    groups = list(new.values())
    for start in range(0, len(groups), _TEXTS_AT_A_TIME):
        progress("encode", start, len(groups))
        some = groups[start : start + _TEXTS_AT_A_TIME]
        made = encoder.encode_clauses([texts[rows[0]] for rows in some])
        for vector, rows in zip(made, some, strict=True):
            vectors[rows] = vector
    progress("encode", len(groups), len(groups))
    return vectors, len(groups)
