"""Files → documents: read, decoded and cleaned, with what the text says of itself."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Callable
from pathlib import Path

from charset_normalizer import from_bytes

from qa.cleaning import CleanText, clean_paragraphs, clean_text
from qa.errors import CorpusError, WorkbookError
from qa.models import Document
from qa.readers.page import read_page
from qa.readers.pdf import read_pdf
from qa.readers.rows import read_sheets
from qa.readers.word import read_word

SUFFIXES = (".txt", ".md", ".pdf", ".docx", ".html", ".htm", ".xlsx")
_PARAGRAPHS: dict[str, Callable[[Path], list[str]]] = {
    ".docx": read_word,
    ".html": read_page,
    ".htm": read_page,
    ".xlsx": read_sheets,
}
_EXPECTED = {".pdf": b"%PDF", ".docx": b"PK\x03\x04", ".xlsx": b"PK\x03\x04"}
LARGEST = 200_000_000  # bytes of a file

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


def read_text(path: Path) -> CleanText:
    """Return the cleaned text of a file; raises CorpusError for what is not readable text."""
    if path.suffix.lower() not in SUFFIXES:
        raise CorpusError(
            f"{path}: {path.suffix or 'no suffix'} is not read; "
            f"save it as one of {', '.join(SUFFIXES)}"
        )
    suffix = path.suffix.lower()
    try:
        if path.stat().st_size > LARGEST:
            raise CorpusError(f"{path}: is larger than {LARGEST // 10**6} MB; split it")
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"{path}: {error.strerror or error}; check the name and its rights"
        ) from error
    expected = _EXPECTED.get(suffix, b"")
    if not data.lstrip()[:1024].startswith(expected) and expected not in data[:1024]:
        raise CorpusError(f"{path}: is not the {suffix[1:]} its name says; save it anew")
    if suffix == ".pdf":
        return _not_empty(path, clean_text(read_pdf(path)))
    if suffix in _PARAGRAPHS:
        is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        if b"\x00" in data[:1024] and suffix.startswith(".htm") and not is_utf16:
            raise CorpusError(f"{path}: is not the page its name says; save it anew")
        return _not_empty(path, clean_paragraphs(_read_paragraphs(path, suffix)))
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            raise CorpusError(
                f"{path}: is {kind}, not the text its name says; save its text as .txt"
            )
    raw = decode(data, str(path))
    if path.suffix.lower() == ".md":
        raw = _without_markdown(raw)
    return _not_empty(path, clean_text(raw))


def _read_paragraphs(path: Path, suffix: str) -> list[str]:
    try:
        return _PARAGRAPHS[suffix](path)
    except WorkbookError as error:
        raise CorpusError(str(error)) from error


def _not_empty(path: Path, cleaned: CleanText) -> CleanText:
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
    if text.count("\x00") or sum(
        ord(one) < 32 and one not in "\t\n\r\f\v" for one in text
    ) * 50 > len(text):
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


_TITLE_ENDS = (
    "法 条例 规定 办法 细则 决定 意见 方案 通知 规划 纲要 公告 通告 报告 决议 解释 规则 章程 制度 "
    "指南 研究 措施 标准 政策 准则"
).replace(" ", "|")
_TITLE = re.compile(rf"^《?([^。；，]{{4,80}}?(?:{_TITLE_ENDS})(?:[（(][^）)]*[）)])?)》?$")


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


def id_of(stem: str) -> str:
    """Return an id made of a file name: a-z, 0-9 and -; other scripts by their checksum."""
    words = re.findall(r"[a-z0-9]+", stem.lower())
    others = re.sub(r"[\x00-\x7f]", "", stem)
    if others:
        words.append(f"{zlib.crc32(others.encode()):08x}")
    return "-".join(words)[:80].strip("-") or "document"
