"""What is undone of a PDF's text layer, and what is left alone."""

from __future__ import annotations

import re

import pytest
from conftest import CORPUS, GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from qa.cleaning import clean_text, mend_line, mend_punctuation


def bare(text: str) -> str:
    return re.sub(r"[\s#（）()]", "", text)


def test_wrapped_regulations_are_the_published_paragraphs() -> None:
    """Every line of the regulations as published in clean form comes out of the PDF's text."""
    published = (GOLDEN / "sti-center-regulations.md").read_text("utf-8")
    lines = [bare(line) for line in published.splitlines() if bare(line) and "INFO" not in line]
    raw = (CORPUS / "documents" / "sti-center-regulations.txt").read_text("utf-8")
    assert [bare(line) for line in clean_text(raw).text.splitlines()] == lines


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("上 市 许 可 持 有 人 制 度", "上市许可持有人制度"),
        ("挂 牌 企 业 1 3 7 家，科 技 型", "挂牌企业137家，科技型"),
        ("购 买 创 新 服 务 2 . 2 5亿", "购买创新服务2.25亿"),
        ("（２０２１－２０２３年）", "（2021－2023年）"),
        ("自2020 年 5月 1日起施行", "自2020年5月1日起施行"),
        ("第一章 总则", "第一章 总则"),
        ("陈 强", "陈 强"),
        ("人均 GDP 超过 18 万元", "人均 GDP 超过18万元"),
        ("吲哚胺 2,3-双加氧酶", "吲哚胺 2,3-双加氧酶"),
        ("⼈⺠政府", "人民政府"),
    ],
)
def test_spacing_and_width_of_a_line(line: str, mended: str) -> None:
    """Letter-spaced Han, spaced digits, full-width digits and radicals are mended."""
    assert mend_line(line) == mended


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("«建设高标准市场体系行动方案»", "《建设高标准市场体系行动方案》"),
        ("促进要素集聚.引导企业", "促进要素集聚。引导企业"),
        ("(责任单位:市科委、市教委)", "（责任单位：市科委、市教委）"),
        ("占全国的1/4,而上海占15%,在", "占全国的1/4，而上海占15%，在"),
        ("增长15.1%、31.38%", "增长15.1%、31.38%"),
        ("ratio 1:5, see R&D", "ratio 1:5, see R&D"),
    ],
)
def test_half_width_punctuation_of_chinese_sentences(text: str, mended: str) -> None:
    """Chinese sentences get Chinese punctuation; figures and English keep theirs."""
    assert clean_text(text).text == mended
    assert "(" not in mend_punctuation("(一)指导思想")


def test_page_numbers_go_and_figures_stay() -> None:
    """'- 14 -' is dropped; a figure in a table, alone on its line, is not."""
    assert clean_text("目标值\n\n- 14 -\n\n4.5\n\n12\n").text == "目标值\n4.5\n12"


def test_a_sentence_over_a_page_break_is_one_paragraph() -> None:
    """A line that breaks off within a sentence goes on below, also over blank lines."""
    raw = "面向未来的奋斗目标是，努力把上海建设成为世界创新人才、科\n\n"
    raw += "技要素集聚度高的中心。\n\n新的一段。"
    assert clean_text(raw).text.splitlines()[0].endswith("世界创新人才、科技要素集聚度高的中心。")


def test_line_numbers_point_into_the_file() -> None:
    """Each cleaned line knows the line of the file on which it begins."""
    cleaned = clean_text("\n第一条 甲。\n\n\n第二条 乙。\n")
    assert cleaned.lines == (2, 5)


@given(st.text(alphabet="第一二条款（）()、。，,.;：abc 12３\n　", max_size=200))
def test_cleaning_loses_no_han_and_no_letter(raw: str) -> None:
    """Whatever the layout, every Han character and Latin letter is still there, in order."""
    kept = re.compile(r"[\u4e00-\u9fffa-z]")
    assert "".join(kept.findall(clean_text(raw).text)) == "".join(kept.findall(raw))
