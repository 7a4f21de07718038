"""Misspelt English words of a question → the words that were meant."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

SHORTEST = 5  # letters of a word that is looked at; shorter ones are like too many others
LIKENESS = 0.74  # share of letters that must agree

# Only words in small letters: a capital may begin a name, and two make an abbreviation.
_WORD = re.compile(
    rf"(?<![\w.@/-])[a-z]{{{SHORTEST},24}}(?![\w@/-])|^[A-Z][a-z]{{{SHORTEST - 1},23}}\b"
)
_ENDINGS = (
    *(("s", ""), ("es", ""), ("ies", "y"), ("d", ""), ("ed", ""), ("ing", ""), ("ing", "e")),
    *(("ly", ""), ("ise", "ize"), ("ised", "ized"), ("isation", "ization"), ("our", "or")),
    ("centre", "center"),
)


class Speller:
    """The words that are known, and what a word that is not known was meant to be."""

    def __init__(self, words: Iterable[str]) -> None:
        """Take in known words in small letters; those that are no plain English are left out."""
        self._known = frozenset(word for word in words if re.fullmatch(r"[a-z]{3,24}", word))
        self._by_length: dict[int, list[str]] = {}
        for word in sorted(self._known):
            self._by_length.setdefault(len(word), []).append(word)
        self._meant = functools.lru_cache(maxsize=4096)(self._look_up)

    def mend(self, text: str) -> str:
        """Return a text with each unknown English word replaced by the nearest known one.

        A word stays as it is where none is near enough.
        """
        return _WORD.sub(lambda match: self._meant(match.group()), text) if self._known else text

    def _look_up(self, printed: str) -> str:
        word = printed.lower()
        if any(form in self._known for form in _forms(word)):
            return printed
        best = (0.0, printed)
        for length in range(len(word) - 2, len(word) + 3):
            found = process.extractOne(
                word,
                self._by_length.get(length, []),
                scorer=DamerauLevenshtein.normalized_similarity,
                score_cutoff=LIKENESS,
            )
            if found is not None:
                # Who misspells a word seldom misses its first letter.
                best = max(best, (found[1] + 0.1 * (found[0][0] == word[0]), found[0]))
        return best[1]


def _forms(word: str) -> list[str]:
    """Return a word, and what it is without the endings of English or in American spelling."""
    stems = [
        word[: len(word) - len(ending)] + instead
        for ending, instead in _ENDINGS
        if word.endswith(ending)
    ]
    return [word, *stems]
