"""The keyword index against BM25 written out."""

import math
import random
from pathlib import Path

import numpy as np
import pytest

from qa.keyword_index import FILES, K1, B, KeywordIndex
from qa.text import words

TEXTS = [
    "本市支持企业加大研发投入",
    "企业研发投入占比达到37.48%，企业应当如实统计",
    "专利权可以质押",
    "",
    "高等院校可以将科技成果转让给企业",
    "专利权可以质押",
]


def corpus(seed: int, size: int = 120) -> list[str]:
    """Return texts of words of very different frequency, some of them equal."""
    dice = random.Random(seed)
    every = [
        "科技创新",
        "企业",
        "专利权",
        "研发",
        "投入",
        "资金",
        "上海市",
        "r&d",
        "37.48",
        "policy",
        "质押",
        "人才",
    ]
    texts = [" ".join(dice.choices(every, range(1, 13), k=dice.randrange(12))) for _ in range(size)]
    return [*texts, *texts[:10]]


def brute_force(texts: list[str], question: str) -> np.ndarray:
    """Return Lucene's BM25 of every text, from the formula."""
    found = words(texts)
    mean = sum(map(len, found)) / len(found)
    scores = np.zeros(len(texts))
    for word in words([question])[0]:
        having = sum(word in one for one in found)
        idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for row, one in enumerate(found):
            count = one.count(word)
            scores[row] += idf * count / (count + K1 * (1 - B + B * len(one) / mean))
    return scores


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 7, 1000])
def test_search_is_brute_force(seed: int, k: int, tmp_path: Path) -> None:
    """The rows with a score come best first, equal ones by row; so they do after save and load."""
    texts = corpus(seed)
    index = KeywordIndex.build(texts)
    index.save(tmp_path)
    questions = ["企业的研发投入", "科技创新 policies", "37.48", "企业企业质押", "r&d"]
    found = index.search(questions, k)
    for question, (rows, scores) in zip(questions, found, strict=True):
        expected = brute_force(texts, question)
        order = sorted(np.flatnonzero(expected), key=lambda row: (-round(expected[row], 5), row))
        assert rows.tolist() == order[:k]
        assert scores == pytest.approx(expected[rows], rel=1e-5)
        assert (rows.dtype, scores.dtype) == (np.int64, np.float32)
    for one, other in zip(found, KeywordIndex.load(tmp_path).search(questions, k), strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_only_allowed_rows_are_found(share: float) -> None:
    """A mask takes rows away and changes no score."""
    texts = corpus(9)
    index = KeywordIndex.build(texts)
    allowed = np.random.default_rng(1).random(len(texts)) < share
    ((rows, scores),) = index.search(["企业的研发投入"], 1000)
    ((fewer, their_scores),) = index.search(["企业的研发投入"], 1000, allowed)
    assert fewer.tolist() == rows[allowed[rows]].tolist()
    assert their_scores.tolist() == scores[allowed[rows]].tolist()
    ((best, _),) = index.search(["企业的研发投入"], 3, allowed)
    assert best.tolist() == fewer[:3].tolist()


@pytest.mark.parametrize("question", ["", "的", "什么", "火星殖民", "zebra"])
def test_questions_that_find_nothing(question: str) -> None:
    """Where no row has a word of the question no row is found, not some row with score 0."""
    ((rows, scores),) = KeywordIndex.build(TEXTS).search([question], 5)
    assert (rows.tolist(), scores.tolist()) == ([], [])


def test_equal_scores_come_in_the_order_of_rows() -> None:
    """Rows 2 and 5 have the same text, and so they have for every k."""
    index = KeywordIndex.build(TEXTS)
    assert index.search(["专利权质押"], 5)[0][0].tolist() == [2, 5]
    assert index.search(["专利权质押"], 1)[0][0].tolist() == [2]
    assert index.search(["专利权质押"], 0)[0][0].tolist() == []


@pytest.mark.parametrize("texts", [[], [""], ["", "的。"]])
def test_an_index_without_words(texts: list[str], tmp_path: Path) -> None:
    """An index without any word can be built, saved, loaded and searched."""
    KeywordIndex.build(texts).save(tmp_path)
    index = KeywordIndex.load(tmp_path)
    rows = np.arange(len(texts))
    assert len(index) == len(texts)
    assert [found.tolist() for found, _ in index.search(["企业", ""], 5)] == [[], []]
    assert index.search(["企业"], 5, np.ones(len(texts), bool))[0][0].tolist() == []
    assert index.score("企业", rows).tolist() == [0.0] * len(texts)
    assert index.coverage("企业", rows).tolist() == [0.0] * len(texts)


def test_many_questions_are_searched_as_one_by_one() -> None:
    """A batch gives what its questions give alone; no question, no ranking."""
    index = KeywordIndex.build(TEXTS)
    questions = ["企业研发", "", "质押"]
    for question, ranking in zip(questions, index.search(questions, 3), strict=True):
        assert ranking[0].tolist() == index.search([question], 3)[0][0].tolist()
    assert index.search([], 3) == []


@pytest.mark.parametrize("seed", range(3))
def test_score_of_given_rows(seed: int) -> None:
    """`score` gives rows in any order, also twice, the score that `search` gives them."""
    texts = corpus(seed)
    index = KeywordIndex.build(texts)
    rows = np.random.default_rng(seed).integers(0, len(texts), 50)
    expected = brute_force(texts, "企业企业的研发投入 zebra")
    assert index.score("企业企业的研发投入 zebra", rows) == pytest.approx(expected[rows], rel=1e-5)
    assert index.score("企业", rows[:0]).tolist() == []


def _alone(question: str) -> list[list[list[str]]]:
    """Return each word of a question as a concept of its own."""
    return [[[word]] for word in dict.fromkeys(words([question])[0])]


@pytest.mark.parametrize("seed", range(3))
def test_coverage(seed: int) -> None:
    """Coverage is the idf of the question's words that a row has, over the idf of all of them."""
    texts = corpus(seed)
    found = [set(one) for one in words(texts)]
    rows = np.arange(len(texts))
    question = "企业的研发 policies zebra 企业"

    def idf(word: str) -> float:
        having = max(1, sum(word in one for one in found))
        return math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))

    asked = set(words([question])[0])
    total = sum(map(idf, asked))
    expected = [sum(map(idf, asked & one)) / total for one in found]
    index = KeywordIndex.build(texts)
    assert index.coverage(_alone(question), rows) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("question", "expected"),
    [("专利权质押", [0, 0, 1, 0, 0, 1]), ("火星", [0] * 6), ("的", [0] * 6)],
)
def test_coverage_ends(question: str, expected: list[int]) -> None:
    """Coverage is 1 where a row has all words, and 0 where it has none or nothing is asked."""
    found = KeywordIndex.build(TEXTS).coverage(_alone(question), np.arange(6))
    assert found == pytest.approx(expected)
    assert found.dtype == np.float32


def test_a_concept_is_covered_by_any_alternative() -> None:
    """Rows 2 and 5 hold 专利权 and 质押; an alternative counts only with all of its words."""
    index = KeywordIndex.build(TEXTS)
    concept = [["patent"], ["专利权", "质押"]]
    assert index.coverage([concept], np.arange(6)).tolist() == [0, 0, 1, 0, 0, 1]
    assert index.coverage([[["patent"], ["专利权", "火星"]]], np.arange(6)).tolist() == [0] * 6


def test_a_concept_weighs_once() -> None:
    """Ten alternatives weigh no more than one: the row with the other concept scores the same."""
    index = KeywordIndex.build(TEXTS)
    one = [[["企业"]], [["质押"]]]
    many = [[["企业"], *([[f"x{n}"] for n in range(9)])], [["质押"]]]
    rows = np.arange(6)
    assert index.coverage(many, rows).tolist() == index.coverage(one, rows).tolist()


def test_equal_texts_make_equal_files(tmp_path: Path) -> None:
    """Two builds write the same bytes, and exactly FILES."""
    for name in ("one", "two"):
        KeywordIndex.build(corpus(3)).save(tmp_path / name)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_library_is_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No progress bar and no debug line reaches the terminal or the log."""
    caplog.set_level("DEBUG")
    index = KeywordIndex.build(TEXTS)
    index.save(tmp_path)
    KeywordIndex.load(tmp_path).search(["企业", ""], 3)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
