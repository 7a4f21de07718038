"""A document → its clauses: articles, or the equal of articles by the document's own numbering."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qa.models import Clause, Document
from qa.numbering import Level, follows, opening_of
from qa.outlines import split_outline
from qa.paragraphs import Line, lines_of, split_paragraphs
from qa.statutes import FRONT_KEY, FRONT_LABEL, Section, article_indices, front_end, split_statute

LONG_FRONT = 1500  # characters from which the front matter of a statute is split by its outline


def split_clauses(document: Document) -> list[Clause]:
    """Return the clauses of a document in order; together they hold every character but spaces.

    A heading that no text follows before the next opening is a clause without paragraphs: it
    keeps the cover whole, and is neither indexed nor cited.

    >>> document = Document(id="d", title="t", text="第一条 依照第九条办理。\\n第二条 略。")
    >>> [(clause.key, clause.label) for clause in split_clauses(document)]
    [('1', '第一条'), ('2', '第二条')]
    """
    lines = lines_of(document.text)
    articles = article_indices(lines)
    is_statute = len(articles) >= 2 or (
        len(articles) == 1 and opening_of(lines[articles[0]].text).numbers == (1,)
    )
    if not is_statute:
        return _clauses(document, split_outline(lines), tables=True)
    end = front_end(lines, articles)
    return _clauses(document, [*_front(lines[:end]), *split_statute(lines, articles)], tables=False)


def _front(lines: Sequence[Line]) -> list[Section]:
    if not lines:
        return []
    if sum(len(line.text) for line in lines) > LONG_FRONT:
        return split_outline(lines)
    return [Section(FRONT_KEY, FRONT_LABEL, (), tuple(lines), tuple(lines))]


def _clauses(document: Document, sections: Sequence[Section], *, tables: bool) -> list[Clause]:
    clauses = []
    seen: Counter[str] = Counter()
    for section in sections:
        start, end = section.lines[0].start, section.lines[-1].end
        seen[section.key] += 1
        key = section.key if seen[section.key] == 1 else f"{section.key}~{seen[section.key]}"
        clauses.append(
            Clause(
                document_id=document.id,
                key=key,
                label=section.label,
                text=document.text[start:end],
                start=start,
                end=end,
                path=section.path,
                paragraphs=split_paragraphs(section.body, document.text, tables=tables),
            )
        )
    return clauses


def find_gaps(document: Document, clauses: Sequence[Clause]) -> list[str]:
    """Return a line for each break in the numbering of articles.

    Each is like `file:line: 第二十五条 follows 第十九条`.
    """
    gaps = []
    last: tuple[int, ...] = ()
    label = ""
    for clause in clauses:
        mark = opening_of(clause.text)
        if mark.level is not Level.ARTICLE:
            continue
        if last and not follows(mark.numbers, last) and mark.numbers != (1,):
            gaps.append(f"{_place(document, clause.start)}: {clause.label} follows {label}")
        last, label = mark.numbers, clause.label
    return gaps


def _place(document: Document, offset: int) -> str:
    line = document.text.count("\n", 0, offset)
    number = document.lines[line] if line < len(document.lines) else line + 1
    return f"{document.path or document.id}:{number}"
