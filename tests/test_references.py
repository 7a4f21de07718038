"""Notations of articles, and the documents that questions name."""

from __future__ import annotations

import pytest
from conftest import CORPUS

from qa.catalog import load_documents
from qa.clauses import split_clauses
from qa.labels import label_en, label_of
from qa.references import DocumentNames, find_references, resolve

DOCUMENTS = load_documents(CORPUS)
REGULATIONS = split_clauses(DOCUMENTS[0])
PLAN = split_clauses(DOCUMENTS[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("第二十五条", [((25,), 0, 0)]),
        ("第25条第2款", [((25,), 2, 0)]),
        ("第２５条", [((25,), 0, 0)]),
        ("条例25条怎么说", [((25,), 0, 0)]),
        ("劳动合同法第三十九条第（二）项", [((39,), 0, 2)]),
        ("第三十九条第二款第（三）项", [((39,), 2, 3)]),
        ("刑法第一百二十条之一", [((120, 1), 0, 0)]),
        ("第一千零一条", [((1001,), 0, 0)]),
        ("Art. 25(2)", [((25,), 2, 0)]),
        ("Article 12, paragraph 4", [((12,), 4, 0)]),
        ("Article 12 para 4", [((12,), 4, 0)]),
        ("paragraph 2 of Article 44", [((44,), 2, 0)]),
        ("art 7", [((7,), 0, 0)]),
        ("第三条和第八条第一款", [((3,), 0, 0), ((8,), 1, 0)]),
        ("科创22条", []),
        ("2021年第3季度", []),
        ("the party of 25 people", []),
    ],
)
def test_notations(text: str, expected: list[tuple[tuple[int, ...], int, int]]) -> None:
    """Each notation gives article, paragraph and item; other numbers give none."""
    assert [(one.numbers, one.paragraph, one.item) for one in find_references(text)] == expected


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("科创条例里怎么规定", ["sti-center-regulations"]),
        ("《上海市推进科技创新中心建设条例》第三条", ["sti-center-regulations"]),
        ("条例第25条", ["sti-center-regulations"]),
        ("行动方案第3条", ["tech-transfer-action-plan"]),
        ("according to the action plan", ["tech-transfer-action-plan"]),
        ("科创22条说什么", ["sti-center-opinions"]),
        ("人才政策有哪些", []),
    ],
)
def test_documents_named(text: str, ids: list[str]) -> None:
    """A title, a short name, or a kind that only one document is of names it."""
    assert [document.id for document in DocumentNames(DOCUMENTS).find(text)] == ids


@pytest.mark.parametrize("number", range(1, 60))
def test_every_article_is_reached_by_its_number(number: int) -> None:
    """第N条 and Article N resolve to the article whose printed label has that number."""
    (chinese,) = resolve(find_references(f"第{number}条")[0], REGULATIONS)
    (english,) = resolve(find_references(f"Article {number}")[0], REGULATIONS)
    assert chinese is english
    assert label_en(chinese) == f"Article {number}"


def test_points_of_a_plan_are_reached_by_their_running_number() -> None:
    """行动方案第8条 is point 8, which runs on through the headings."""
    (clause,) = resolve(find_references("行动方案第8条")[0], PLAN)
    assert clause.label == "二（四）8"


def test_labels_in_both_languages() -> None:
    """Labels name the paragraph where a clause has several, and only there."""
    article = next(clause for clause in REGULATIONS if clause.key == "25")
    task = next(clause for clause in PLAN if clause.key == "2.4.8")
    principle = next(clause for clause in PLAN if clause.key == "1.2")
    one = next(clause for clause in REGULATIONS if clause.key == "2")
    assert (label_of(article, 2), label_en(article, 2)) == (
        "第二十五条第二款",
        "Article 25, paragraph 2",
    )
    assert (label_of(task, 1), label_en(task, 1)) == ("二（四）8", "Part II (4) 8")
    assert (label_of(principle, 3), label_en(principle, 3)) == (
        "一（二）第3段",
        "Part I (2), paragraph 3",
    )
    assert (label_of(one, 1), label_en(one, 1)) == ("第二条", "Article 2")
