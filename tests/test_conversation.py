"""Follow-up questions stand for what a person would take them to mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import GOLDEN

from qa.engine import Engine
from qa.models import Question

_LINES = (GOLDEN / "conversations.jsonl").read_text(encoding="utf-8").splitlines()
ROWS = [json.loads(line) for line in _LINES]
FOLLOW_UPS = [row for row in ROWS if row["gold"]]
ON_THEIR_OWN = [row for row in ROWS if not row["gold"]]


def _question(row: dict[str, Any]) -> Question:
    return Question(row["question"], history=tuple(row["history"]))


@pytest.mark.parametrize("row", FOLLOW_UPS, ids=lambda row: row["question"])
def test_a_follow_up_finds_the_clause_that_a_person_named_for_it(
    engine: Engine, row: dict[str, Any]
) -> None:
    """The clauses in the file were chosen by reading the documents, not by asking the engine."""
    found = {hit.clause.id for hit in engine.search(_question(row))}
    assert found & set(row["gold"]), engine.complete(_question(row)).text


def test_the_conversation_helps(engine: Engine) -> None:
    """With what was asked before, far more follow-ups have their clause first than without."""

    def first(questions: list[Question]) -> int:
        found = engine.search_many(questions)
        return sum(
            hits[0].clause.id in row["gold"] for hits, row in zip(found, FOLLOW_UPS, strict=True)
        )

    alone = first([Question(row["question"]) for row in FOLLOW_UPS])
    together = first([_question(row) for row in FOLLOW_UPS])
    assert together >= 0.85 * len(FOLLOW_UPS) > 0.6 * len(FOLLOW_UPS) > alone


@pytest.mark.parametrize("row", ON_THEIR_OWN, ids=lambda row: row["question"])
def test_a_question_with_a_subject_of_its_own_stays_as_it_is(
    engine: Engine, row: dict[str, Any]
) -> None:
    """A change of subject is not bent back to the old one."""
    assert engine.complete(_question(row)).text == row["question"]


# What a person would write in full.
IN_FULL = [
    (["高校的收益怎么分配？"], "那企业呢？", "企业的收益怎么分配？"),
    (["小微企业能享受什么优惠？"], "大企业可以吗？", "大企业能享受什么优惠？"),
    (["2021年的目标是多少？"], "2023年呢？", "2023年的目标是多少？"),
    (["行动方案怎么说？"], "条例呢？", "条例怎么说？"),
    (["条例第二十五条怎么说？"], "那第五十八条呢？", "条例第五十八条"),
    (
        ["条例第二十五条怎么说？"],
        "第二款呢？",
        "《上海市推进科技创新中心建设条例》第二十五条第二款",
    ),
    (
        ["Can researchers take part-time jobs?"],
        "And teachers?",
        "Can teachers take part-time jobs?",
    ),
    (
        ["How are proceeds shared at universities?"],
        "What about companies?",
        "How are proceeds shared at companies?",
    ),
    (["协议定价要公示吗？"], "多久？", "协议定价要公示：多久？"),
    (["协议定价要公示吗？", "多久？", "谢谢"], "由谁负责？", "协议定价要公示：由谁负责？"),
]


@pytest.mark.parametrize(("history", "question", "full"), IN_FULL)
def test_what_is_new_takes_the_place_of_its_like(
    engine: Engine, history: list[str], question: str, full: str
) -> None:
    """The completed question reads as a person would write it."""
    assert engine.complete(Question(question, history=tuple(history))).text == full


def test_an_answer_says_how_a_follow_up_was_read(engine: Engine) -> None:
    """The question stays as asked; a note says what was answered, in the answer's language."""
    answer = engine.ask(Question("那企业呢？", history=("高校的收益怎么分配？",)))
    assert answer.question == "那企业呢？"
    assert answer.notes[0] == "按上文理解为：企业的收益怎么分配？"
    answer = engine.ask(
        Question("What about companies?", history=("How are proceeds shared at universities?",))
    )
    assert answer.notes[0].endswith("as: How are proceeds shared at companies?")


def test_hostile_histories_are_read_as_questions_only(engine: Engine) -> None:
    """Empty, endless and odd earlier questions neither fail nor lengthen the question at will."""
    for history in (["", "  "], ["长" * 100_000], ["呢"] * 500, ["\n\n？？", "《", "第条"]):
        whole = engine.complete(Question("那企业呢？", history=tuple(history)))
        assert len(whole.text) <= engine.settings.max_question_chars
        engine.ask(Question("那企业呢？", history=tuple(history)))
