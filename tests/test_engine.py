"""Questions through the one door: found, cited truly, refused, dated."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from conftest import GOLDEN
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from qa.engine import Engine
from qa.errors import (
    ClauseNotFoundError,
    DocumentNotFoundError,
    IndexMissingError,
    QuestionError,
    QuestionTooLongError,
)
from qa.evaluation import bare, evaluate, evaluation_to_dict, format_evaluation, read_labelled
from qa.models import Question
from qa.settings import Settings

QUESTIONS = GOLDEN / "questions.jsonl"


def test_golden_snippets_stand_in_their_documents(engine: Engine) -> None:
    """Each gold snippet of the golden set is in the document that it names."""
    texts = {document.id: bare(document.text) for document in engine.documents()}
    labelled = read_labelled(QUESTIONS, engine)
    assert len(labelled) >= 150
    assert {one.language for one in labelled} == {"zh", "en"}
    for one in labelled:
        assert (one.kind == "oos") == (not one.gold)
        for snippet in one.gold:
            assert snippet in texts[one.document], one.id


def test_golden_questions_find_their_clauses(engine: Engine) -> None:
    """Floors under the figures of the golden set; `scripts/evaluate` prints the figures."""
    evaluation = evaluate(engine, QUESTIONS)
    assert evaluation.groups["language zh"].hits[5] >= 0.92
    assert evaluation.groups["language en"].hits[5] >= 0.80
    assert evaluation.groups["kind cite"].hits[1] >= 0.85
    assert evaluation.refused >= 0.4
    table = format_evaluation(evaluation)
    assert "| all | 196 |" in table
    json.dumps(evaluation_to_dict(evaluation))


def test_the_example_of_the_readme(engine: Engine) -> None:
    """协议定价 is answered by the second paragraph of Article 25, quoted word for word."""
    answer = engine.ask(Question("职务科技成果协议定价要不要公示？"))
    first = answer.citations[0]
    assert (answer.status, answer.language) == ("answered", "zh")
    assert (first.clause_id, first.label) == ("sti-center-regulations#25", "第二十五条第二款")
    assert "协议定价的，应当在本单位公示科技成果名称和拟交易价格。" in first.quote
    assert first.quote in answer.text


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(min_size=1, max_size=60), top_k=st.integers(1, 20))
def test_no_quote_differs_from_its_document(engine: Engine, text: str, top_k: int) -> None:
    """Whatever is asked, quotes are cut from the documents, and answered means cited."""
    if not text.strip():
        return
    answer = engine.ask(Question(text, top_k=top_k))
    for one in answer.citations:
        document = engine.document(one.document_id)
        assert one.quote == document.text[one.start : one.end] != ""
        assert one.quote in one.text
    assert bool(answer.citations) == (answer.status != "no_basis")
    assert 0 <= answer.confidence <= 1


def test_every_golden_quote_is_verbatim(engine: Engine) -> None:
    """All quotes of all golden answers stand at their offsets, inside their clause."""
    questions = [Question(one.question) for one in read_labelled(QUESTIONS, engine)]
    for answer in engine.ask_many(questions):
        for one in answer.citations:
            clause = engine.clause(one.clause_id)
            assert one.quote == engine.document(one.document_id).text[one.start : one.end]
            assert clause.start <= one.start < one.end <= clause.end


@pytest.mark.parametrize(
    ("text", "clause_id", "label"),
    [
        ("条例第25条", "sti-center-regulations#25", "第二十五条"),
        ("第四十一条第三款", "sti-center-regulations#41", "第四十一条第三款"),
        ("Article 44, paragraph 2", "sti-center-regulations#44", "第四十四条第二款"),
        ("行动方案第8条", "tech-transfer-action-plan#2.4.8", "二（四）8"),
        ("科创22条第9条讲什么", "sti-center-opinions#3.9", "三、9"),
    ],
)
def test_exact_route(engine: Engine, text: str, clause_id: str, label: str) -> None:
    """A clause named by its number is the first hit, cited to the paragraph."""
    answer = engine.ask(Question(text))
    assert (answer.status, answer.confidence) == ("answered", 1.0)
    assert (answer.citations[0].clause_id, answer.citations[0].label) == (clause_id, label)


@pytest.mark.parametrize(
    ("text", "said"),
    [("条例第六十条", "全文共五十九条"), ("Article 60 of the regulations", "has 59")],
)
def test_an_article_that_does_not_exist(engine: Engine, text: str, said: str) -> None:
    """The answer says how many articles there are, and cites nothing."""
    answer = engine.ask(Question(text))
    assert (answer.status, answer.citations) == ("no_basis", ())
    assert said in answer.notes[0]


def test_validity_follows_the_day(engine: Engine) -> None:
    """The action plan for 2021-2023 is expired today, in force in 2022, not yet in 2021-06."""
    asked = Question("技术市场合同成交金额目标是多少", documents=("tech-transfer-action-plan",))
    today = engine.ask(asked)
    assert today.citations[0].validity == "expired"
    assert "已于2023-12-31到期" in today.notes[0]
    then = engine.ask(replace(asked, as_of=date(2022, 6, 1)))
    assert (then.citations[0].validity, then.notes) == ("in_force", ())
    before = engine.ask(replace(asked, as_of=date(2021, 6, 1)))
    assert before.citations[0].validity == "not_yet_effective"


def test_filters_are_kept(engine: Engine) -> None:
    """No hit comes from a document or a kind that was not asked for."""
    for hit in engine.search(Question("人才", documents=("sti-center-opinions",), top_k=20)):
        assert hit.clause.document_id == "sti-center-opinions"
    kinds = {document.id: document.kind for document in engine.documents()}
    hits = engine.search(Question("人才", kinds=("地方性法规",), top_k=20))
    assert {kinds[hit.clause.document_id] for hit in hits} == {"地方性法规"}


def test_hits_are_ranked(engine: Engine) -> None:
    """Ranks run from 1, scores fall, no clause comes twice."""
    hits = engine.search(Question("知识产权质押贷款", top_k=20))
    assert [hit.rank for hit in hits] == list(range(1, 21))
    assert sorted((hit.score for hit in hits), reverse=True) == [hit.score for hit in hits]
    assert len({hit.clause.id for hit in hits}) == 20


def test_one_is_a_batch_of_one(engine: Engine) -> None:
    """Answers in a batch equal the answers one by one."""
    questions = [
        Question("什么是新型研发机构？"),
        Question("Who audits the plan?"),
        Question("第3条"),
    ]
    assert engine.ask_many(questions) == [engine.ask(one) for one in questions]


@pytest.mark.parametrize("text", ["今天A股大盘多少点？", "What is the weather tomorrow?", "=1+1"])
def test_unrelated_questions_are_not_answered(engine: Engine, text: str) -> None:
    """What the documents have nothing to do with is not answered."""
    assert engine.ask(Question(text)).status != "answered"


@pytest.mark.parametrize(
    "text",
    [
        "广州的落户条件是什么？",
        "深圳的人才补贴标准是多少",
        "What grants does Beijing offer to start-ups?",
    ],
)
def test_another_citys_rules_are_not_answered(engine: Engine, text: str) -> None:
    """A question about a place that a local document never names is not answered from it."""
    answer = engine.ask(Question(text, documents=("sti-center-regulations",)))
    assert answer.status != "answered"


def test_errors(engine: Engine, tmp_path: Path) -> None:
    """Each wrong call has its own error."""
    with pytest.raises(QuestionError):
        engine.ask(Question("  "))
    with pytest.raises(QuestionTooLongError, match="100000 characters"):
        engine.ask(Question("长" * 100_000))
    with pytest.raises(DocumentNotFoundError, match="sti-center-regulations"):
        engine.search(Question("x", documents=("nope",)))
    with pytest.raises(ClauseNotFoundError):
        engine.clause("sti-center-regulations#99")
    with pytest.raises(IndexMissingError, match="run `tiaowen index`"):
        Engine.open(Settings(index=tmp_path / "none"))


def test_traditional_script_finds_the_same(engine: Engine) -> None:
    """A question in Traditional script finds what its simplified form finds."""
    simplified = engine.search(Question("知识产权侵权怎么罚"))
    traditional = engine.search(Question("智慧財產權侵權怎麼罰"))
    assert simplified[0].clause.id in {hit.clause.id for hit in traditional}
