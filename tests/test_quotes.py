"""What is quoted of a clause, against ratings that a reader can follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from qa.models import Clause, Paragraph
from qa.quotes import QUOTE_CHARS, Span, asks_for_list, choose_span
from qa.text import normalise


def clause_of(*texts: str, start: int = 100) -> tuple[Clause, str]:
    """Return a clause with a paragraph for each text, and the document text from 0."""
    whole, paragraphs = "", []
    for number, text in enumerate(texts, 1):
        begin = start + len(whole)
        paragraphs.append(Paragraph(number, text, begin, begin + len(text)))
        whole += text + "\n"
    body = whole.rstrip("\n")
    clause = Clause("d", "1", "第一条", body, start, start + len(body), (), tuple(paragraphs))
    return clause, " " * start + body


def rate_by(word: str) -> object:
    """Return a rating: how often a word occurs."""

    def rate(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([text.count(word) for text in texts], np.float32)

    return rate


def quoted(document: str, span: Span) -> str:
    return document[span.start : span.end]


def test_the_paragraph_that_rates_best_is_quoted_whole() -> None:
    """A short paragraph is not cut."""
    clause, document = clause_of("甲甲。", "乙丙。丙丁。", "戊。")
    span = choose_span(clause, rate_by("丙"))  # type: ignore[arg-type]
    assert (quoted(document, span), span.paragraph) == ("乙丙。丙丁。", 2)


def test_a_long_paragraph_is_quoted_by_its_best_sentences() -> None:
    """Whole sentences, no longer than the limit, the best one among them."""
    filler = "无关内容" * 20 + "。"
    clause, document = clause_of(filler + filler + "公示期为十五日。" + filler + filler)
    text = quoted(document, choose_span(clause, rate_by("公示")))  # type: ignore[arg-type]
    assert text == "公示期为十五日。"
    assert len(text) <= QUOTE_CHARS


def test_a_list_is_quoted_whole_where_all_of_it_is_asked_for() -> None:
    """Of a long list no item is lost."""
    items = "".join(f"（{n}）" + "条件" * 16 + "；\n" for n in "一二三四五六七")
    clause, document = clause_of("应当符合下列条件：\n" + items)
    some = choose_span(clause, rate_by("（三）"))  # type: ignore[arg-type]
    every = choose_span(clause, rate_by("（三）"), whole_list=True)  # type: ignore[arg-type]
    assert len(quoted(document, some)) <= QUOTE_CHARS
    assert quoted(document, every) == clause.text


def test_translated_lines_choose_among_paragraphs() -> None:
    """What the Chinese does not show, the translation of a paragraph may."""
    clause, document = clause_of("甲。", "乙。")
    span = choose_span(clause, rate_by("x"), lines=[0.1, 0.9])  # type: ignore[arg-type]
    assert quoted(document, span) == "乙。"


def test_a_single_paragraph_has_no_number() -> None:
    """An article with one 款 is cited as an article."""
    clause, _ = clause_of("甲。")
    assert choose_span(clause, rate_by("甲")).paragraph == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("申报要符合哪些条件？", True),
        ("What are the principles?", True),
        ("Which departments are responsible?", True),
        ("公示期几天？", False),
        ("How long is the notice?", False),
    ],
)
def test_questions_for_a_list(question: str, expected: bool) -> None:
    """哪些 and plural questions ask for all of something."""
    assert asks_for_list(normalise(question)) is expected
