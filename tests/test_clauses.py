"""Documents become clauses: lossless, exactly placed, as their own numbering says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import CORPUS, GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from qa.catalog import load_documents
from qa.clauses import find_gaps, split_clauses
from qa.documents import read_document_file
from qa.models import Clause, Document

DOCUMENTS = {document.id: document for document in load_documents(CORPUS)}


def split(text: str) -> list[Clause]:
    return split_clauses(Document(id="d", title="t", text=text))


def check_cover(document: Document, clauses: list[Clause]) -> None:
    """Check that spans are exact, in order, and leave nothing out but white space."""
    position = 0
    for clause in clauses:
        assert clause.text == document.text[clause.start : clause.end]
        assert not document.text[position : clause.start].strip()
        position = clause.end
        inner = clause.start
        for paragraph in clause.paragraphs:
            assert inner <= paragraph.start < paragraph.end <= clause.end
            assert paragraph.text == document.text[paragraph.start : paragraph.end]
            inner = paragraph.end
            for item in paragraph.items:
                assert paragraph.start <= item.start <= item.end <= paragraph.end
                assert item.text == document.text[item.start : item.end]
    assert not document.text[position:].strip()
    assert len({clause.key for clause in clauses}) == len(clauses)


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_clauses_cover_the_document(document: Document) -> None:
    """Nothing of a bundled document is lost, nothing is there twice."""
    check_cover(document, split_clauses(document))


def test_regulations_have_59_articles_in_nine_chapters_with_their_paragraphs() -> None:
    """The articles and 款 of the PDF's text equal those of the regulations in clean form."""
    clauses = split_clauses(DOCUMENTS["sti-center-regulations"])
    articles = [clause for clause in clauses if clause.label.endswith("条")]
    assert [clause.key for clause in articles] == [str(number) for number in range(1, 60)]
    assert len({clause.path for clause in articles}) == 9
    published: dict[str, list[str]] = {}
    label = ""
    for line in (GOLDEN / "sti-center-regulations.md").read_text("utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        match = re.match(r"(第\S+?条)?\s*(.*)", line)
        assert match
        label = match.group(1) or label
        if label:
            published.setdefault(label, []).append(re.sub(r"\s", "", match.group(2)))
    found = {
        clause.label: [re.sub(r"\s", "", paragraph.text) for paragraph in clause.paragraphs]
        for clause in articles
    }
    assert found == published


def test_action_plan_is_cited_by_its_own_numbers() -> None:
    """The eleven tasks run on through four headings; the closing lines stand apart."""
    clauses = split_clauses(DOCUMENTS["tech-transfer-action-plan"])
    tasks = [clause for clause in clauses if re.fullmatch(r"2\.\d\.\d+", clause.key)]
    assert [clause.key.split(".")[-1] for clause in tasks] == [str(n) for n in range(1, 12)]
    assert tasks[7].label == "二（四）8"
    assert tasks[7].path == ("二、主要任务", "（四）提升技术要素市场化配置能力")
    assert clauses[-1].text.startswith("本行动方案自2021年7月1日起实施。")


def test_opinions_have_22_points() -> None:
    """科创22条: points 1 to 22 under five parts, each with its title in the path."""
    clauses = split_clauses(DOCUMENTS["sti-center-opinions"])
    points = [clause for clause in clauses if "、" in clause.label]
    assert [clause.label.split("、")[1] for clause in points] == [str(n) for n in range(1, 23)]
    assert points[8].path[-1] == "9、充分发挥户籍政策在国内人才引进集聚中的激励和导向作用"


def test_report_follows_its_sections_and_headings() -> None:
    """5.1 to 5.4 are there, long ones cut at their headings, and no piece is a chapter."""
    clauses = split_clauses(DOCUMENTS["sti-center-report-2017"])
    assert {clause.key.split("-")[0] for clause in clauses} >= {"5.1", "5.2", "5.3", "5.4"}
    assert max(len(clause.text) for clause in clauses) < 1200


def test_a_figure_in_a_table_opens_no_section() -> None:
    """4.5 and 2.6 in the table of the strategy paper are figures, and its rows stay together."""
    clauses = split_clauses(DOCUMENTS["sti-center-strategy"])
    assert not [clause for clause in clauses if clause.key in ("4.5", "2.6")]
    (table,) = [clause for clause in clauses if "PCT" in clause.text]
    assert any("PCT" in p.text and "5000" in p.text for p in table.paragraphs)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("第一条 依照第九条办理。\n第二条 略。", ["1", "2"]),
        ("第一条 甲。\n第一条之一 乙。\n第二条 丙。", ["1", "1-1", "2"]),
        ("第一千条 甲。\n第一千零一条 乙。", ["1000", "1001"]),
        ("第1条 甲。\n第2条 乙。", ["1", "2"]),
        ("第一条为规范管理，制定本细则。\n第二条本细则适用。", ["1", "2"]),
        ("第一条 甲。\n第二十条第二款规定的情形除外。\n第二条 乙。", ["1", "2"]),
        ("某办法\n第一章 总 则\n第一条 甲。\n第二条 乙。", ["0", "h4", "1", "2"]),
        ("第一条 甲。\n第二条 乙。\n附件：名单\n张三", ["1", "2", "annex-1"]),
        ("第一条 甲。\n第二条 乙。\n第一条 丙。\n第二条 丁。", ["1", "2", "1@2", "2@2"]),
        ("Article 1 One.\nArticle 2 Under Article 1, two.", ["1", "2"]),
        (
            "通知\n一、范围\n（一）单位。甲。\n（二）个人。乙。\n二、期限\n三年。",
            ["0", "1", "1.1", "1.2", "2"],
        ),
        ("一段没有编号的文字。", ["p1"]),
        ("", []),
    ],
)
def test_keys_of_small_texts(text: str, keys: list[str]) -> None:
    """Numbering in the wild: what opens a clause and what does not."""
    assert [clause.key for clause in split(text)] == keys


def test_table_of_contents_stays_before_the_first_article() -> None:
    """Chapter lines of a table of contents are front matter, not headings of the first article."""
    clauses = split(
        "某法\n目录\n第一章 总则\n第二章 附则\n第一章 总则\n第一条 甲。\n第二章 附则\n第二条 乙。"
    )
    assert [clause.label for clause in clauses if clause.paragraphs] == ["前言", "第一条", "第二条"]
    assert clauses[-1].path == ("第二章 附则",)


def test_paragraphs_and_items() -> None:
    """Marked lines are items of the paragraph above; an unmarked line after them is a new 款."""
    (clause, _) = split(
        "第一条 有下列情形之一的，予以奖励：\n（一）发明；\n（二）转化：\n1.转让；\n2.许可。\n"
        "前款奖励由市政府发放。\n第二条 略。"
    )
    first, second = clause.paragraphs
    assert [item.label for item in first.items] == ["（一）", "（二）"]
    assert first.items[1].text == "转化：\n1.转让；\n2.许可。"
    assert second.text == "前款奖励由市政府发放。"
    assert not first.text.startswith("第一条")


def test_a_gap_in_the_numbering_is_reported_with_file_and_line(tmp_path: Path) -> None:
    """第二十五条 after 第十九条 is said, with the line of the file."""
    file = tmp_path / "rule.txt"
    file.write_text("第十八条 甲。\n\n第十九条 乙。\n\n第二十五条 丙。\n", "utf-8")
    document = read_document_file(file)
    gaps = find_gaps(document, split_clauses(document))
    assert gaps == [f"{file}:5: 第二十五条 follows 第十九条"]


@given(
    st.lists(
        st.sampled_from(
            [
                "第一条 甲。",
                "第二条 乙",
                "一、丙",
                "（一）丁；",
                "1.戊。",
                "5.1 己",
                "庚辛",
                "第一章 总则",
                "附件：",
            ]
        ),
        max_size=12,
    )
)
def test_any_sequence_of_lines_is_covered(lines: list[str]) -> None:
    """Whatever the order of marks, the clauses cover the text."""
    document = Document(id="d", title="t", text="\n".join(lines))
    check_cover(document, split_clauses(document))
