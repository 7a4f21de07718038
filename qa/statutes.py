"""Text with articles → sections: front matter, headings, articles (第…条, Article N), annexes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qa.numbering import Level, Mark, follows, opening_of
from qa.paragraphs import Line, trim

ANNEX = re.compile(
    r"(附\s*(?:件|表|录|图)\s*[一二三四五六七八九十\d]*|附(?=[：:]))\s*(?:[：:].{0,60}|.{0,40})$"
)
FRONT_LABEL = "前言"
FRONT_KEY = "0"


@dataclass(frozen=True, slots=True)
class Section:
    """A run of lines that becomes one clause: its key, label and path, and its body lines.

    A section without body is a heading alone.
    """

    key: str
    label: str
    path: tuple[str, ...]
    lines: tuple[Line, ...]
    body: tuple[Line, ...]


def article_indices(lines: Sequence[Line]) -> list[int]:
    """Return which lines open an article.

    A mark with no space behind it opens one only where its number goes on from the last; one
    with a space may leave a gap, which `find_gaps` reports.
    """
    found: list[int] = []
    last: tuple[int, ...] = ()
    for index, line in enumerate(lines):
        mark = opening_of(line.text)
        if mark.level is not Level.ARTICLE:
            continue
        if (
            mark.spaced
            or (not last and mark.numbers == (1,))
            or (last and follows(mark.numbers, last))
        ):
            found.append(index)
            last = mark.numbers
    return found


def split_statute(lines: Sequence[Line], articles: Sequence[int]) -> list[Section]:
    """Return the sections of a text from the first heading of its first article on.

    The lines before that are the caller's: see `front_end`.
    """
    opens = frozenset(articles)
    sections: list[Section] = []
    path: list[tuple[Level, str]] = []
    index = front_end(lines, articles)
    part = 1
    last: tuple[int, ...] = (0,)
    annexes = 0
    while index < len(lines):
        mark = opening_of(lines[index].text)
        stop = _next_opening(lines, index + 1, opens)
        chunk = tuple(lines[index:stop])
        if index in opens:
            if mark.numbers == (1,) and last > (1,):
                part += 1
            last = mark.numbers
            key = "-".join(map(str, mark.numbers)) + (f"@{part}" if part > 1 else "")
            sections.append(_article(key, mark, path, chunk))
        elif _is_heading(lines[index], mark):
            while path and path[-1][0] >= mark.level:
                path.pop()
            path.append((mark.level, _heading_text(lines[index].text, mark)))
            # What stands between a heading and its first article belongs to the heading.
            key = f"h{lines[index].start}"
            sections.append(
                Section(key, mark.label.replace(" ", ""), _texts(path), chunk, chunk[1:])
            )
        else:
            annexes += 1
            path.clear()
            label = lines[index].text.split("：")[0].split(":")[0].strip()[:20]
            sections.append(Section(f"annex-{annexes}", label, (), chunk, chunk))
        index = stop
    return sections


def front_end(lines: Sequence[Line], articles: Sequence[int]) -> int:
    """Return how many lines stand before the headings that the first article stands under."""
    index = articles[0]
    level = Level.ARTICLE
    while index > 0:
        mark = opening_of(lines[index - 1].text)
        if not _is_heading(lines[index - 1], mark) or mark.level >= level:
            break
        index, level = index - 1, mark.level
    return index


def _article(
    key: str, mark: Mark, path: Sequence[tuple[Level, str]], chunk: tuple[Line, ...]
) -> Section:
    label = re.sub(r"(?<=[^A-Za-z])\s+|\s+(?=[^\d])", "", mark.label).rstrip(".:")
    body = (trim(chunk[0], mark.width), *chunk[1:])
    return Section(key, label, _texts(path), chunk, body)


def _next_opening(lines: Sequence[Line], index: int, opens: frozenset[int]) -> int:
    while index < len(lines):
        text = lines[index].text
        if index in opens or _is_heading(lines[index], opening_of(text)):
            return index
        if ANNEX.match(text):
            return index
        index += 1
    return index


def _is_heading(line: Line, mark: Mark) -> bool:
    return (
        Level.NONE < mark.level < Level.ARTICLE
        and len(line.text) <= 60
        and line.text[-1] not in "。；"
    )


def _heading_text(text: str, mark: Mark) -> str:
    """Return a heading with one space behind its mark: 第一章　总 则 → 第一章 总则."""
    title = text[mark.width :].strip()
    if re.fullmatch(r"(?:[^\x00-\x7f]\s*)+", title) and len(title) <= 6:
        title = re.sub(r"\s+", "", title)
    return f"{mark.label.replace(' ', '')} {title}".strip()


def _texts(path: Sequence[tuple[Level, str]]) -> tuple[str, ...]:
    return tuple(text for _, text in path)
