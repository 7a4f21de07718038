"""Text without articles → sections by its own numbering, by its headings, or by size."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from qa.numbering import Level, Mark, follows, opening_of
from qa.paragraphs import SENTENCE_END, Line, trim
from qa.statutes import ANNEX, FRONT_KEY, FRONT_LABEL, Section

OUTLINE_LEVELS = frozenset(
    (
        Level.VOLUME,
        Level.PART,
        Level.CHAPTER,
        Level.SECTION,
        Level.HAN,
        Level.DOTTED,
        Level.HAN_BRACKET,
        Level.ARABIC,
    )
)
LONG = 900  # characters from which a section is split at its headings
SMALL = 100  # characters under which a headed piece joins the one before it
SIZE = 600  # characters of a piece of prose that has neither numbers nor headings

_CLOSING = re.compile(
    r"本(?:行动方案|实施方案|方案|意见|办法|通知|规划|计划|细则|规定|措施|决定|公告).{0,30}(?:自|起|由).{0,40}"
    r"|抄送.*|.{0,40}\d{4}年\d{1,2}月\d{1,2}日(?:印发)?|（此件.{0,20}）"
)


@dataclass(frozen=True, slots=True)
class _Opening:
    index: int
    mark: Mark


def split_outline(lines: Sequence[Line]) -> list[Section]:
    """Return the sections of a text without articles; together they hold every line once."""
    closing = _closing_start(lines)
    openings = _openings(lines[:closing])
    sections: list[Section] = []
    first = openings[0].index if openings else 0
    if first:
        sections += _split_headed(_front(lines[:first]))
    if openings:
        sections += _numbered(lines[:closing], openings)
    elif closing:
        sections += _prose(lines[:closing])
    if closing < len(lines):
        rest = tuple(lines[closing:])
        sections.append(Section("end", "末段", (), rest, rest))
    return sections


def _front(lines: Sequence[Line]) -> Section:
    return Section(FRONT_KEY, FRONT_LABEL, (), tuple(lines), tuple(lines))


def _closing_start(lines: Sequence[Line]) -> int:
    """Return where the closing lines begin: date of application, recipients, date of printing."""
    index = len(lines)
    while index > 1 and _CLOSING.fullmatch(lines[index - 1].text.strip()):
        index -= 1
    return index


def _openings(lines: Sequence[Line]) -> list[_Opening]:
    """Return the lines that open a section: marks in sequence, items of a list left out."""
    marks = [opening_of(line.text) for line in lines]
    ranks = _ranks(marks)
    stack: list[_Opening] = []
    last: dict[Level, tuple[int, ...]] = {}
    found: list[_Opening] = []
    for index, mark in enumerate(marks):
        if mark.level not in ranks:
            continue
        deeper = [level for level in last if ranks[level] > ranks[mark.level]]
        before = last.get(mark.level, ())
        goes_on = bool(before) and (
            follows(mark.numbers, before) or before[-1] < mark.numbers[-1] <= before[-1] + 3
        )
        starts = mark.numbers[-1] == 1 or (not before and mark.level in (Level.DOTTED, Level.PART))
        if not (goes_on or starts):
            continue
        if starts and not goes_on and _is_list(lines, marks, index, ranks):
            continue
        for level in deeper:
            # Numbers inside may start anew here, or run on through the whole document.
            if last[level][-1] == 1:
                last.pop(level)
        last[mark.level] = mark.numbers
        while stack and ranks[stack[-1].mark.level] >= ranks[mark.level]:
            stack.pop()
        opening = _Opening(index, mark)
        stack.append(opening)
        found.append(opening)
    return found


def _ranks(marks: Sequence[Mark]) -> dict[Level, int]:
    """Return the outline's levels from the outermost in, by where they first appear.

    A level that appears once is no numbering, unless it is a part or a dotted number.
    """
    counts: Counter[Level] = Counter()
    last: dict[Level, tuple[int, ...]] = {}
    for mark in marks:
        if mark.level not in OUTLINE_LEVELS:
            continue
        # 5.1 may be a figure in a table: it counts only next to 5.2.
        if mark.level is not Level.DOTTED or follows(mark.numbers, last.get(mark.level, (0,))):
            counts[mark.level] += 1 + (mark.level is Level.DOTTED)
        last[mark.level] = mark.numbers
    ranks: dict[Level, int] = {}
    for mark in marks:
        if mark.level in ranks or counts[mark.level] < (1 if mark.level is Level.PART else 2):
            continue
        if mark.numbers[-1] == 1 or mark.level in (Level.DOTTED, Level.PART):
            ranks[mark.level] = len(ranks)
    return ranks


def _is_list(
    lines: Sequence[Line], marks: Sequence[Mark], index: int, ranks: dict[Level, int]
) -> bool:
    """Return whether a run of marks is a list within a sentence rather than sections.

    It is where the line above ends with a colon and the entries are short.
    """
    level = marks[index].level
    if not ranks[level] or index == 0 or lines[index - 1].text[-1] not in "：:":
        return False
    sizes = [0]
    for line, mark in zip(lines[index:], marks[index:], strict=True):
        if mark.level in ranks and ranks[mark.level] < ranks[level]:
            break
        if mark.level is level:
            sizes.append(0)
        sizes[-1] += len(line.text)
    return sum(sizes) < 120 * max(len(sizes) - 1, 1)


def _numbered(lines: Sequence[Line], openings: Sequence[_Opening]) -> list[Section]:
    sections: list[Section] = []
    ranks = _ranks([opening.mark for opening in openings] * 2)
    stack: list[tuple[_Opening, str]] = []
    ends = [opening.index for opening in openings[1:]] + [len(lines)]
    for opening, end in zip(openings, ends, strict=True):
        mark = opening.mark
        while stack and ranks.get(stack[-1][0].mark.level, 0) >= ranks.get(mark.level, 0):
            stack.pop()
        chunk = tuple(lines[opening.index : end])
        title, body = _title_and_body(chunk, mark)
        stack.append((opening, title or mark.label))
        label, key = _label_and_key([one.mark for one, _ in stack])
        path = tuple(text for _, text in stack[:-1]) + ((title,) if title else ())
        if ANNEX.match(chunk[0].text):
            label = chunk[0].text[:20]
        sections += _split_headed(Section(key, label, path, chunk, body))
    return sections


def _title_and_body(chunk: tuple[Line, ...], mark: Mark) -> tuple[str, tuple[Line, ...]]:
    """Return the title of a section ("" where its mark opens a sentence) and the lines below it.

    Where the mark stands alone on its line, a short line below is the title.
    """
    text = chunk[0].text
    if not text[mark.width :] and len(chunk) > 1:
        below = chunk[1].text
        if is_title(below, opening_of("")) and not opening_of(below):
            return f"{mark.label} {below}", chunk[2:]
        return "", chunk[1:]
    if is_title(text, mark):
        space = " " if mark.label[-1].isdigit() or mark.label[-1] in "章节编篇分" else ""
        return f"{mark.label}{space}{text[mark.width :]}", chunk[1:]
    return "", (trim(chunk[0], mark.width), *chunk[1:])


def is_title(text: str, mark: Mark) -> bool:
    """Return whether what follows a mark is a title: short, and no sentence."""
    rest = text[mark.width :].strip()
    return (
        len(rest) <= 50 and not re.search(r"[。；]", rest) and not rest.endswith(("，", "：", ":"))
    )


def _label_and_key(marks: Sequence[Mark]) -> tuple[str, str]:
    """Return how a section is cited and its key: 二（四）8 and 2.4.8.

    A dotted number says all by itself: 5.1.
    """
    for position, mark in enumerate(marks):
        if mark.level is Level.DOTTED:
            marks = marks[position:]
            break
    label = ""
    for mark in marks:
        text = mark.label.rstrip("、．.，").replace(" ", "")
        if label and text[0].isdigit() and mark.level is Level.ARABIC and not label.endswith("）"):
            label += "、"
        label += text
    return label, ".".join(".".join(map(str, mark.numbers)) for mark in marks)


def _split_headed(section: Section) -> list[Section]:
    """Return a long section in pieces, cut at the unnumbered headings in it."""
    body = section.body
    if sum(len(line.text) for line in body) < LONG:
        return [section]
    heads = [index for index in range(1, len(body) - 1) if _is_head(body, index)]
    if len(heads) < 2:
        return [section]
    bounds = [0, *heads, len(body)]
    pieces: list[tuple[int, int]] = []
    for start, end in itertools.pairwise(bounds):
        size = sum(len(line.text) for line in body[start:end])
        if pieces and (
            size < SMALL or sum(len(line.text) for line in body[slice(*pieces[-1])]) < SMALL // 2
        ):
            pieces[-1] = (pieces[-1][0], end)
        elif start < end:
            pieces.append((start, end))
    sections: list[Section] = []
    for number, (start, end) in enumerate(pieces):
        chunk = body[start:end]
        if start == 0:
            lines = section.lines[: len(section.lines) - len(body) + end]
            sections.append(Section(section.key, section.label, section.path, lines, chunk))
            continue
        head = chunk[0].text
        label = f"{section.label}“{head}”" if section.key != FRONT_KEY else f"“{head}”"
        sections.append(
            Section(f"{section.key}-{number}", label, (*section.path, head), chunk, chunk[1:])
        )
    return sections


def _is_head(body: Sequence[Line], index: int) -> bool:
    """Return whether a line is an unnumbered heading: short, no sentence, a sentence below."""
    text, below = body[index].text, body[index + 1].text
    if (
        not 4 <= len(text) <= 30
        or re.search(r"[，。；：,;:]", text)
        or re.search(r"[\d%％]", text[-6:])
    ):
        return False
    return len(below) >= 60 or (len(below) >= 25 and bool(SENTENCE_END.search(below)))


def _prose(lines: Sequence[Line]) -> list[Section]:
    """Return prose without numbers: split at its headings, else in pieces of sane size."""
    whole = _front(lines)
    headed = _split_headed(whole)
    if len(headed) > 1:
        return headed
    sections: list[Section] = []
    start = 0
    while start < len(lines):
        end, size = start, 0
        while end < len(lines) and (end == start or size + len(lines[end].text) <= SIZE):
            size += len(lines[end].text)
            end += 1
        chunk = tuple(lines[start:end])
        label = f"第{start + 1}段" if end == start + 1 else f"第{start + 1}—{end}段"
        sections.append(Section(f"p{start + 1}", label, (), chunk, chunk))
        start = end
    return sections
