"""Labelled sets outside the repository → documents, clauses, questions with the right clauses."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.models import Clause, Document, Paragraph
from qa.numbering import opening_of

LABEL = re.compile(
    r"^(?P<law>.*?)\s*(?P<label>第[〇零一二三四五六七八九十百千万\d]+条(?:之[一二三四五六七八九十\d]+)?)$"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its language, and the ids of the clauses that answer it."""

    text: str
    language: str
    right: frozenset[str]


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A corpus and the questions asked of it."""

    name: str
    documents: tuple[Document, ...]
    clauses: tuple[Clause, ...]
    asked: tuple[Asked, ...]


def make_set(
    name: str, rows: Iterable[tuple[str, str, str, str]], asked: Iterable[Asked]
) -> LabelledSet:
    """Return a set of rows (id, document title, label, text) and of questions about row ids.

    A clause's key is its article number, as in the product; where that is taken, the row id.
    """
    ids: dict[str, str] = {}
    taken: set[str] = set()
    texts: dict[str, list[tuple[str, str, str]]] = {}
    for row_id, title, label, text in rows:
        texts.setdefault(title, []).append((row_id, label, text.strip()))
    documents, clauses = [], []
    for number, (title, parts) in enumerate(texts.items()):
        document_id, whole = f"d{number}", ""
        for row_id, label, text in parts:
            start = len(whole)
            key = "-".join(map(str, opening_of(label).numbers))
            if not key or f"{document_id}#{key}" in taken:
                key = row_id
            ids[row_id] = f"{document_id}#{key}"
            taken.add(ids[row_id])
            head = f"{label} " if label and not text.startswith(label) else ""
            whole += head + text + "\n"
            spans = _paragraphs(whole, start + len(head))
            clauses.append(
                Clause(
                    document_id,
                    key,
                    label or "段",
                    whole[start:-1],
                    start,
                    len(whole) - 1,
                    (),
                    spans,
                )
            )
        documents.append(Document(id=document_id, title=title, text=whole))
    questions = tuple(
        Asked(one.text, one.language, frozenset(ids[row] for row in one.right)) for one in asked
    )
    return LabelledSet(name, tuple(documents), tuple(clauses), questions)


def _paragraphs(text: str, start: int) -> tuple[Paragraph, ...]:
    found = []
    for line in text[start:].split("\n"):
        if line.strip() and (re.match(r"[（(][一二三四五六七八九十]+[）)]", line) and found):
            last = found.pop()
            end = start + len(line)
            found.append(Paragraph(last.number, text[last.start : end], last.start, end))
        elif line.strip():
            found.append(Paragraph(len(found) + 1, line, start, start + len(line)))
        start += len(line) + 1
    return tuple(found)


def read_beir(folder: Path, language: str, limit: int = 0) -> LabelledSet:
    """Return a set in BEIR layout: corpus.jsonl.gz, queries.jsonl, qrels.tsv."""
    right: dict[str, set[str]] = {}
    for line in (folder / "qrels.tsv").read_text("utf-8").splitlines():
        question, row_id, *_ = line.split("\t")
        right.setdefault(question, set()).add(row_id)
    queries = list(_rows(folder / "queries.jsonl"))
    asked = [
        Asked(row["text"], language, frozenset(right[row["id"]]))
        for row in queries
        if row["id"] in right
    ]
    return make_set(folder.name, _beir_rows(folder), asked[: limit or None])


def _beir_rows(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    for row in _rows(folder / "corpus.jsonl.gz"):
        match = LABEL.match(row.get("title", ""))
        title, label = (match["law"], match["label"]) if match else (row.get("title", ""), "")
        yield row["id"], title or folder.name, label, row["text"]


def read_unseen(questions: Path, data: Path) -> LabelledSet:
    """Return the questions on laws kept out of training, over all of those laws."""
    reserved = (data / "reserved_laws.txt").read_text("utf-8").split()
    latest: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in _rows(data / "laws" / "articles.jsonl.gz"):
        name = row["law"].removeprefix("中华人民共和国")
        if name in reserved:
            latest.setdefault(name, {}).setdefault(row["version"] or "", []).append(row)
    rows = [
        (f"{name}{row['article']}", name, row["article"], row["text"])
        for name, versions in latest.items()
        for row in versions[max(versions)]
        if row["kind"] == "article"
    ]
    known = {row[0] for row in rows}
    asked = []
    for line in _rows(questions):
        right = frozenset(f"{line['law']}{article}" for article in line["gold_articles"])
        if not right <= known:
            raise ValueError(f"{line['id']}: {sorted(right - known)} are not in {data}")
        asked.append(Asked(line["question"], line["language"], right))
    return make_set("unseen laws", rows, asked)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    for line in text.split("\n"):
        if line.strip():
            yield json.loads(line)
