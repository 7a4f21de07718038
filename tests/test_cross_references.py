"""What clauses refer to: read by hand in texts as laws have them, and in the bundled documents."""

from __future__ import annotations

import pytest

from qa.clauses import split_clauses
from qa.cross_references import find_cross_references
from qa.engine import Engine
from qa.models import Document

LAW = """第一条　为了规范招标，制定本办法。

第二条　本办法适用于市级项目。

区级项目参照前款执行。

第三条　依照第二条的规定办理，有下列情形的除外：

（一）应急项目；

（二）涉密项目。

第四条　前条第（二）项所列项目，由主管部门按照《保密办法》第五条确定。

违反本条第一款的，依照《中华人民共和国刑法》第三百九十八条处理；前两条另有规定的除外。

第五条　专利法第六条规定的单位，适用本办法第二条第二款至第三条。
"""
OTHER = Document(
    id="secrets", title="保密办法", text="第四条　略。\n\n第五条　涉密项目由主管部门定。\n"
)


def found_in(number: int) -> list[tuple[str, str, int, str]]:
    """Return (words, clause id or document id, paragraph, item) of what an article refers to."""
    documents = {"law": Document(id="law", title="招标办法", text=LAW), "secrets": OTHER}
    clauses = {name: split_clauses(one) for name, one in documents.items()}
    ids = {one.title: name for name, one in documents.items()}
    clause = next(one for one in clauses["law"] if one.key == str(number))
    return [
        (
            documents["law"].text[one.start : one.end],
            one.clause_id or one.document_id,
            one.paragraph,
            one.item,
        )
        for one in find_cross_references(clause, lambda n: ids.get(n, ""), clauses.__getitem__)
    ]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, []),
        (2, [("前款", "law#2", 1, "")]),
        (3, [("第二条", "law#2", 0, "")]),
        (
            4,
            [
                ("前条第（二）项", "law#3", 1, "（二）"),
                ("第五条", "secrets#5", 0, ""),
                ("本条第一款", "law#4", 1, ""),
                ("前两条", "law#2", 0, ""),
                ("前两条", "law#3", 0, ""),
            ],
        ),
        (5, [("第二条第二款", "law#2", 2, ""), ("第三条", "law#3", 0, "")]),
    ],
)
def test_what_an_article_refers_to(number: int, expected: list[tuple[str, str, int, str]]) -> None:
    """A law that is not in the corpus (刑法, 专利法) brings nothing; its articles are not ours."""
    assert found_in(number) == expected


def test_back_references_mirror_references(engine: Engine) -> None:
    """Over the bundled corpus, who is cited knows by whom, and nobody else."""
    cites = {
        clause.id: {one.clause_id for one in engine.cross_references(clause.id)} - {clause.id, ""}
        for document in engine.documents()
        for clause in engine.clauses(document.id)
    }
    for clause_id in cites:
        expected = {citing for citing, cited in cites.items() if clause_id in cited}
        assert set(engine.cited_by(clause_id)) == expected
