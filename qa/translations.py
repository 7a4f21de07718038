"""The part of a clause's reference translation that renders a quote."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qa.models import Clause

SHORT = 300  # characters of a translation that is given whole

_SENTENCE = re.compile(r"[^.;!?]+(?:[.;!?](?![\s)”\"]|$)[^.;!?]*)*[.;!?]*[”\")]*\s*")
Score = Callable[[Sequence[str]], NDArray[np.float32]]


def translated_lines(clause: Clause, translation: str) -> list[str]:
    """Return the line of a translation for each paragraph, none where they do not pair up."""
    lines = [line.strip() for line in translation.splitlines() if line.strip()]
    # A translation may begin with a line for the clause's heading.
    extra = len(lines) - len(clause.paragraphs)
    return lines[extra:] if extra in (0, 1) else []


def translate_quote(clause: Clause, span: tuple[int, int], translation: str, score: Score) -> str:
    """Return what a translation, a line for each paragraph, says for a quoted span.

    `score` rates sentences by how like the quote they are. "" where there is no translation.
    """
    lines = [line.strip() for line in translation.splitlines() if line.strip()]
    paragraphs = clause.paragraphs
    # A translation may begin with a line for the clause's heading.
    extra = len(lines) - len(paragraphs)
    if extra not in (0, 1) or not paragraphs:
        return _nearest(" ".join(lines), span, (clause.start, clause.end), score)
    start, end = span
    inside = [n for n, one in enumerate(paragraphs) if one.start < end and start < one.end]
    chosen = " ".join(lines[n + extra] for n in inside)
    whole = (paragraphs[inside[0]].start, paragraphs[inside[-1]].end) if inside else span
    return _nearest(chosen, span, whole, score)


def _nearest(text: str, span: tuple[int, int], whole: tuple[int, int], score: Score) -> str:
    """Return the sentences of a translation that are nearest to the quote, as much as it takes."""
    share = (span[1] - span[0]) / max(whole[1] - whole[0], 1)
    sentences = [match.group() for match in _SENTENCE.finditer(text)]
    if len(text) <= SHORT or share > 0.9 or len(sentences) < 2:
        return text
    scores = score(sentences)
    first = last = int(np.argmax(scores))
    while True:
        size = sum(map(len, sentences[first : last + 1]))
        options = [n for n in (first - 1, last + 1) if 0 <= n < len(sentences)]
        options = [n for n in options if size + len(sentences[n]) <= 1.25 * share * len(text)]
        if not options:
            return "".join(sentences[first : last + 1]).strip()
        best = max(options, key=lambda n: float(scores[n]))
        first, last = min(first, best), max(last, best)
