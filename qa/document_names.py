"""The names of documents, and which of them a text says."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from qa.models import Document
from qa.places import find_places
from qa.text import normalise

_REGION = re.compile(r"^(?:中华人民共和国|[^市省区]{2,6}(?:省|市|自治区))")
_LAW_BEFORE = re.compile(
    r"(?:《[^《》]+》|[\u4e00-\u9fff]{1,30}[^\W本该此这办]法|\b(?:[A-Z][\w'’-]*\s+)+(?:Law|Act|Code))"
    r"[\s,，的]*$"
)
# What stands right before 条例 as part of a name, after the words that only lead up to it.
_HAN_BEFORE = re.compile(r"[\u4e00-\u9fff]{1,40}$")
_LEAD = re.compile(
    r"^.*(?:根据|依据|依照|按照|参照|适用|违反|符合|请问|查询|一下|看看|看|问|说|按|照|与|和|及|跟|请|查|"
    r"列出|列举|说明|解释|介绍|引用|告诉|给出|找出|找到|翻译|阅读|打开|显示|展示|复述|念|摘录|总结|概括|了解|比较|"
    r"对照|对比|讲讲|讲|谈谈|想看|写出|背诵|贴出|发|给我|帮我|如果|假如|那么|那|还有|以及|或者|或|即|就是|"
    r"本|该|此|这部|这个|那个|这|那|我们的|我市|全市|的|在|把|对|从|是|有|我想知道|想知道|知道|什么)"
)
_ABOUT = re.compile(r"关于([^，。]{2,40})的$")
_RULE_BEFORE = re.compile(
    r"([\u4e00-\u9fff]{0,40})(?:条例|办法|规定|意见|方案|细则|规划|规则)[\s,，的]*$"
)
_REGULATIONS = re.compile(r"\b(?:regulations?|measures|provisions|rules)[\s,]*$", re.IGNORECASE)
TITLE_CHARS = 8  # a name as long as this is a title and needs no look at what stands before it
NAME_CHARS = 60  # before a word such as regulations in which a place may be named
_LAW_BEHIND = re.compile(
    r"\s*,?\s*(?:of|in|under)\s+(?:the\s+)?(?:[\w'’-]+\s+){1,8}?"
    r"(?:law|act|code|regulations?|measures|provisions|rules)\b",
    re.IGNORECASE,
)
# What people call a document that is the only one of its kind.
KIND_WORDS = {
    "行动方案": ("行动方案", "action plan"),
    "条例": ("条例", "regulations", "regulation"),
    "意见": ("意见", "opinions", "opinion"),
    "办法": ("办法", "measures"),
    "规定": ("规定", "provisions"),
    "规划": ("规划",),
    "法": ("本法", "该法", "law"),
}
_KIND_NAMES = frozenset(name for names in KIND_WORDS.values() for name in names)


class DocumentNames:
    """The names of documents, so that those that a question names are found at once."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Take in the names of documents: titles, short names, kinds that are the only ones."""
        self._documents = documents
        # Names by their first two characters, so that few are compared at each place of a text.
        self._names: dict[str, list[tuple[str, int]]] = {}
        for place, document in enumerate(documents):
            for name in names_of(document):
                self._names.setdefault(name[:2], []).append((name, place))
        self._kinds: list[tuple[tuple[str, ...], int]] = []
        for kind, words in KIND_WORDS.items():
            of_kind = [n for n, one in enumerate(documents) if _bare(one.title).endswith(kind)]
            if len(of_kind) == 1:
                self._kinds.append((words, of_kind[0]))

    def find(self, text: str) -> list[Document]:
        """Return the documents that a question names by title, short name or kind.

        The longest name wins; a kind (条例) counts where only one document is of that kind.
        """
        said = normalise(text)
        longest, found = 0, set[int]()
        for start in range(len(said) - 1):
            for name, place in self._names.get(said[start : start + 2], ()):
                if len(name) >= longest and said.startswith(name, start):
                    found = found | {place} if len(name) == longest else {place}
                    longest = len(name)
        if found:
            return [self._documents[place] for place in sorted(found)]
        for words, place in self._kinds:
            if any(word in said for word in words):
                return [self._documents[place]]
        return []

    def find_at(self, text: str) -> list[tuple[int, int, list[Document]]]:
        """Return every span of a text that names documents, with those that are meant."""
        said = normalise(text)
        found: list[tuple[int, int, list[Document]]] = []
        start = 0
        while start < len(said) - 1:
            here: dict[str, list[Document]] = {}
            for name, place in self._names.get(said[start : start + 2], ()):
                if said.startswith(name, start):
                    here.setdefault(name, []).append(self._documents[place])
            longest = max(here, key=len, default="")
            if longest in _KIND_NAMES or len(longest) < TITLE_CHARS:
                here = {
                    name: kept
                    for name, some in here.items()
                    if (kept := [one for one in some if not _is_other(said[:start], name, one)])
                }
                longest = max(here, key=len, default="")
            if here:
                found.append((start, start + len(longest), here[longest]))
                start += len(longest)
                continue
            for words, place in self._kinds:
                kind = next((word for word in words if said.startswith(word, start)), "")
                if kind and not _is_other(said[:start], kind, self._documents[place]):
                    found.append((start, start + len(kind), [self._documents[place]]))
                    break
            start += 1
        return found


def says_other_rule(before: str, title: str) -> bool:
    """Return whether what stands before 条例 or the like makes it the name of another rule.

    >>> says_other_rule("江苏省科学技术进步", "上海市推进科技创新中心建设条例")
    True
    >>> says_other_rule("请问科创中心", "上海市推进科技创新中心建设条例")
    False
    """
    match = _HAN_BEFORE.search(before)
    run = match[0] if match else ""
    if _elsewhere(run or before[-NAME_CHARS:], title):
        return True
    about = _ABOUT.search(run)
    said = about[1] if about else _LEAD.sub("", run)
    rest = iter(title)
    return bool(said) and not all(sign in rest for sign in said)


def _is_other(before: str, name: str, document: Document) -> bool:
    """Return whether a name said is the end of the name of another place's rule, or another's."""
    if name in _KIND_NAMES:
        return says_other_rule(before, normalise(document.title))
    match = _HAN_BEFORE.search(before)
    return match is not None and _elsewhere(match[0], document.title)


def _elsewhere(said: str, title: str) -> bool:
    named = find_places(said)
    return bool(named) and not named & find_places(title)


def says_law_before(text: str) -> bool:
    """Return whether a text ends by naming a law, whatever law; 本法 and 办法 name none.

    >>> says_law_before("依照劳动合同法"), says_law_before("依照本法"), says_law_before("条例")
    (True, False, False)
    """
    if _LAW_BEFORE.search(text):
        return True
    match = _RULE_BEFORE.search(text)
    if match is None:
        return bool(_REGULATIONS.search(text)) and bool(find_places(text[-NAME_CHARS:]))
    return bool(_LEAD.sub("", match[1])) or bool(find_places(match[1]))


def says_law_behind(text: str) -> bool:
    """Return whether a text goes on to name a law: of the Labour Contract Law."""
    return bool(_LAW_BEHIND.match(text))


def names_of(document: Document) -> tuple[str, ...]:
    """Return the normalised names of a document: title, its short forms, English title, aliases."""
    return _names(document.title, document.title_en, document.aliases)


@functools.lru_cache(maxsize=10_000)
def _names(title: str, title_en: str, aliases: tuple[str, ...]) -> tuple[str, ...]:
    bare = _bare(title)
    names = [title, bare, _REGION.sub("", bare), title_en, *aliases]
    return tuple(
        normalise(name)
        for name in dict.fromkeys(names)
        if len(name) >= 3 or (len(name) == 2 and name[-1] in "法典")
    )


def _bare(title: str) -> str:
    """Return a title without what stands in brackets at its end."""
    return re.sub(r"[（(][^（）()]*[）)]$", "", title).strip()
