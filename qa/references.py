"""Text → the articles, paragraphs and items that it names: 第二十五条第二款, Art. 25(2)."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from qa.models import Clause, Document, Reference
from qa.numbering import NUMERAL, Level, opening_of
from qa.text import normalise, number_of

_CHINESE = re.compile(
    rf"第\s*(?P<article>{NUMERAL})\s*条(?:\s*之\s*(?P<sub>[一二三四五六七八九十\d]+))?"
    rf"(?:\s*第?\s*(?P<paragraph>{NUMERAL})\s*款)?"
    rf"(?:\s*第?\s*[（(]?\s*(?P<item>{NUMERAL})\s*[)）]?\s*[项目])?"
)
_SHORT = re.compile(r"(?<=[例法定案见则程])\s*(?P<article>\d{1,4})\s*条")
_ENGLISH = re.compile(
    r"\bart(?:icle|\.)?\s*(?P<article>\d{1,4})(?:-(?P<sub>\d+))?(?:\s*\((?P<paragraph>\d{1,2})\))?"
    r"(?:\s*,?\s*(?:paragraph|para\.?)\s*(?P<spelled>\d{1,2}))?"
    r"(?:\s*,?\s*(?:item|subparagraph)\s*\(?(?P<item>\d{1,2})\)?)?",
    re.IGNORECASE,
)
_ENGLISH_BEFORE = re.compile(
    r"\b(?:paragraph|para\.?)\s*(?P<paragraph>\d{1,2})\s*(?:of|,)?\s*(?:the\s+)?art(?:icle|\.)?\s*(?P<article>\d{1,4})\b",
    re.IGNORECASE,
)
_PATTERNS = (_ENGLISH_BEFORE, _CHINESE, _SHORT, _ENGLISH)
_REGION = re.compile(r"^(?:中华人民共和国|[^市省区]{2,6}(?:省|市|自治区))")
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


def find_references(text: str) -> list[Reference]:
    """Return what a text names, in order: article, paragraph and item numbers with their spans.

    >>> [(one.numbers, one.paragraph) for one in find_references("第五十八条第二款和 Art. 25(2)")]
    [((58,), 2), ((25,), 2)]
    """
    found: dict[int, Reference] = {}
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if any(one.start < match.end() and match.start() < one.end for one in found.values()):
                continue
            reference = _reference(match)
            if reference is not None:
                found[match.start()] = reference
    return [found[start] for start in sorted(found)]


def _reference(match: re.Match[str]) -> Reference | None:
    groups = {name: value for name, value in match.groupdict().items() if value}
    try:
        numbers = {name: number_of(value) for name, value in groups.items()}
    except ValueError:
        return None
    article = (numbers["article"], numbers["sub"]) if "sub" in numbers else (numbers["article"],)
    paragraph = numbers.get("paragraph", numbers.get("spelled", 0))
    return Reference(article, paragraph, numbers.get("item", 0), match.start(), match.end())


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


def resolve(reference: Reference, clauses: Sequence[Clause]) -> list[Clause]:
    """Return the clauses of one document that a reference means, none where it has no such one.

    An article by its key; in a document without articles, a point by its own running number.
    """
    key = key_of(reference)
    exact = [clause for clause in clauses if clause.key == key and is_article(clause)]
    if exact or any(is_article(clause) for clause in clauses):
        return exact
    points = [
        clause for clause in clauses if re.fullmatch(rf"(?:\d+\.)+{re.escape(key)}", clause.key)
    ]
    # Points numbered 1, 2, 3 through the whole document come before those under one heading.
    running = [clause for clause in points if clause.label.endswith(key)] or points
    return running if len(running) == 1 else []


def key_of(reference: Reference) -> str:
    """Return the key of the article that a reference means: 25, or 25-1 for 第二十五条之一."""
    return "-".join(map(str, reference.numbers))


def is_article(clause: Clause) -> bool:
    """Return whether a clause is an article: 第…条 or Article N."""
    return opening_of(clause.label).level is Level.ARTICLE


def last_article(clauses: Sequence[Clause]) -> int:
    """Return the highest article number among clauses, 0 where there are no articles."""
    numbers = [int(clause.key) for clause in clauses if clause.key.isdigit() and is_article(clause)]
    return max(numbers, default=0)
