"""Whether a sentence says no more than its sources: words, actors, negation, duty, bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.text import language_of, normalise, words

WORDS_HELD = {"zh": 0.7, "en": 0.6}  # least share of a sentence's words that its sources have
PART_HELD = 0.5  # share of the words of a part of a source from which a sentence takes it up
ALIKE = 0.4  # least likeness to a sentence of sources in the other language
FEWEST = 2  # words that a sentence must have to say something

_SENTENCE = re.compile(r"[^。！？!?；;\n.]+(?:\.(?=\d)[^。！？!?；;\n.]*)*[。！？!?；;.]*")
# What turns a statement round. A bound (不低于), 不仅 and the like do not.
_NOT_ZH = re.compile(
    r"不(?!低于|少于|超过|高于|大于|小于|仅|但|断|同|少|论|限于|限|管|等|久|足|确定|可或缺|良)|"
    r"无需|无须|无权|未(?!来)|没有|禁止|免[予于除]|除外|毋须|勿"
)
_NOT_EN = re.compile(
    r"\b(?:(?:not|no)(?! (?:less|fewer|more|later|lower|higher|only|limited))|"
    r"never|without|exempt\w*|prohibit\w*|forbid\w*|forbidden|neither|nor|cannot|"
    r"unless|waive\w*|need not|free from)\b|n't\b",
    re.IGNORECASE,
)
_STRENGTHS: dict[str, tuple[str, str]] = {
    "must": (
        r"应当|必须|(?<!无)须(?!知)|务必|不得|应(?=[在由予按依向])|需要?(?!求)",
        r"\b(?:must|shall|have to|has to|(?:is|are|be) (?:required|obliged)|requires?|"
        r"need(?:s|ed)? to|should)\b",
    ),
    "may": (
        r"可以|可(?=[按依在由向自予免不])|允许|有权|能够",
        r"\b(?:may|can|allowed|permitted|free to|entitled|could)\b",
    ),
    "floor": (
        r"不低于|不少于|至少|以上|最低|超过(?<!不超过)|大于|高于(?<!不高于)",
        r"\b(?:at least|not? less than|not? fewer than|minimum|more than|or more|over|exceed\w*)\b",
    ),
    "ceiling": (
        r"不超过|不高于|至多|最多|以下|以内|之内|最高|不得超过",
        r"\b(?:at most|not? more than|not? exceed\w*|maximum|within|up to|or less|under)\b",
    ),
}
_ACTORS = re.compile(
    r"企业|公司|高校|高等院校|大学|院所|科研事业单位|事业单位|人民政府|政府|部门|银行|个人|科研人员|机构|社会组织|"
    r"保险|基金|医院|学校|法院|检察院|中小企业|国有企业|外资|境外|海外|区人民政府|国务院"
)
_SAME_ACTORS = {"高校": "高等院校", "公司": "企业", "大学": "高等院校", "人民政府": "政府"}

Likeness = Callable[[str, Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Source:
    """What a sentence cites: the clause's own words, and its translation or ""."""

    text: str
    translation: str = ""


def find_unsupported(sentence: str, sources: Sequence[Source], likeness: Likeness) -> str:
    """Return why sources do not bear a sentence out, "" where nothing speaks against it.

    A cautious reader, not a clever one: what it cannot trace to the sources word by word it
    rejects, since the quotes stand anyway.
    """
    language = language_of(sentence)
    own = [one.text if language == "zh" else one.translation for one in sources]
    text = "\n".join(filter(None, own))
    (said,) = words([sentence])
    if len(set(said)) < FEWEST:
        return "it says nothing"
    if not text:
        others = [piece for one in sources for piece in _sentences(one.text)]
        near = likeness(sentence, others)
        if float(near.max()) < ALIKE:
            return "no sentence of its sources is like it"
        return _turned(sentence, others[int(near.argmax())])
    held = set(words([text])[0])
    share = sum(word in held for word in said) / len(said)
    if share < WORDS_HELD[language]:
        return f"only {share:.0%} of its words stand in its sources"
    if language == "zh":
        strange = _actors(sentence) - _actors(text)
        if strange:
            return f"its sources do not speak of {'、'.join(sorted(strange))}"
    return _turned(sentence, _nearest(said, text))


def _sentences(text: str) -> list[str]:
    return [one.strip() for one in _SENTENCE.findall(text) if one.strip()]


def _nearest(said: Sequence[str], text: str) -> str:
    """Return the sentence of a text that has most of the words said, and least beside them."""
    wanted = set(said)
    pieces = _sentences(text)
    held = [set(found) for found in words(pieces)]
    rated = [len(wanted & one) - 0.1 * len(one - wanted) for one in held]
    best = pieces[int(np.argmax(rated))]
    # A statement over two sentences is compared with both.
    rest = wanted - set(words([best])[0])
    more = [len(rest & one) for one in held]
    if rest and max(more) >= max(FEWEST, len(rest) / 2):
        best += pieces[int(np.argmax(more))]
    return best


def _turned(sentence: str, source: str) -> str:
    """Return how a sentence turns what its source says into something else, "" if it does not."""
    if is_negative(sentence) != any(map(is_negative, _taken_up(sentence, source))):
        return "it says yes where its source says no, or the other way round"
    for name in ("must", "floor", "ceiling"):
        if _says(name, sentence) and not _says(name, source):
            return f"its source does not say “{name}”"
    if _says("may", sentence) and _says("must", source) and not _says("may", source):
        return "its source says “must”, not “may”"
    return ""


def _taken_up(sentence: str, source: str) -> list[str]:
    """Return the parts between commas that a sentence repeats; all in another language."""
    if language_of(sentence) != language_of(source):
        return [source]
    (said,) = words([sentence])
    parts = [one for one in re.split(r"[,，:：]", source) if one.strip()]
    shares = [
        sum(word in said for word in found) / len(found) if found else 0.0 for found in words(parts)
    ]
    least = min(PART_HELD, max(shares))
    return [part for part, share in zip(parts, shares, strict=True) if share >= least]


def is_negative(text: str) -> bool:
    """Return whether a text says no to something; 不低于 and at least say none."""
    plain = normalise(text)
    return bool((_NOT_ZH if language_of(text) == "zh" else _NOT_EN).search(plain))


def _says(name: str, text: str) -> bool:
    chinese, english = _STRENGTHS[name]
    return bool(re.search(chinese, text) or re.search(english, text, re.IGNORECASE))


def _actors(text: str) -> set[str]:
    return {_SAME_ACTORS.get(one, one) for one in _ACTORS.findall(text)}
