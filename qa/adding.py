"""A document entered or replaced, and what stood beside clauses that have changed set aside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from qa.catalog import CATALOG, add_document, load_documents
from qa.clauses import split_clauses
from qa.documents import read_document_file
from qa.enrichment import QUESTIONS, TRANSLATIONS
from qa.errors import CorpusError
from qa.models import Document

ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class Added:
    """The document as entered, and the keys of clauses whose translations were set aside."""

    document: Document
    set_aside: tuple[str, ...]


def enter_document(
    corpus: Path,
    file: Path,
    *,
    title: str = "",
    effective: date | None = None,
    document_id: str = "",
) -> Added:
    """Enter a file, as `add_document` does; the same id again replaces the document.

    A translation or a question of a clause that reads otherwise now would mislead: it goes into
    a file of the folder `aside`, which is not read. Raises CorpusError.
    """
    wanted = document_id or read_document_file(file).id
    old = [one for one in _documents(corpus) if one.id == wanted]
    before = {clause.key: clause.text for one in old for clause in split_clauses(one)}
    document = add_document(corpus, file, title=title, effective=effective, document_id=document_id)
    after = {clause.key: clause.text for clause in split_clauses(document)}
    changed = [key for key, text in before.items() if after.get(key) != text]
    moved = [
        key
        for folder in (TRANSLATIONS, QUESTIONS)
        for key in _set_aside(corpus / folder / f"{document.id}.toml", changed)
    ]
    return Added(document, tuple(dict.fromkeys(moved)))


def _documents(corpus: Path) -> list[Document]:
    return load_documents(corpus) if (corpus / CATALOG).exists() else []


def _set_aside(path: Path, keys: Sequence[str]) -> list[str]:
    """Take keys out of a file, the whole of which is kept beside; return those it had."""
    if not keys or not path.is_file():
        return []
    try:
        table = tomlkit.parse(path.read_text("utf-8"))
        there = [key for key in keys if key in table]
        if not there:
            return []
        folder = path.parent / ASIDE
        folder.mkdir(exist_ok=True)
        number = len(list(folder.glob(f"{path.stem}.*.toml"))) + 1
        shutil.copyfile(path, folder / f"{path.stem}.{number}.toml")
        for key in there:
            del table[key]
        partial = path.with_suffix(".toml.partial")
        partial.write_text(tomlkit.dumps(table), "utf-8")
        os.replace(partial, path)
    except (TOMLKitError, UnicodeDecodeError, OSError) as error:
        raise CorpusError(
            f"{path}: {error}; mend that file, then add the document again"
        ) from error
    return there
