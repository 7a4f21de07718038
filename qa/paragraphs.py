"""The body of a clause → its paragraphs (款) and their items (项), as exact spans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qa.models import Item, Paragraph
from qa.numbering import Level, opening_of

SENTENCE_END = re.compile(r"[。！？；：;:!?][”’」』）)]*$")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document's cleaned text, and where it stands in it."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """Return the offset behind the line's last character."""
        return self.start + len(self.text)


def lines_of(text: str) -> list[Line]:
    """Return the lines of a text that are not blank."""
    lines = []
    start = 0
    for line in text.split("\n"):
        if line.strip():
            lines.append(Line(line.rstrip(), start))
        start += len(line) + 1
    return lines


def trim(line: Line, characters: int) -> Line:
    """Return a line without its first characters and the space behind them."""
    rest = line.text[characters:]
    stripped = rest.lstrip()
    return Line(stripped, line.start + characters + len(rest) - len(stripped))


@dataclass(slots=True)
class _Draft:
    start: int
    end: int
    level: Level = Level.NONE
    items: list[tuple[str, int, int]] | None = None


def split_paragraphs(body: Sequence[Line], text: str, *, tables: bool) -> tuple[Paragraph, ...]:
    """Return the paragraphs of a clause body: a line each, with the marked lines below as items.

    The body has no clause label. A line without a mark after items opens a new paragraph. With
    `tables`, a run of three or more scraps (short lines that end no sentence, as a flattened
    table or the boxes of a figure leave them) is one paragraph.
    """
    drafts: list[_Draft] = []
    scraps = _scraps(body) if tables else frozenset()
    for index, line in enumerate(body):
        if not line.text:
            continue
        mark = opening_of(line.text)
        if index in scraps and index - 1 in scraps and drafts:
            drafts[-1].end = line.end
        elif mark.level > Level.ARTICLE and index not in scraps:
            _add_item(drafts, line, mark.level, mark.label, mark.width)
        else:
            drafts.append(_Draft(line.start, line.end))
    return tuple(_paragraph(number, draft, text) for number, draft in enumerate(drafts, start=1))


def _add_item(drafts: list[_Draft], line: Line, level: Level, label: str, width: int) -> None:
    """Add a marked line: to the paragraph above as an item, or to its last item as a sub-item."""
    if not drafts:
        drafts.append(_Draft(line.start, line.end))
    draft = drafts[-1]
    draft.end = line.end
    if draft.items is None:
        draft.items, draft.level = [], level
    last = draft.items[-1] if draft.items else None
    if last is not None and level > draft.level:
        draft.items[-1] = (last[0], last[1], line.end)
    else:
        draft.items.append((label, trim(line, width).start, line.end))


def _scraps(body: Sequence[Line]) -> frozenset[int]:
    """Return the indices of lines in runs of at least three short lines that end no sentence."""
    found: set[int] = set()
    run: list[int] = []
    for index, line in enumerate([*body, Line("。", 0)]):
        if len(line.text) <= 40 and not SENTENCE_END.search(line.text) and line.text:
            run.append(index)
            continue
        if len(run) >= 3:
            found.update(run)
        run = []
    return frozenset(found)


def _paragraph(number: int, draft: _Draft, text: str) -> Paragraph:
    items = tuple(
        Item(label, text[start:end], start, end) for label, start, end in draft.items or ()
    )
    return Paragraph(number, text[draft.start : draft.end], draft.start, draft.end, items)
