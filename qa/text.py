"""Text made comparable: one spelling, words, the language of a question, numerals.

The only module that knows jieba. A change of what `normalise` or `words` returns makes old
indexes wrong: raise `qa.snapshots.FORMAT` with it.
"""

from __future__ import annotations

import functools
import logging
import re
import tempfile
import unicodedata
from collections.abc import Callable, Sequence

from qa.models import Language

# jieba's dictionary covers 一 to 鿕; other Han characters are words of their own.
_HAN = "\u4e00-\u9fd5"
_RARE_HAN = "\u3007\u3400-\u4dbf\u9fd6-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_LETTER = rf"[^\W_{_HAN}{_RARE_HAN}]"
_TOKEN = re.compile(
    rf"(?P<han>[{_HAN}]+)|(?P<rare>[{_RARE_HAN}])"
    rf"|(?P<grouped>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?)(?!{_LETTER})"
    rf"|(?P<number>(?>\d+(?:\.\d+)*))(?!{_LETTER})"
    rf"|(?P<latin>{_LETTER}+(?:&{_LETTER}+)*)"
)
_ANY_HAN = re.compile(rf"[{_HAN}{_RARE_HAN}]")
_ENGLISH = re.compile(r"[a-z]+")
_VOWEL = re.compile(r"[aeiouy]")
_MIN_HAN_SHARE = 0.15

# Words that say that something is asked, or nothing: no clause is found by them.
_STOP_WORDS = """
的 了 吗 嘛 呢 吧 啊 呀 么 着 地 得 是 和 与 及 或 在 对 就 也 都 而 其 之 这 那 我 我们 你 你们 您
什么 甚么 怎么 怎样 怎么样 怎么办 如何 为什么 为何 哪 哪个 哪些 哪里 谁 几 多少
是否 是不是 能不能 有没有 可不可以 请 请问 想 问 一下 告诉
a an the of to in on for by with at from about as and or if any some this that these those
is are was were be been being do does did has have had can could may might must shall should
will would what which who whom whose when where why how there here please tell
i me my we us our you your he him his she her it its they them their s t
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def normalise(text: str) -> str:
    """Return text in one spelling: NFKC, lower case, simplified characters.

    Text without a Traditional character stays as it is: OpenCC's phrases would turn the
    simplified 破坏土地 into 破坯土地.
    """
    text = unicodedata.normalize("NFKC", text).lower()
    if text.isascii():
        return text
    convert, traditional = _opencc()
    return text if traditional.isdisjoint(text) else convert(text)


def words(texts: Sequence[str]) -> list[list[str]]:
    """Return the words of each text, stop words left out.

    Han runs give long words and their parts (专利权 also 专利), Latin words lose
    their endings, numbers stay whole (37.48); "r&d" is one word.
    """
    cut = _han_cutter()
    return [_words_of(normalise(text), cut) for text in texts]


def segment(text: str) -> list[str]:
    """Return the words of a text with all that stands between; joined they are the text."""
    cut = _han_cutter(search=False)
    pieces, at = [], 0
    for match in _TOKEN.finditer(text):
        pieces += [text[at : match.start()]] if match.start() > at else []
        pieces += cut(match[0]) if match.lastgroup == "han" else [match[0]]
        at = match.end()
    return [*pieces, text[at:]] if at < len(text) else pieces


def language_of(text: str) -> Language:
    """Return zh where at least 15 % of the letters are Han, or where there are no letters."""
    letters = sum(map(str.isalpha, text))
    return "zh" if len(_ANY_HAN.findall(text)) >= _MIN_HAN_SHARE * letters else "en"


def number_of(numeral: str) -> int:
    """Return the value of a numeral: 二十五 -> 25, 二〇二一 -> 2021, "２５" -> 25.

    Raises ValueError for anything else, also for the ambiguous 一百五.
    """
    plain = unicodedata.normalize("NFKC", numeral)
    if re.fullmatch("[0-9]+", plain):
        return int(plain)
    plain = plain.replace("\u3007", "零").replace("两", "二")
    if re.fullmatch(f"[{_DIGITS}]+", plain):
        return int("".join(str(_DIGITS.index(one)) for one in plain))
    try:
        value = _value(plain)
        known = _full_tens(numeral_of(value)) == _full_tens(plain)
    except (ValueError, KeyError):
        known = False
    if not known:
        raise ValueError(f"{numeral!r} is not a numeral")
    return value


def numeral_of(number: int) -> str:
    """Return the Chinese numeral of a number: 25 -> 二十五, 1001 -> 一千零一."""
    if not 0 <= number < 10**12:
        raise ValueError(f"{number} is not from 0 to 999999999999")
    numeral, gap = "", False
    for power, sign in ((8, "亿"), (4, "万"), (0, "")):
        group = number // 10**power % 10_000
        gap = bool(numeral) and (gap or group < 1000)
        if group:
            numeral += "零" * gap + _group(group) + sign
            gap = False
    return numeral.removeprefix("一") if numeral.startswith("一十") else numeral or "零"


@functools.cache
def _opencc() -> tuple[Callable[[str], str], frozenset[str]]:
    """Return the converter, and every character that it changes when it stands alone."""
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    every = [chr(code) for first, last in _HAN_BLOCKS for code in range(first, last + 1)]
    pairs = zip(every, convert("\n".join(every)).split("\n"), strict=True)
    return convert, frozenset(old for old, new in pairs if old != new)


@functools.cache
def _han_cutter(*, search: bool = True) -> Callable[[str], list[str]]:
    """Return rjieba's cutter, or jieba's, which is many times slower, where it is missing.

    With `search` it gives long words and their parts, else each character once.
    """
    try:
        import rjieba
    except ImportError:
        return _jieba_cutter(search=search)
    cut: Callable[[str], list[str]] = rjieba.cut_for_search if search else rjieba.cut
    return cut


def _jieba_cutter(*, search: bool) -> Callable[[str], list[str]]:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*invalid escape sequence")
        warnings.filterwarnings("ignore", message=".*pkg_resources")
        import jieba
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    # jieba would read its cache from the system's temporary folder, where anyone can write.
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.tmp_dir = folder
        tokenizer.initialize()
    cut: Callable[[str], list[str]] = tokenizer.lcut_for_search if search else tokenizer.lcut
    return cut


def _words_of(text: str, cut: Callable[[str], list[str]]) -> list[str]:
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup, match[match.lastgroup or 0]
        if kind == "han":
            found += [word for word in cut(token) if word not in STOP_WORDS]
        elif kind == "grouped":
            found.append(token.replace(",", ""))
        elif kind != "latin":
            found.append(token)
        elif token not in STOP_WORDS:
            found.append(_stem(token) if _ENGLISH.fullmatch(token) else token)
    return found


def _stem(word: str) -> str:
    """Return an English word without plural, -ing, -ed and final -e: policies -> policy."""
    if len(word) > 4 and word.endswith(("ies", "ied")):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2 and _VOWEL.search(stem) and not word.endswith("eed"):
            word = stem
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousz":
        word = word[:-1]
    return word


_HAN_BLOCKS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_DIGITS = "零一二三四五六七八九"
_UNITS = {"十": 10, "百": 100, "千": 1000}


def _value(numeral: str) -> int:
    """Return what the digits and units add up to; the caller checks that they are in order."""
    for sign, power in (("亿", 10**8), ("万", 10**4)):
        high, found, low = numeral.partition(sign)
        if found:
            return _value(high) * power + (_value(low) if low else 0)
    total, digit = 0, 0
    for one in numeral:
        if one in _UNITS:
            total += (digit or 1) * _UNITS[one]
            digit = 0
        else:
            digit = _DIGITS.index(one)
    return total + digit


def _group(number: int) -> str:
    """Return the numeral of 1 to 9999 with every unit written: 15 -> 一十五."""
    numeral, gap = "", False
    for unit, sign in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            numeral += "零" * gap + _DIGITS[digit] + sign
        gap = bool(numeral) and not digit
    return numeral


def _full_tens(numeral: str) -> str:
    """Return a numeral with the 一 that may be left out before 十: 一百十五 -> 一百一十五."""
    return re.sub("(?<![一二三四五六七八九])十", "一十", numeral)
