"""The words of a question → concepts: groups of words that say the same, in both languages.

One concept is one group, as in structured query translation (Pirkola, SIGIR 1998): a clause that
holds any one of its alternatives holds the concept, and a concept with ten translations weighs
no more than one with a single translation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa.errors import CorpusError
from qa.text import words

PACKAGED = Path(__file__).parent / "glossary.tsv"
USERS = "glossary.tsv"  # in the corpus folder: terms of the user's own
LONGEST = 6  # words of an English phrase

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Concept:
    """Alternatives, each of one or more words that must all be there; `own` is the question's."""

    own: Words
    others: tuple[Words, ...] = ()

    @property
    def alternatives(self) -> tuple[Words, ...]:
        """Return every way to say it, the question's own words first."""
        return (self.own, *self.others)


class Lexicon:
    """Chinese terms and their English renderings, looked up from either side."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take in pairs of terms that mean the same; in one language too (房东, 出租人)."""
        given = [(left, right) for left, right in pairs if left and right]
        lefts, rights = (words([pair[side] for pair in given]) for side in (0, 1))
        self._others: dict[Words, dict[Words, None]] = {}
        for one, other in (*zip(lefts, rights, strict=True), *zip(rights, lefts, strict=True)):
            if one and other and len(one) <= LONGEST:
                self._others.setdefault(tuple(one), {})[tuple(other)] = None

    def __len__(self) -> int:
        return len(self._others)

    def concepts(self, question: str) -> list[Concept]:
        """Return what a question is about: the longest phrases that are known, and other words.

        >>> [one.others for one in Lexicon([("知识产权", "intellectual property")]).concepts(
        ...     "Who protects intellectual property?")]
        [(), (('知识', '产权', '知识产权'),)]
        """
        (said,) = words([question])
        found: dict[Words, Concept] = {}
        start = 0
        while start < len(said):
            size = next(
                (
                    size
                    for size in range(min(LONGEST, len(said) - start), 0, -1)
                    if tuple(said[start : start + size]) in self._others
                ),
                1,
            )
            own = tuple(said[start : start + size])
            others = tuple(self._others.get(own, ()))
            # Of a Chinese phrase each word counts for itself too: 知识, 产权, 知识产权.
            for part in [own] if own[0].isascii() else [(word,) for word in own]:
                found.setdefault(part, Concept(part, others))
            start += size
        return list(found.values())


def load_lexicon(corpus: Path) -> Lexicon:
    """Return the packaged glossary together with the user's own, corpus/glossary.tsv.

    Raises CorpusError with file:line.
    """
    pairs = read_pairs(PACKAGED)
    users = corpus / USERS
    return Lexicon([*pairs, *read_pairs(users)] if users.is_file() else pairs)


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Return the pairs of a glossary: a line is `term<TAB>rendering | rendering`, # a comment."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: {error}; give a UTF-8 text file") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        term, *rest = line.split("\t")
        others = _split(rest[0]) if rest else []
        if not term.strip() or not others:
            raise CorpusError(
                f"{path}:{number}: no renderings; a line is a term, a tab, and what means the "
                "same, separated by | , such as 揭榜挂帅<TAB>open competition mechanism"
            )
        pairs += [(term.strip(), other) for other in others]
    return pairs


def _split(text: str) -> Sequence[str]:
    return [part.strip() for part in text.split("|") if part.strip()]
