"""Words to concepts: phrases, both directions, the user's own glossary."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT

from qa.engine import Engine
from qa.errors import CorpusError
from qa.index import build_index
from qa.lexicon import PACKAGED, Lexicon, load_lexicon, read_pairs
from qa.models import Question
from qa.settings import Settings
from qa.text import words


def test_the_longest_phrase_is_one_concept() -> None:
    """An English phrase means the Chinese of the whole phrase, not of its words."""
    lexicon = Lexicon([("知识产权", "intellectual property"), ("财产", "property")])
    found = lexicon.concepts("the intellectual property of a company")
    assert [one.own for one in found] == [("intellectual", "property"), ("company",)]
    assert found[0].others == (tuple(words(["知识产权"])[0]),)
    assert found[1].others == ()


@pytest.mark.parametrize("asked", ["Super deductions for R&D", "super deduction of R&D"])
def test_inflection_and_abbreviation(asked: str) -> None:
    """Plurals and R&D are found as the glossary has them."""
    lexicon = Lexicon([("加计扣除", "super deduction"), ("研究开发", "R&D")])
    assert [bool(one.others) for one in lexicon.concepts(asked)] == [True, True]


def test_chinese_words_keep_their_own_weight() -> None:
    """Of a Chinese phrase each word stays a concept; every one may be met by the English."""
    lexicon = Lexicon([("知识产权", "intellectual property")])
    found = lexicon.concepts("知识产权")
    assert [one.own for one in found] == [(word,) for word in words(["知识产权"])[0]]
    assert {one.others for one in found} == {(("intellectual", "property"),)}


def test_the_packaged_glossary_is_large_and_whole() -> None:
    """At least 3,000 terms; every line has a rendering (read_pairs would refuse it)."""
    assert len({term for term, _ in read_pairs(PACKAGED)}) >= 3000


def test_a_line_without_rendering_is_named(tmp_path: Path) -> None:
    """The error names file and line and shows what a line is like."""
    path = tmp_path / "glossary.tsv"
    path.write_text("# mine\n揭榜挂帅\n", "utf-8")
    with pytest.raises(CorpusError, match=r"glossary\.tsv:2: .*a tab"):
        load_lexicon(tmp_path)


def test_a_glossary_of_the_users_own_finds_a_clause(tmp_path: Path) -> None:
    """An office's code word speaks for the clause once corpus/glossary.tsv says what it means."""
    corpus = tmp_path / "corpus"
    (corpus / "documents").mkdir(parents=True)
    lines = [f"第{n}条　本条规定第{n}项杂务的办理。" for n in "一二三四五六七八"]
    lines.append("第九条　市级财政设立天使投资引导基金，支持种子期企业。")
    (corpus / "documents" / "a.txt").write_text("\n\n".join(lines), "utf-8")
    (corpus / "catalog.toml").write_text(
        '[[document]]\nid = "a"\nfile = "a.txt"\ntitle = "杂务办法"\n', "utf-8"
    )
    settings = Settings(corpus=corpus, index=tmp_path / "index")
    build_index(settings, lambda *_: None)
    asked = Question("Zyxwvut")
    before = {hit.clause.key: hit.score for hit in Engine.open(settings).search(asked)}
    (corpus / "glossary.tsv").write_text("天使投资引导基金\tZyxwvut\n", "utf-8")
    after = {hit.clause.key: hit.score for hit in Engine.open(settings).search(asked)}
    assert after["9"] > before.get("9", -1.0)


def test_the_readme_of_the_corpus_tells_of_it() -> None:
    """Who looks for the glossary finds it where documents are explained."""
    assert "glossary.tsv" in (ROOT / "corpus" / "README.md").read_text("utf-8")
