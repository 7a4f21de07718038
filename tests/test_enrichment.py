"""Translations and questions beside a document: read, found, cut to the quote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa.catalog import add_document
from qa.engine import Engine
from qa.enrichment import Enrichment, load_enrichment
from qa.errors import CorpusError
from qa.index import build_index
from qa.models import Clause, Paragraph, Question
from qa.settings import Settings
from qa.translations import translate_quote


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "rule.txt"
    file.write_text(
        "某办法\n第一条 为了规范管理，制定本办法。\n第二条 申请人应当提交材料。\n", "utf-8"
    )
    folder = tmp_path / "corpus"
    add_document(folder, file)
    (folder / "translations").mkdir()
    (folder / "questions").mkdir()
    return folder


def test_a_question_beside_a_clause_leads_to_it(corpus: Path, tmp_path: Path) -> None:
    """A typical question finds its clause word for word; switched off, it is not there."""
    (corpus / "questions" / "rule.toml").write_text(
        '["2"]\nzh = ["要带户口本去吗"]\nen = []\n', "utf-8"
    )
    found = {}
    for switch in ("on", "off"):
        settings = Settings(corpus=corpus, index=tmp_path / switch, enrichment=switch)
        report = build_index(settings, lambda *_: None)
        engine = Engine.open(settings)
        found[switch] = engine.search(Question("要带户口本去吗"))[0]
        assert report.clauses == 3
    assert found["on"].clause.id == "rule#2"
    assert found["on"].score > found["off"].score + 0.3


def test_enrichment_is_read_by_clause(corpus: Path) -> None:
    """Translations and questions of one clause come together."""
    (corpus / "translations" / "rule.toml").write_text('"1" = """\nArticle 1 …\n"""\n', "utf-8")
    (corpus / "questions" / "rule.toml").write_text('["1"]\nzh = ["为什么？"]\n', "utf-8")
    assert load_enrichment(corpus) == {"rule#1": Enrichment("Article 1 …", ("为什么？",))}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "mend that line"),
        ('"1" = "x"', "must be a table"),
        ('["1"]\nzh = "x"', "must be lists"),
    ],
)
def test_broken_enrichment_is_said(corpus: Path, text: str, said: str) -> None:
    """A broken file is one clear error that begins with its path."""
    (corpus / "questions" / "rule.toml").write_text(text, "utf-8")
    with pytest.raises(CorpusError, match=said) as caught:
        load_enrichment(corpus)
    assert str(caught.value).startswith(str(corpus / "questions" / "rule.toml"))


def test_the_translation_of_a_paragraph_is_its_line() -> None:
    """A quote of the second paragraph is rendered by the second line; a heading line is skipped."""
    text = "第一条 甲甲。\n乙乙。"
    spans = (Paragraph(1, "甲甲。", 4, 7), Paragraph(2, "乙乙。", 8, 11))
    clause = Clause("d", "1", "第一条", text, 0, 11, paragraphs=spans)

    def never(_: object) -> np.ndarray:
        raise AssertionError("a short line is given whole")

    assert translate_quote(clause, (8, 11), "First.\nSecond.", never) == "Second."
    assert translate_quote(clause, (8, 11), "Heading\nFirst.\nSecond.", never) == "Second."
    assert translate_quote(clause, (4, 11), "First.\nSecond.", never) == "First. Second."
