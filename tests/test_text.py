"""normalise, words, language_of, number_of and numeral_of."""

import hashlib
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa import text
from qa.snapshots import FORMAT
from qa.text import STOP_WORDS, language_of, normalise, number_of, numeral_of, words

DOCUMENTS = Path(__file__).parent.parent / "corpus" / "documents"


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("Ｒ＆Ｄ　２０２１年，３７．４８％", "r&d 2021年,37.48%"),  # noqa: RUF001
        ("請問專利權質押", "请问专利权质押"),
        ("臺灣企業", "台湾企业"),
        ("㎡ ① ﬁ", "m2 1 fi"),
        ("", ""),
    ],
)
def test_normalise(given_text: str, expected: str) -> None:
    """Width, case and script make no difference."""
    assert normalise(given_text) == expected


def test_simplified_text_is_left_alone() -> None:
    """OpenCC's phrases would turn 破坏土地 into 破坯土地: they see Traditional text only."""
    assert normalise("严重破坏土地的著作权人") == "严重破坏土地的著作权人"


@settings(deadline=None)
@given(
    st.text(
        st.characters(codec="ascii") | st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5)
    )
)
def test_normalise_twice_is_normalise_once(given_text: str) -> None:
    """Text that has been normalised stays as it is."""
    once = normalise(given_text)
    assert normalise(once) == once


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("上海市科技创新", ["上海", "海市", "上海市", "科技", "创新"]),
        ("請問什麼是專利權？", ["专利", "利权", "专利权"]),
        ("占比37.48%", ["占", "比", "37.48"]),
        ("2021，2022年", ["2021", "2022", "年"]),
        ("1,234,567.8元", ["1234567.8", "元"]),
        ("R&D", ["r&d"]),
        ("Covid-19 and 5G", ["covid", "19", "5g"]),
        ("the policies of the Center's", ["policy", "center"]),
        ("processes taxes status business", ["process", "tax", "status", "business"]),
        ("managing managed manages manage", ["manag"] * 4),
        ("planning plans planned plan", ["plan"] * 4),
        ("controlled control string need", ["control", "control", "string", "need"]),
        ("㐀𠀀", ["㐀", "𠀀"]),
        ("。，！ ……", []),
        ("", []),
    ],
)
def test_words(given_text: str, expected: list[str]) -> None:
    """Han runs give long words with their parts, Latin words a stem, numbers stay whole."""
    assert words([given_text]) == [expected]


def test_no_stop_word_is_a_word() -> None:
    """Stop words are dropped; of a long one, such as 能不能, the parts may stay."""
    assert words(sorted(STOP_WORDS - {"能不能", "有没有", "是不是", "可不可以"})) == [[]] * (
        len(STOP_WORDS) - 4
    )
    assert STOP_WORDS.isdisjoint(words([" ".join(sorted(STOP_WORDS))])[0])


def test_words_go_text_by_text() -> None:
    """The words of a text do not depend on the texts beside it."""
    texts = ["科技创新", "", "what is R&D"]
    assert words(texts) == [words([one])[0] for one in texts]
    assert words([]) == []


def test_rjieba_cuts_the_documents_as_jieba_does() -> None:
    """On every Han run of the documents the fast cutter equals the reference."""
    runs = {
        run
        for path in DOCUMENTS.glob("*.txt")
        for run in re.findall("[\u4e00-\u9fd5]+", normalise(path.read_text("utf-8")))
    }
    assert len(runs) > 1000
    fast, reference = text._han_cutter(), text._jieba_cutter(search=True)
    assert fast is not reference
    assert [run for run in sorted(runs) if fast(run) != reference(run)] == []


def test_words_without_rjieba(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where rjieba is not installed jieba cuts the same words, and says nothing."""
    texts = ["上海市推进科技创新中心建设条例第二十五条", "R&D 投入 37.48%"]
    expected = words(texts)
    monkeypatch.setitem(sys.modules, "rjieba", None)
    text._han_cutter.cache_clear()
    try:
        assert words(texts) == expected
        assert text._han_cutter().__module__ != "rjieba"
    finally:
        text._han_cutter.cache_clear()
    assert capfd.readouterr() == ("", "")


def test_a_change_of_words_needs_a_new_format() -> None:
    """An index holds what `words` made when it was built. If this fails, raise FORMAT first."""
    sample = [
        "第二十五条 本市支持企业加大研发投入（R&D），占比达到37.48%；２０２１年，專利權質押。",
        "How are the policies on technology transfer and intellectual property being applied?",
    ]
    digest = hashlib.sha256(repr(words(sample)).encode()).hexdigest()[:12]
    assert (FORMAT, digest) == (6, "37b006756a5b")


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("什么是成果转化？", "zh"),
        ("R&D investment 是什么", "zh"),
        ("What is the R&D budget?", "en"),
        ("What does 条例 say about the funding of enterprises?", "en"),
        ("專利", "zh"),
        ("37.48%", "zh"),
        ("", "zh"),
    ],
)
def test_language_of(given_text: str, expected: str) -> None:
    """Fifteen per cent of Han letters make a question Chinese; so does the lack of letters."""
    assert language_of(given_text) == expected


NUMERALS = [
    ("零", 0),
    ("九", 9),
    ("十", 10),
    ("十五", 15),
    ("二十", 20),
    ("二十五", 25),
    ("一百", 100),
    ("一百零一", 101),
    ("一百一十", 110),
    ("一百一十一", 111),
    ("一千零一", 1001),
    ("一千零一十", 1010),
    ("一千一百", 1100),
    ("九千九百九十九", 9999),
    ("一万", 10_000),
    ("一万零一", 10_001),
    ("一万零一百", 10_100),
    ("十万零一", 100_001),
    ("十二万三千", 123_000),
    ("一百万零三百", 1_000_300),
    ("一亿", 100_000_000),
    ("一亿零一", 100_000_001),
    ("一亿零五万", 100_050_000),
    ("十二亿三千四百五十六万七千八百九十", 1_234_567_890),
]


@pytest.mark.parametrize(("numeral", "number"), NUMERALS)
def test_numerals(numeral: str, number: int) -> None:
    """A numeral has one value, and a number one usual numeral."""
    assert number_of(numeral) == number
    assert numeral_of(number) == numeral


@pytest.mark.parametrize(
    ("numeral", "number"),
    [
        ("25", 25),
        ("２５", 25),
        ("007", 7),
        ("〇", 0),  # noqa: RUF001
        ("两", 2),
        ("两百", 200),
        ("二〇二一", 2021),
        ("二零二一", 2021),
        ("一〇一", 101),
        ("一百十五", 115),
        ("一十五", 15),
        ("一千零十", 1010),
    ],
)
def test_other_ways_to_write_a_numeral(numeral: str, number: int) -> None:
    """Digits of any width, digit by digit, and a 十 without 一 are understood."""
    assert number_of(numeral) == number


@pytest.mark.parametrize(
    "numeral",
    [
        "",
        " ",
        "第二",
        "二十五条",
        "百",
        "百百",
        "十十",
        "二十五五",
        "一百五",
        "零十",
        "万一",
        "25a",
        "-1",
        "1.5",
        "廿",
    ],
)
def test_what_is_no_numeral(numeral: str) -> None:
    """Anything else is refused, also what could be read in two ways."""
    with pytest.raises(ValueError, match="is not a numeral"):
        number_of(numeral)


@settings(deadline=None)
@given(st.integers(0, 10**12 - 1))
def test_numerals_there_and_back(number: int) -> None:
    """Every number is the value of its numeral."""
    assert number_of(numeral_of(number)) == number


@pytest.mark.parametrize("number", [-1, 10**12])
def test_numbers_without_a_numeral(number: int) -> None:
    """Numbers below 0 and from a million million are refused."""
    with pytest.raises(ValueError, match="is not from 0 to"):
        numeral_of(number)
