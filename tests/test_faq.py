"""Approved answers come first, and are flagged when a clause that they cite has changed."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from conftest import CORPUS
from openpyxl import Workbook

from qa.approving import approve_sheet, find_changed
from qa.cli import main
from qa.engine import Engine
from qa.errors import CorpusError, WorkbookError
from qa.faq import FILE, load_faq
from qa.index import build_index
from qa.models import Question
from qa.settings import Settings

DAY = date(2026, 11, 2)
ASKED = "职务科技成果协议定价需要公示多长时间？"
SAID = "条例没有规定公示期限，按本单位制度执行，一般不少于十五天。"
ROWS = [
    ("序号", "问题", "答复", "英文答复", "依据"),
    (1, ASKED, SAID, "The regulations set no period.", "科创条例第二十五条第二款"),
    (2, "科创板上市找谁？\n科创板谁负责？", "请咨询市地方金融监管局。", "", "条例第43条第二款"),
    (3, "食堂几点开门？", "十一点半。", "", "食堂通知"),
    (4, "没有答复的问题？", "", "", "条例第三条"),
    (None, None, None, None, None),
    (5, "江苏的条例怎么说？", "见江苏条例。", "", "江苏省科技创新条例第三条"),
]


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Settings of a copy of the bundled corpus, indexed."""
    shutil.copytree(CORPUS, tmp_path / "corpus")
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    build_index(settings, lambda *_: None)
    return settings


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A reviewed sheet."""
    book = Workbook()
    for row in ROWS:
        book.active.append(row)
    book.save(tmp_path / "faq.xlsx")
    return tmp_path / "faq.xlsx"


def test_a_row_is_approved_or_refused_with_a_reason(own: Settings, sheet: Path) -> None:
    """No row is lost: approved, or named with its number in the sheet."""
    report = approve_sheet(Engine.open(own), sheet, DAY)
    assert (report.added, report.replaced) == (2, 0)
    assert [(one.row, one.reason.split()[0]) for one in report.refused] == [
        (4, "'食堂通知'"),
        (5, "no"),
        (7, "'江苏省科技创新条例第三条'"),
    ]
    entries = load_faq(own.corpus)
    assert entries[1].questions == ("科创板上市找谁？", "科创板谁负责？")
    assert entries[0].citations[0].clause_id == "sti-center-regulations#25"
    assert entries[0].citations[0].paragraph == 2
    again = approve_sheet(Engine.open(own), sheet, DAY)
    assert (again.added, again.replaced) == (0, 2)
    assert len(load_faq(own.corpus)) == 2


def test_an_approved_answer_comes_first(own: Settings, sheet: Path) -> None:
    """The same question, politely or not, gets the approved words and the clause they rest on."""
    engine = Engine.open(own)
    plain = engine.ask(Question(ASKED))
    approve_sheet(engine, sheet, DAY)
    assert engine.refresh()
    assert not engine.refresh()
    for asked in (ASKED, f"请问，{ASKED[:-1]}", ASKED.replace("科技", " 科技 ")):
        answer = engine.ask(Question(asked))
        assert answer.text.startswith(SAID)
        assert answer.status == "answered"
        assert answer.notes[0] == "已审定的答复（2026-11-02）。"
        (citation,) = answer.citations
        assert citation.label == "第二十五条第二款"
        document = engine.document(citation.document_id)
        assert citation.quote == document.text[citation.start : citation.end]
    english = engine.ask(Question(ASKED, language="en"))
    assert english.text.startswith("The regulations set no period.")
    other = engine.ask(Question("职务科技成果协议定价需要备案吗？"))
    assert SAID not in other.text
    assert plain.text != answer.text
    follow_up = engine.ask(Question("多久？", history=(ASKED,)))
    assert follow_up.question == "多久？"


# A question that is nearly that of the sheet, and whether a person would give its answer.
LIKE_IT = [
    ("职务科技成果协议定价，公示需要多长时间？", True),
    ("职务科技成果协议定价不需要公示多长时间？", False),
    ("职务科技成果挂牌交易需要公示多长时间？", False),
    ("职务科技成果协议定价需要公示什么？", False),
    ("科创板谁负责", True),
    ("科创板上市有什么支持？", False),
    ("新三板上市找谁？", False),
]


@pytest.mark.parametrize(("asked", "same"), LIKE_IT)
def test_nearly_the_same_question_is_not_the_same(
    own: Settings, sheet: Path, asked: str, same: bool
) -> None:
    """An approved answer is given to its own question, and not to its neighbour's."""
    engine = Engine.open(own)
    approve_sheet(engine, sheet, DAY)
    engine.refresh()
    answer = engine.ask(Question(asked))
    assert any("审定" in note for note in answer.notes) == same


def test_a_changed_clause_flags_the_answer(
    own: Settings, sheet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The approved words still come first, not as settled, and the command names the entry."""
    approve_sheet(Engine.open(own), sheet, DAY)
    file = own.corpus / "documents" / "sti-center-regulations.txt"
    text = file.read_text("utf-8")
    assert "拟交易价格" in text
    file.write_text(text.replace("拟交易价格", "成交价格"), "utf-8")
    build_index(own, lambda *_: None)
    engine = Engine.open(own)
    answer = engine.ask(Question(ASKED))
    assert answer.status == "closest"
    assert answer.text.startswith(SAID)
    assert "《上海市推进科技创新中心建设条例》第二十五条第二款已变更" in answer.notes[1]
    (changed,) = find_changed(engine)
    assert changed.entry.questions == (ASKED,)
    monkeypatch.setenv("TIAOWEN_CORPUS", str(own.corpus))
    monkeypatch.setenv("TIAOWEN_INDEX", str(own.index))
    assert main(["faq"]) == 1
    assert f"changed: {ASKED} (sti-center-regulations#25)" in capsys.readouterr().out
    assert main(["faq", str(sheet)]) == 1  # some rows are refused
    assert "2 replaced" in capsys.readouterr().out
    assert main(["faq"]) == 0


def test_a_sheet_or_file_that_is_none_says_so(own: Settings, tmp_path: Path) -> None:
    """A sheet without answers or citations, and a broken file, are named with the cure."""
    engine = Engine.open(own)
    bare = tmp_path / "bare.csv"
    bare.write_text("问题\n怎么办？\n", "utf-8")
    with pytest.raises(WorkbookError, match="答复"):
        approve_sheet(engine, bare, DAY)
    (own.corpus / FILE).write_text("[[faq]]\nquestions = []\n", "utf-8")
    with pytest.raises(CorpusError, match="entry 1"):
        load_faq(own.corpus)
    (own.corpus / FILE).write_text("[[faq]\n", "utf-8")
    with pytest.raises(CorpusError, match="mend that line"):
        load_faq(own.corpus)
