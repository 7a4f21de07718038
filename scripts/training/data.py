"""Read the texts that the encoder may learn from; the reserved laws never pass this module."""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qa.lexicon import read_pairs

STATUTE_PARALLEL = ("tw-laws-paras", "tw-laws-articles", "tw-law-titles")
GENERAL_PARALLEL = (
    "tatoeba",
    "docs-mindspore",
    "docs-angular-cn",
    "docs-rust-book",
    "docs-hf-course",
    "docs-dart-cn",
    "tico19",
    "login-gov-ui",
    "sdg-goals",
    "prc-constitution",
)
SHINGLE = 30
STRIDE = 6
EDITION = re.compile(r"[(\[〔【].*?[)\]〕】]")
SYMBOL = re.compile(r"[\W_]+")
LABEL = re.compile(r"^(第[〇零一二三四五六七八九十百千]+条(?:之[一二三四五六七八九十]+)?)[\s　]*")


@dataclass(frozen=True, slots=True)
class Article:
    """One article of a statute: the law's name, the chapter above it, the text without label."""

    law: str
    chapter: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One article or passage with the questions that it answers."""

    law: str
    chapter: str
    label: str
    text: str
    zh: tuple[str, ...]
    en: tuple[str, ...]
    gist: str


def law_key(name: str) -> str:
    """Return a law's name without 中华人民共和国, edition, part, spaces and quotation marks."""
    plain = unicodedata.normalize("NFKC", name).replace("《", "").replace("》", "")
    return EDITION.sub("", re.sub(r"\s", "", plain)).removeprefix("中华人民共和国")


def compact(text: str) -> str:
    """Return the letters and digits of a text, NFKC, so that layout hides nothing."""
    return SYMBOL.sub("", unicodedata.normalize("NFKC", text)).lower()


class Guard:
    """Knows the reserved laws and documents by name and by every run of 30 characters."""

    def __init__(self, names: Iterable[str], texts: Iterable[str] = ()) -> None:
        self.names = {law_key(name) for name in names}
        self.runs: set[str] = set()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Reserve a text: a row that shares a long run with it is refused from now on."""
        letters = compact(text)
        self.runs.update(letters[i : i + SHINGLE] for i in range(len(letters) - SHINGLE + 1))

    def refuses_law(self, name: str) -> bool:
        """Tell whether a law is reserved; an amendment of a reserved law is reserved with it."""
        key = law_key(name)
        return key in self.names or any(key.startswith(own + "修正案") for own in self.names)

    def refuses_text(self, text: str) -> bool:
        """Tell whether a text shares a run of about 36 characters with a reserved one."""
        letters = compact(text)
        last = len(letters) - SHINGLE
        return any(letters[i : i + SHINGLE] in self.runs for i in range(0, last + 1, STRIDE))


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, packed by gzip or plain."""
    packed = path.suffix == ".gz"
    with gzip.open(path) if packed else path.open("rb") as file:
        for line in file:
            yield line.decode("utf-8").rstrip("\n")


def read_articles(data: Path, documents: Iterable[Path]) -> tuple[list[Article], Guard]:
    """Return the articles of the latest version of each law, and the guard made on the way."""
    guard = Guard(name for name in read_lines(data / "reserved_laws.txt") if name.strip())
    for path in documents:
        guard.add(path.read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in read_lines(data / "laws" / "articles.jsonl.gz")]
    latest: dict[tuple[str, str], str] = {}
    for row in rows:
        key = (row["law"], row["part"])
        latest[key] = max(latest.get(key, ""), row["version"])
        if guard.refuses_law(row["law"]):
            guard.add(row["text"])
    articles = []
    for row in rows:
        if row["version"] == latest[row["law"], row["part"]] and not guard.refuses_law(row["law"]):
            text = row["text"].strip()
            if text and not guard.refuses_text(text):
                articles.append(Article(row["law"], row["chapter"], row["article"], text))
    return articles, guard


def read_questions(
    files: Iterable[Path], guard: Guard, articles: Iterable[Article]
) -> list[QuestionRow]:
    """Return the question rows whose law and text are free, with the chapter where it is known."""
    chapters = {(law_key(one.law), one.label): one.chapter for one in articles}
    rows: dict[tuple[str, str], QuestionRow] = {}
    for path in files:
        for line in read_lines(path):
            row = json.loads(line)
            law, text = row["law"].strip(), row["text"].strip()
            if guard.refuses_law(law) or guard.refuses_text(text):
                continue
            found = LABEL.match(text)
            label = found.group(1) if found else ""
            body = text[found.end() :] if found else text
            chapter = chapters.get((law_key(law), label), "")
            old = rows.get((law, text))
            zh = (*(old.zh if old else ()), *row["zh"])
            en = (*(old.en if old else ()), *row["en"])
            rows[law, text] = QuestionRow(law, chapter, label, body, zh, en, row["gist"])
    return list(rows.values())


def read_parallel(data: Path, names: Iterable[str], guard: Guard) -> list[tuple[str, str]]:
    """Return the (Chinese, English) pairs of the named files that share nothing reserved."""
    pairs: dict[tuple[str, str], None] = {}
    for name in names:
        for line in read_lines(data / "parallel" / f"{name}.tsv.gz"):
            zh, _, en = line.partition("\t")
            zh, en = zh.strip(), en.strip()
            if zh and en and not guard.refuses_law(zh) and not guard.refuses_text(zh):
                pairs[zh, en] = None
    return list(pairs)


def read_own_terms(package: Path) -> list[tuple[str, str]]:
    """Return the pairs of our own glossaries: Chinese and English, everyday and legal words."""
    return [
        pair for name in ("glossary.tsv", "everyday.tsv") for pair in read_pairs(package / name)
    ]


def read_terms(data: Path) -> list[tuple[str, str, str]]:
    """Return the dictionary's (Chinese, English, domain) entries of sensible length."""
    terms = []
    for line in read_lines(data / "terms" / "ecdict_term_pairs.tsv.gz"):
        en, zh, *domain = line.split("\t")
        if 2 <= len(en) <= 60 and 1 <= len(zh) <= 16 and not en.startswith("'"):
            terms.append((zh.strip(), en.strip(), domain[0] if domain else ""))
    return terms
