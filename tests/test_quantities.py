"""Quantities: what is asked for, and what a text holds."""

from __future__ import annotations

import pytest

from qa.quantities import Quantity, asked_quantities, held_quantities
from qa.text import normalise

M, S, T, D, C = Quantity.MONEY, Quantity.SHARE, Quantity.TIME, Quantity.DATE, Quantity.COUNT

ASKED = [
    ("罚款最高多少钱？", M),
    ("硬X射线装置总投资多少亿元？", M),
    ("What is the fee for a permit?", M),
    ("研发人员要占职工总数的百分之几？", S),
    ("各占多大比例？", S),
    ("What percentage goes to the team?", S),
    ("What VAT rate applies?", S),
    ("外国专家证最长能办几年？", T),
    ("公示要多久？", T),
    ("How many days do we have to appeal?", T),
    ("How long is the permit valid?", T),
    ("条例什么时候起施行？", D | T),
    ("When did the regulations come into force?", D | T),
    ("２０２３年要培育几个示范区", C),
    ("How many firms were certified?", C),
    ("张江聚集了多少顶尖科学家？", C | M | S),
    ("团队至少能分到多少？", C | M | S),
    ("有多少家企业？", C),
    ("哪几类支出不算绩效工资？", Quantity.NONE),
    ("Who protects intellectual property?", Quantity.NONE),
    ("What happens to a company when it seeks money?", Quantity.NONE),
    ("科技创新券去哪个网站领取？", Quantity.NONE),
]
HELD = [
    ("处五万元以上二十万元以下的罚款", M),
    ("落实加计扣除额117.42亿元，受惠企业", M),
    ("研发投入占比达到3.5％左右", S),
    ("不低于百分之七十", S),
    ("应当在十五个工作日内公示", T),
    ("有效期限最高到 10 年", T),
    ("自2020年5月1日起施行", D),
    ("新建500家左右，7500余人", C),
    ("within thirty days", T),
    ("市人民政府每年向市人大报告", T),
    ("70 per cent of the income", S),
    ("市人民政府应当加强领导", Quantity.NONE),
    ("缩短居住证转办户籍年限", Quantity.NONE),
]


@pytest.mark.parametrize(("question", "kinds"), ASKED)
def test_what_is_asked_for(question: str, kinds: Quantity) -> None:
    """A reader of the question names these kinds and no other."""
    assert asked_quantities(normalise(question)) == kinds


@pytest.mark.parametrize(("text", "kind"), HELD)
def test_what_is_held(text: str, kind: Quantity) -> None:
    """A text holds the kind that a reader sees; a text without numbers holds none."""
    held = held_quantities(normalise(text))
    assert kind in held if kind else not held


def test_a_date_is_no_term() -> None:
    """2025年 and 5月1日 say when, not how long; 三个月 and 10年 say how long."""
    assert Quantity.TIME not in held_quantities("自2020年5月1日起，到2025年")
    assert Quantity.TIME in held_quantities("三个月内") & held_quantities("最高到10年")
