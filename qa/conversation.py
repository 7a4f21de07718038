"""A follow-up question → the question that it stands for, from what was asked before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qa.references import find_references
from qa.substitution import ASKING, PRONOUN_ZH, Earlier, own_words, substitute
from qa.text import language_of

EARLIER = 20  # questions that are looked back on
LONGEST = 200  # characters of a topic that later questions go on from
NEW_WORDS = 6  # most words of what takes another's place: "and for research institutes?"
SHORT = 3  # words of its own up to which a question with a pronoun goes on from another
SURE = 0.02  # confidence by which the question with its topic must be the better one

_END = r"[\s?？。.!！~\uff5e]*$"
_LEAD = (
    r"^(?:(?:那么|那|还有|另外|然后|接着|再|如果|要是|若|假如|换成|换|改成|请问|是|对于?|关于)"
    r"[,，\s]*)*"
)
_NEW_ZH = re.compile(
    rf"{_LEAD}(?P<new>.{{1,24}}?)(?:又|也|还)?(?:的话|的情况|方面|这块|那边)?[,，]?"
    rf"(?:呢|(?:是不是)?(?:一样|适用|如此|这样|可以|行|算|包括在内)[吗么嘛]){_END}"
)
_NEW_ONLY_ZH = re.compile(
    rf"^(?:那么|那|还有|另外|如果是|要是|若是|假如是|换成|换做|改成)[,，\s]*(?P<new>.{{1,16}}){_END}"
)
_ARTICLES = r"(?:the\s+|an?\s+|their\s+)?"
_NEW_EN = re.compile(
    r"^(?:ok(?:ay)?[,.]?\s+|thanks?[,.]?\s+)?(?:and|but|so|or)?[\s,]*(?:"
    r"(?:what|how)\s+about|(?:what|how)\s+if\s+(?:it\s+is|it's|they\s+are|we\s+are)|"
    r"(?:does|do|is|are|would)\s+(?:the\s+same|that|this|it)\s+(?:also\s+)?"
    r"(?:apply|hold|valid|true|go)(?:\s+also)?\s+(?:to|for|in)|"
    r"(?:same|likewise)\s+(?:for|with)|(?<=and)(?:\s+(?:for|in|at|with|to|by|under|of|if))?)"
    rf"\s+{_ARTICLES}(?P<new>.{{1,60}}?)(?:\s+(?:then|too|as\s+well))?{_END}",
    re.IGNORECASE,
)
_PRONOUN_EN = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|there|such|one|he|she)\b", re.IGNORECASE
)
_THIS_ARTICLE = re.compile(
    r"[这那该此同上]一?条(?![例约件])|上述条款|(?:this|that|the\s+same)\s+article", re.IGNORECASE
)
_PART = re.compile(
    r"第\s*[\d一二三四五六七八九十]+\s*款(?:第\s*[（(]?[\d一二三四五六七八九十]+[）)]?\s*项)?|"
    r"第\s*[（(]?[\d一二三四五六七八九十]+[）)]?\s*项|"
    r"(?:the\s+)?(?:paragraph|item)\s+\(?\d+\)?|(?:the\s+)?(?:second|third|fourth|fifth)\s+paragraph",
    re.IGNORECASE,
)
_SAID_ONLY = re.compile(
    r"^(?:谢谢|多谢|感谢|好的?|知道了|明白了?|了解|你好|您好|"
    r"ok|okay|thanks?|thank you|hello|hi|great)"
    rf"[你您啦了\s]*{_END}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Understood:
    """The question that a text stands for, and the topic that questions after it go on from."""

    text: str
    topic: str
    is_completed: bool


def understand(earlier: Sequence[str], question: str, library: Earlier) -> Understood:
    """Return what the last question of a conversation stands for; the earlier ones oldest first.

    Rules, no language model: 那企业呢 takes its word's place in the question before, a pronoun
    or a bare 多久 gets the topic before it, a bare 第三款 the article; any other question stands
    as it is.
    """
    topic = ""
    for one in earlier[-EARLIER:]:
        topic = _complete(one, topic, library).topic or topic
    return _complete(question, topic, library)


def _complete(question: str, topic: str, library: Earlier) -> Understood:
    said = question.strip()
    if _SAID_ONLY.match(said):
        return Understood(question, topic, False)
    if not topic:
        return Understood(question, said, False)
    part = _of_article(said, topic, library)
    if part:
        return Understood(part, part, True)
    new = _new_thing(said)
    if new:
        text = substitute(topic, new, library)
        return Understood(text, text if len(text) <= LONGEST else topic, True)
    own = own_words(said)
    whole = _behind(topic, said)
    if not own or (len(own) <= SHORT and _has_pronoun(said)):
        return Understood(whole, topic, True)
    if len(own) <= SHORT and ASKING.search(said) and not library.names(said):
        # Neither sign nor subject enough to tell: the reading that the documents answer better.
        gain = library.confidence(whole) - library.confidence(said)
        if gain > SURE:
            return Understood(whole, topic, True)
    return Understood(question, said, False)


def _of_article(said: str, topic: str, library: Earlier) -> str:
    """Return the citation that 该条, 第三款 or 第二十六条 without a document stands for, or ""."""
    references = find_references(said)
    if references and not library.names(said) and len(own_words(said)) <= NEW_WORDS:
        names = library.names(topic) or library.names(library.article(topic))
        source = topic if library.names(topic) else library.article(topic)
        return _cited(source[slice(*names[-1])], _bare(said)) if names else ""
    this, part = _THIS_ARTICLE.search(said), _PART.search(said)
    if references or not (this or part) or len(own_words(said)) > NEW_WORDS:
        return ""
    article = library.article(topic)
    if not article:
        return ""
    if part:
        return _cited(article, part[0])
    return _THIS_ARTICLE.sub(article, said, count=1)


def _new_thing(said: str) -> str:
    """Return what is put in another's place: 企业 in 那企业呢, universities in "and for …"."""
    patterns = (_NEW_ZH, _NEW_ONLY_ZH) if language_of(said) == "zh" else (_NEW_EN,)
    for pattern in patterns:
        match = pattern.match(said)
        if match:
            new = match["new"].strip(" ,，的")
            own = own_words(new)
            if own and len(own) <= NEW_WORDS and not ASKING.search(new):
                return new
    return ""


def _cited(name: str, part: str) -> str:
    """Return what is cited in the order of its language."""
    return f"{name}{part}" if part.startswith("第") else f"{part} of {name}"


def _has_pronoun(said: str) -> bool:
    pronoun = PRONOUN_ZH if language_of(said) == "zh" else _PRONOUN_EN
    return bool(pronoun.search(said))


def _behind(topic: str, said: str) -> str:
    """Return a topic without its question mark, and what is asked of it."""
    bare = _bare(topic)
    return f"{bare}：{said}" if language_of(said) == "zh" else f"{bare}: {said}"


def _bare(text: str) -> str:
    """Return a question without the words and signs around it that only lead in and close."""
    return re.sub(rf"^(?:那么|那|还有|and\s+)[,，\s]*|(?:[呢吗嘛]|吧)?{_END}", "", text.strip())
