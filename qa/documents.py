"""Files and their catalog → documents, read, decoded and cleaned."""

from __future__ import annotations

import codecs
import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import tomlkit
from charset_normalizer import from_bytes

from qa.cleaning import CleanText, clean_text
from qa.errors import CorpusError, DocumentNotFoundError
from qa.models import Document

CATALOG = "catalog.toml"
FOLDER = "documents"
SUFFIXES = (".txt", ".md")

_TEXT_KEYS = ("id", "title", "title_en", "issuer", "kind", "number", "source", "file")
_DATE_KEYS = ("issued", "effective", "expires", "repealed")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
# What a file of another kind begins with, whatever its name says.
_MAGIC = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive (perhaps a Word or Excel file)",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
}


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
            raise CorpusError(f"{catalog}: {path.name!r} lies outside {corpus / FOLDER}; move it there")
        documents.append(_document(path, fields, entry))
    return documents


def read_document_file(path: Path) -> Document:
    """Return one file as a document, with the id and the title that the file itself suggests."""
    cleaned = read_text(path)
    title = title_of(cleaned.text) or path.stem
    return Document(
        id=id_of(path.stem),
        title=title,
        text=cleaned.text,
        source=path.name,
        path=str(path),
        lines=cleaned.lines,
    )


def add_document(
    corpus: Path, file: Path, *, title: str = "", effective: date | None = None, document_id: str = ""
) -> Document:
    """Copy a file into the corpus and enter it in the catalog; return the document.

    The same id again replaces the file and its entry. Raises CorpusError.
    """
    read = read_document_file(file)
    document_id = document_id or read.id
    if not _ID.fullmatch(document_id):
        raise CorpusError(
            f"{file}: {document_id!r} cannot be an id; give one of a-z, 0-9 and -, like `--id my-rules`"
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
    effective = effective or effective_date_of(read.text)
    if effective:
        entry["effective"] = effective
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
            f"{corpus / CATALOG} has no document {document_id!r}; it has {', '.join(documents) or 'none'}"
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


def read_text(path: Path) -> CleanText:
    """Return the cleaned text of a file; raises CorpusError for what is not readable text."""
    if path.suffix.lower() not in SUFFIXES:
        raise CorpusError(
            f"{path}: {path.suffix or 'no suffix'} is not read; save it as one of {', '.join(SUFFIXES)}"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror or error}; check the name and its rights") from error
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            raise CorpusError(f"{path}: is {kind}, not the text its name says; save its text as .txt")
    raw = decode(data, str(path))
    if path.suffix.lower() == ".md":
        raw = _without_markdown(raw)
    cleaned = clean_text(raw)
    if not cleaned.text.strip():
        raise CorpusError(f"{path}: holds no text; a scan must be read by OCR first")
    return cleaned


def decode(data: bytes, name: str) -> str:
    """Return text from bytes in UTF-8, UTF-16 with a mark, GB18030 or Big5; raises CorpusError."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return _decode_strictly(data, encoding, name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        guess = from_bytes(data, cp_isolation=["gb18030", "big5"]).best()
        text = _decode_strictly(data, guess.encoding if guess else "gb18030", name)
    if text.count("\x00") or sum(ord(one) < 32 and one not in "\t\n\r\f\v" for one in text) * 50 > len(text):
        raise CorpusError(f"{name}: is not text (it holds control bytes); save its text as .txt")
    return text


def _decode_strictly(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{name}: byte {error.start} is not {encoding}; save the file as UTF-8"
        ) from error


def _without_markdown(raw: str) -> str:
    """Return Markdown as lines of text: comments emptied, heading and emphasis marks dropped."""
    raw = re.sub(r"<!--.*?-->", lambda match: "\n" * match.group().count("\n"), raw, flags=re.S)
    raw = re.sub(r"^[ \t]*#{1,6}[ \t]+", "", raw, flags=re.M)
    return re.sub(r"\*\*(.+?)\*\*", r"\1", raw)


_TITLE = re.compile(r"^《?([^。；，]{4,80}?(?:法|条例|规定|办法|细则|决定|意见|方案|通知|规划|纲要|公告|通告|报告|决议|解释|规则|章程|制度|指南|研究|措施|标准|政策|准则|议事规则)(?:[（(][^）)]*[）)])?)》?$")


def title_of(text: str) -> str:
    """Return the title among the first lines of a text: one that ends as titles do, else the first.

    >>> title_of("上海市数据条例\\n（2021年11月25日通过）\\n第一章 总则")
    '上海市数据条例'
    """
    lines = [line.strip() for line in text.split("\n")[:12] if line.strip()]
    for line in lines:
        match = _TITLE.match(line)
        if match:
            return match.group(1)
    return lines[0][:80] if lines else ""


def effective_date_of(text: str) -> date | None:
    """Return the date from which a text says it applies: 自2020年5月1日起施行."""
    match = re.search(r"自\s*(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日\s*起\s*(?:施行|实施|生效|执行)", text)
    return _date(*match.groups()) if match else None


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def id_of(stem: str) -> str:
    """Return an id made of a file name: lower case, a-z 0-9 and -; other scripts by code point."""
    words = re.findall(r"[a-z0-9]+", stem.lower())
    others = re.sub(r"[\x00-\x7f]", "", stem)
    if others:
        words.append(f"{int.from_bytes(codecs.encode(others, 'utf-8')) % 0xFFFFFFFB:08x}")
    return "-".join(words)[:80].strip("-") or "document"


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
            raise CorpusError(f"{catalog}: a [[document]] has no {key} ({dict(entry)!r:.80}); add it")
    if not _ID.fullmatch(fields["id"]):
        raise CorpusError(f"{catalog}: id {fields['id']!r} may hold only a-z, 0-9 and -")
    return fields


def _document(path: Path, fields: Mapping[str, str], entry: Mapping[str, object]) -> Document:
    cleaned = read_text(path)
    dates = {}
    for key in _DATE_KEYS:
        value = entry.get(key)
        if value is not None and type(value) is not date:
            raise CorpusError(f"{path.name}: {key} = {value!r} must be a date such as 2020-05-01")
        dates[key] = value
    aliases = entry.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise CorpusError(f"{path.name}: aliases must be a list of names in quotes")
    return Document(
        text=cleaned.text,
        aliases=tuple(aliases),
        path=str(path),
        lines=cleaned.lines,
        **fields,
        **dates,
    )


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


def load_translations(corpus: Path) -> dict[str, str]:
    """Return the reference translations under `translations/`: clause id → English text.

    Each file is a TOML table of clause keys, named after its document. Raises CorpusError.
    """
    found: dict[str, str] = {}
    for path in sorted((corpus / "translations").glob("*.toml")):
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise CorpusError(f"{path}: {error}; mend that line") from error
        found.update({f"{path.stem}#{key}": str(text) for key, text in table.items()})
    return found
