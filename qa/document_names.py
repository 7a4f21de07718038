"""The names of documents, and which of them a text says."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from qa.models import Document
from qa.text import normalise

_REGION = re.compile(r"^(?:中华人民共和国|[^市省区]{2,6}(?:省|市|自治区))")
_LAW_BEFORE = re.compile(
    r"(?:《[^《》]+》|[\u4e00-\u9fff]{1,30}[^\W本该此这办]法|\b(?:[A-Z][\w'’-]*\s+)+(?:Law|Act|Code))"
    r"[\s,，的]*$"
)
_LAW_BEHIND = re.compile(
    r"\s*,?\s*(?:of|in|under)\s+(?:the\s+)?(?:[\w'’-]+\s+){1,8}?(?:law|act|code)\b", re.IGNORECASE
)
# What people call a document that is the only one of its kind.
KIND_WORDS = {
    "行动方案": ("行动方案", "action plan"),
    "条例": ("条例", "regulation"),
    "意见": ("意见", "opinion"),
    "办法": ("办法", "measures"),
    "规定": ("规定", "provisions"),
    "规划": ("规划",),
    "法": ("本法", "该法", "law"),
}


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
            if here:
                longest = max(here, key=len)
                found.append((start, start + len(longest), here[longest]))
                start += len(longest)
                continue
            for words, place in self._kinds:
                kind = next((word for word in words if said.startswith(word, start)), "")
                if kind:
                    found.append((start, start + len(kind), [self._documents[place]]))
                    break
            start += 1
        return found


def says_law_before(text: str) -> bool:
    """Return whether a text ends by naming a law, whatever law; 本法 and 办法 name none.

    >>> says_law_before("依照劳动合同法"), says_law_before("依照本法"), says_law_before("条例")
    (True, False, False)
    """
    return bool(_LAW_BEFORE.search(text))


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
