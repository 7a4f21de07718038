"""What people add beside a document: translations of its clauses, and questions about them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qa.errors import CorpusError

TRANSLATIONS = "translations"
QUESTIONS = "questions"


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The reference translation of one clause ("" where there is none) and its questions."""

    translation: str = ""
    questions: tuple[str, ...] = ()


NONE = Enrichment()


def load_enrichment(corpus: Path) -> dict[str, Enrichment]:
    """Return what stands beside the documents of a corpus, by clause id.

    `translations/ID.toml` holds clause key = text, a line for each paragraph;
    `questions/ID.toml` a table for each clause key with lists zh and en. Raises CorpusError.
    """
    translations = load_translations(corpus)
    questions: dict[str, tuple[str, ...]] = {}
    for path, table in _tables(corpus / QUESTIONS):
        for key, lists in table.items():
            if not isinstance(lists, dict):
                raise CorpusError(f"{path}: {key!r} must be a table with lists zh and en")
            asked = [
                str(one).strip() for some in lists.values() for one in _listed(path, key, some)
            ]
            questions[f"{path.stem}#{key}"] = tuple(filter(None, asked))
    return {
        clause_id: Enrichment(translations.get(clause_id, ""), questions.get(clause_id, ()))
        for clause_id in translations.keys() | questions.keys()
    }


def load_translations(corpus: Path) -> dict[str, str]:
    """Return the reference translations: clause id → English text. Raises CorpusError."""
    return {
        f"{path.stem}#{key}": str(text).strip()
        for path, table in _tables(corpus / TRANSLATIONS)
        for key, text in table.items()
    }


def _tables(folder: Path) -> list[tuple[Path, Mapping[str, object]]]:
    found: list[tuple[Path, Mapping[str, object]]] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found.append((path, tomllib.loads(path.read_text("utf-8"))))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise CorpusError(f"{path}: {error}; mend that line") from error
    return found


def _listed(path: Path, key: str, some: object) -> list[object]:
    if not isinstance(some, list):
        raise CorpusError(f'{path}: the questions of {key!r} must be lists such as zh = ["…"]')
    return some
