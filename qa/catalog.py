"""The corpus folder: its catalog, its files, its translations."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import tomlkit

from qa.dates import read_dates
from qa.documents import read_document_file, read_text
from qa.errors import CorpusError, DocumentNotFoundError
from qa.models import Document

CATALOG = "catalog.toml"
FOLDER = "documents"

_TEXT_KEYS = ("id", "title", "title_en", "issuer", "kind", "number", "source", "file")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


def load_documents(corpus: Path) -> list[Document]:
    """Return every document of a corpus folder, in the order of its catalog.

    Raises CorpusError where the catalog or a file cannot be read.
    """
    catalog = corpus / CATALOG
    documents = []
    seen: dict[str, str] = {}
    for entry in _read_catalog(catalog):
        fields = _entry_fields(catalog, entry)
        if fields["id"] in seen:
            raise CorpusError(f"{catalog}: two documents have the id {fields['id']!r}; rename one")
        seen[fields["id"]] = fields["title"]
        path = corpus / FOLDER / fields.pop("file")
        if not path.resolve().is_relative_to((corpus / FOLDER).resolve()):
            raise CorpusError(
                f"{catalog}: {path.name!r} lies outside {corpus / FOLDER}; move it there"
            )
        documents.append(_document(path, fields, entry))
    return _with_successors(documents)


def _with_successors(documents: list[Document]) -> list[Document]:
    """Return the documents, those that another one puts out of force marked as repealed by it."""
    ended: dict[str, tuple[date, str]] = {}
    for one in documents:
        names = read_dates(one.title, one.text).repeals
        if one.effective:
            ended |= dict.fromkeys(map(_plain, names), (one.effective, one.title))
    found = []
    for one in documents:
        day, successor = ended.get(_plain(one.title), (None, ""))
        if day and (one.effective is None or one.effective < day):
            one = replace(one, repealed=one.repealed or day, successor=successor)  # noqa: PLW2901
        found.append(one)
    return found


def _plain(title: str) -> str:
    return re.sub(r"[\s（）()]", "", title).removeprefix("中华人民共和国")


def add_document(
    corpus: Path,
    file: Path,
    *,
    title: str = "",
    effective: date | None = None,
    document_id: str = "",
) -> Document:
    """Copy a file into the corpus and enter it in the catalog; return the document.

    The same id again replaces the file and its entry. Raises CorpusError.
    """
    read = read_document_file(file)
    document_id = document_id or read.id
    if not _ID.fullmatch(document_id):
        raise CorpusError(
            f"{file}: {document_id!r} cannot be an id; "
            "give one of a-z, 0-9 and -, like `--id my-rules`"
        )
    name = f"{document_id}{file.suffix.lower()}"
    target = corpus / FOLDER / name
    target.parent.mkdir(parents=True, exist_ok=True)
    catalog = corpus / CATALOG
    table = _open_catalog(catalog)
    entries = table.setdefault("document", tomlkit.aot())
    kept = [entry for entry in entries if entry.get("id") == document_id]
    if kept:
        entry = kept[0]
        if entry.get("file") not in (None, name):
            (corpus / FOLDER / str(entry["file"])).unlink(missing_ok=True)
    else:
        entry = tomlkit.table()
        entries.append(entry)
    entry.update({"id": document_id, "file": name, "source": file.name})
    entry["title"] = title or str(entry.get("title", "")) or read.title
    said = read_dates(str(entry["title"]), read.text)
    for key, day in (("effective", effective or said.effective), ("expires", said.expires)):
        if day:
            entry[key] = day
        elif kept:
            entry.pop(key, None)
    if target.resolve() != file.resolve():
        partial = target.with_suffix(target.suffix + ".partial")
        shutil.copyfile(file, partial)
        os.replace(partial, target)
    _write_catalog(catalog, table)
    return next(one for one in load_documents(corpus) if one.id == document_id)


def remove_document(corpus: Path, document_id: str) -> Document:
    """Take a document out of the corpus, its file and its catalog entry; return it."""
    documents = {document.id: document for document in load_documents(corpus)}
    if document_id not in documents:
        raise DocumentNotFoundError(
            f"{corpus / CATALOG} has no document {document_id!r}; "
            f"it has {', '.join(documents) or 'none'}"
        )
    catalog = corpus / CATALOG
    table = _open_catalog(catalog)
    entries = table["document"]
    index = next(i for i, entry in enumerate(entries) if entry["id"] == document_id)
    file = str(entries[index]["file"])
    del entries[index]
    _write_catalog(catalog, table)
    (corpus / FOLDER / file).unlink(missing_ok=True)
    return documents[document_id]


def _read_catalog(catalog: Path) -> list[Mapping[str, object]]:
    try:
        table = tomllib.loads(catalog.read_text("utf-8"))
    except OSError as error:
        raise CorpusError(
            f"{catalog}: {error.strerror or error}; `tiaowen add FILE` makes a catalog"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CorpusError(f"{catalog}: {error}; mend that line") from error
    entries = table.get("document", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CorpusError(f"{catalog}: `document` must be written [[document]], a table for each")
    return entries


def _entry_fields(catalog: Path, entry: Mapping[str, object]) -> dict[str, str]:
    fields = {}
    for key in _TEXT_KEYS:
        value = entry.get(key, "")
        if not isinstance(value, str):
            raise CorpusError(f"{catalog}: {key} = {value!r} must be text in quotes")
        fields[key] = value
    for key in ("id", "file", "title"):
        if not fields[key]:
            raise CorpusError(
                f"{catalog}: a [[document]] has no {key} ({dict(entry)!r:.80}); add it"
            )
    if not _ID.fullmatch(fields["id"]):
        raise CorpusError(f"{catalog}: id {fields['id']!r} may hold only a-z, 0-9 and -")
    return fields


def _document(path: Path, fields: Mapping[str, str], entry: Mapping[str, object]) -> Document:
    cleaned = read_text(path)
    aliases = entry.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise CorpusError(f"{path.name}: aliases must be a list of names in quotes")
    return Document(
        id=fields["id"],
        title=fields["title"],
        text=cleaned.text,
        title_en=fields["title_en"],
        aliases=tuple(aliases),
        issuer=fields["issuer"],
        kind=fields["kind"],
        number=fields["number"],
        issued=_day(path, entry, "issued"),
        effective=_day(path, entry, "effective"),
        expires=_day(path, entry, "expires"),
        repealed=_day(path, entry, "repealed"),
        source=fields["source"],
        path=str(path),
        lines=cleaned.lines,
    )


def _day(path: Path, entry: Mapping[str, object], key: str) -> date | None:
    value = entry.get(key)
    if value is None or type(value) is date:
        return value
    raise CorpusError(f"{path.name}: {key} = {value!r} must be a date such as 2020-05-01")


def _open_catalog(catalog: Path) -> tomlkit.TOMLDocument:
    if not catalog.exists():
        return tomlkit.document()
    _read_catalog(catalog)
    return tomlkit.parse(catalog.read_text("utf-8"))


def _write_catalog(catalog: Path, table: tomlkit.TOMLDocument) -> None:
    catalog.parent.mkdir(parents=True, exist_ok=True)
    partial = catalog.with_suffix(".toml.partial")
    partial.write_text(tomlkit.dumps(table), "utf-8")
    os.replace(partial, catalog)
