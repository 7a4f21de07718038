"""A reference and the clauses of a document → the clause, paragraph and item that it means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qa.models import Clause, Item, Paragraph, Reference
from qa.numbering import Level, opening_of

MOST_BELOW = 5  # points that a heading brings


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference means: a clause, and the number of its paragraph and the label of its item.

    `has_all` is false where the clause has no such paragraph or item; then it stands for itself.
    """

    clause: Clause
    paragraph: int = 0
    item: str = ""
    has_all: bool = True


def resolve(reference: Reference, clauses: Sequence[Clause]) -> list[Clause]:
    """Return the clauses of one document that a reference means, none where it has no such one.

    An article by its key; in a document without articles, a point by its own running number, or
    by the headings above it (二（四）8), where a heading stands for the points below it.
    """
    if reference.outline:
        key = ".".join(map(str, reference.numbers))
        exact = [one for one in clauses if one.key == key and one.paragraphs]
        below = [one for one in clauses if one.key.startswith(key + ".") and one.paragraphs]
        return exact or below[:MOST_BELOW]
    key = key_of(reference)
    exact = [clause for clause in clauses if clause.key == key and is_article(clause)]
    if exact or any(is_article(clause) for clause in clauses):
        return exact
    points = [
        clause for clause in clauses if re.fullmatch(rf"(?:\d+\.)+{re.escape(key)}", clause.key)
    ]
    # Points numbered 1, 2, 3 through the whole document come before those under one heading.
    running = [clause for clause in points if clause.label.endswith(key)] or points
    return running if len(running) == 1 else []


def target_of(reference: Reference, clause: Clause) -> Target:
    """Return the paragraph and item of a clause that a reference means.

    An item without a paragraph is the first of that number in the whole clause.
    """
    paragraphs = clause.paragraphs
    if reference.paragraph > len(paragraphs):
        return Target(clause, has_all=False)
    if reference.paragraph:
        paragraphs = paragraphs[reference.paragraph - 1 : reference.paragraph]
    if not reference.item:
        return Target(clause, reference.paragraph)
    for paragraph in paragraphs:
        for item in paragraph.items:
            if number_of_item(item) == reference.item:
                return Target(clause, paragraph.number, item.label)
    return Target(clause, reference.paragraph, has_all=False)


def span_of(clause: Clause, paragraph: int, item: str) -> tuple[int, int]:
    """Return the span of a paragraph or item of a clause in its document; of the clause for 0."""
    if not paragraph:
        return clause.start, clause.end
    one: Paragraph | Item = clause.paragraphs[paragraph - 1]
    if item:
        one = next(i for i in clause.paragraphs[paragraph - 1].items if i.label == item)
    return one.start, one.end


def number_of_item(item: Item) -> int:
    """Return the number of an item: （三） → 3; 0 where its label is none."""
    mark = opening_of(item.label)
    return mark.numbers[-1] if mark else 0


def key_of(reference: Reference) -> str:
    """Return the key of the article that a reference means: 25, or 25-1 for 第二十五条之一."""
    return "-".join(map(str, reference.numbers))


def is_article(clause: Clause) -> bool:
    """Return whether a clause is an article: 第…条 or Article N."""
    return opening_of(clause.label).level is Level.ARTICLE


def last_article(clauses: Sequence[Clause]) -> int:
    """Return the highest article number among clauses, 0 where there are no articles."""
    numbers = [int(clause.key) for clause in clauses if clause.key.isdigit() and is_article(clause)]
    return max(numbers, default=0)
