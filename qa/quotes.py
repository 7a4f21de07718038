"""Which words of a clause answer: the paragraph, its best sentences, or a whole list."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.models import Clause, Paragraph

QUOTE_CHARS = 220  # a paragraph longer than this is quoted by its best sentences
LIST_CHARS = 600  # a list as long as this is quoted whole where all of it is asked for
NEIGHBOUR = 0.6  # a sentence beside the best is quoted too if it rates this share of it
SENTENCE_SHARE = 0.5  # what the best sentence counts beside its paragraph

_SENTENCE = re.compile(r"[^。！？；\n]+[。！？；]*[”’」』）]*")
_ENUMERATES = re.compile(
    r"哪些|哪几|哪个部门|什么条件|什么原则|什么情形|分别|列举|几类|几种|几项|"
    r"\bwhich\b.*s\b|\bwhat (?:are|were)\b|\blist\b|\bconditions\b|\bprinciples\b|\bkinds? of\b|"
    r"\btypes? of\b|\bcategories\b|\bsorts? of\b"
)

Rate = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Span:
    """A span of the document text and where in the clause it lies; 0 and "" for nowhere."""

    start: int
    end: int
    paragraph: int = 0
    item: str = ""


def asks_for_list(question: str) -> bool:
    """Return whether a normalised question asks for all of something: 哪些, what are the."""
    return bool(_ENUMERATES.search(question))


def choose_span(
    clause: Clause, rate: Rate, *, whole_list: bool = False, lines: Sequence[float] = ()
) -> Span:
    """Return what to quote of a clause; `rate` says how well texts answer the question.

    `lines` are ratings of the paragraphs' translations, if there is one for each.
    """
    paragraphs = clause.paragraphs
    if not paragraphs:
        return Span(clause.start, clause.end)
    sentences = [_sentences(one) for one in paragraphs]
    every = [
        *(one.text for one in paragraphs),
        *(
            one.text[a:b]
            for one, spans in zip(paragraphs, sentences, strict=True)
            for a, b in spans
        ),
    ]
    rated = rate(every)
    parts = np.split(rated[len(paragraphs) :], np.cumsum([len(one) for one in sentences])[:-1])
    scores = [
        float(rated[n]) + SENTENCE_SHARE * float(part.max(initial=0.0))
        for n, part in enumerate(parts)
    ]
    if len(lines) == len(paragraphs):
        scores = [a + b for a, b in zip(scores, lines, strict=True)]
    best = int(np.argmax(scores))
    paragraph = paragraphs[best]
    number = paragraph.number if len(paragraphs) > 1 else 0
    size = paragraph.end - paragraph.start
    if size <= QUOTE_CHARS or (whole_list and size <= LIST_CHARS) or len(sentences[best]) < 2:
        return Span(paragraph.start, paragraph.end, number)
    start, end = _widen(paragraph.text, sentences[best], parts[best])
    return Span(paragraph.start + start, paragraph.start + end, number)


def _sentences(paragraph: Paragraph) -> list[tuple[int, int]]:
    return [match.span() for match in _SENTENCE.finditer(paragraph.text) if match.group().strip()]


def _widen(
    text: str, spans: Sequence[tuple[int, int]], scores: NDArray[np.float32]
) -> tuple[int, int]:
    """Return the best sentence with the neighbours that are about the same, while it is short."""
    first = last = int(np.argmax(scores))
    while True:
        size = spans[last][1] - spans[first][0]
        options = [n for n in (first - 1, last + 1) if 0 <= n < len(spans)]
        options = [n for n in options if size + spans[n][1] - spans[n][0] <= QUOTE_CHARS]
        options = [n for n in options if scores[n] >= NEIGHBOUR * scores.max()]
        if not options:
            break
        best = max(options, key=lambda n: float(scores[n]))
        first, last = min(first, best), max(last, best)
    start, end = spans[first][0], spans[last][1]
    quoted = text[start:end]
    start += len(quoted) - len(quoted.lstrip())
    return start, start + len(quoted.strip())
