"""One snapshot being served, and what is looked up in it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from qa.confidence import Calibration
from qa.cross_references import CrossReference
from qa.document_names import names_of
from qa.errors import DocumentNotFoundError
from qa.faq import Faq
from qa.models import Clause, Document
from qa.retriever import Retriever
from qa.snapshots import Snapshot
from qa.text import normalise
from qa.verification import letters_of


@dataclass(frozen=True)  # no slots: `letters` is kept once it is made
class Served:
    """One snapshot being served, and what is looked up in it; replaced whole by a refresh."""

    snapshot: Snapshot
    retriever: Retriever
    documents: Mapping[str, Document]
    positions: Mapping[str, int]
    translations: Mapping[str, str]
    calibration: Calibration
    faq: Faq
    crossing: dict[str, dict[str, list[CrossReference]]] = field(default_factory=dict)

    @functools.cached_property
    def letters(self) -> tuple[str, ...]:
        """Return the letters of each clause and of its translation, made when first asked for."""
        return tuple(
            f"{letters_of(clause.text)} {letters_of(self.translations.get(clause.id, ''))}"
            for clause in self.snapshot.clauses
        )


def document_of(served: Served, document_id: str) -> Document:
    """Return a document; raises DocumentNotFoundError."""
    if document_id not in served.documents:
        known = ", ".join(list(served.documents)[:20])
        raise DocumentNotFoundError(
            f"there is no document {document_id[:120]!r}; the ids are: {known or 'none yet'}"
        )
    return served.documents[document_id]


def clauses_of(served: Served, document_id: str) -> tuple[Clause, ...]:
    """Return a document's clauses in order; raises DocumentNotFoundError."""
    document_of(served, document_id)
    return tuple(served.snapshot.clauses_of(served.positions[document_id]))


def id_of_name(served: Served, name: str) -> str:
    """Return the id of the document with exactly this name, "" where none or several have it."""
    places = [some for start, _, some in served.retriever.names.find_at(name) if start == 0]
    whole = [one for some in places for one in some if normalise(name) in names_of(one)]
    return whole[0].id if len(whole) == 1 else ""
