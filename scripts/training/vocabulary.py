"""Choose the pieces of the tokenizer: Chinese words, English words, fragments, digits."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import rjieba
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

RUN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff]+|[a-z]+|[0-9]+")
PATTERN = r"[\x{3007}\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}]+|[a-z]+|[0-9]+"
UNKNOWN = "[UNK]"
LETTER_SCORE = -40.0
FRAGMENT_SCORE = -30.0
ENGLISH_SCORE = -20.0
LONGEST_WORD = 8


class Counts:
    """How often each Chinese word, Han character, English word and number occurs."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self.characters: Counter[str] = Counter()
        self.english: Counter[str] = Counter()
        self.numbers: Counter[str] = Counter()

    def add(self, texts: Iterable[str], weight: float = 1.0) -> None:
        """Count the pieces of some texts, each occurrence for `weight`."""
        local: Counter[str] = Counter()
        for text in texts:
            for run in RUN.findall(unicodedata.normalize("NFKC", text).lower()):
                if run[0] <= "z":
                    local[run] += 1
                else:
                    local.update(rjieba.cut(run))
        for word, count in local.items():
            if word.isdigit() and word.isascii():
                self.numbers[word] += count * weight  # type: ignore[assignment]
            elif word.isascii():
                self.english[word] += count * weight  # type: ignore[assignment]
            else:
                self.words[word] += count * weight  # type: ignore[assignment]
                for character in word:
                    self.characters[character] += count * weight  # type: ignore[assignment]


def choose_pieces(
    counts: Counts, chinese: int, english: int, fragments: int, numbers: int
) -> list[tuple[str, float]]:
    """Return (piece, score): Chinese by frequency as jieba cuts; English by fewest pieces."""
    total = sum(counts.words.values())
    pieces: dict[str, float] = {}
    words = [(w, c) for w, c in counts.words.items() if 1 < len(w) <= LONGEST_WORD and c >= 3]
    for word, count in sorted(words, key=lambda one: (-one[1], one[0]))[:chinese]:
        pieces[word] = math.log(count / total)
    for character, count in sorted(counts.characters.items()):
        own = counts.words.get(character, 0) or min(count, 1.0) * 0.5
        pieces[character] = math.log(own / total) - 1.0
    common = [(w, c) for w, c in counts.english.items() if 1 < len(w) <= 24 and c >= 3]
    common.sort(key=lambda one: (-one[1], one[0]))
    for word, count in common[:english]:
        pieces[word] = ENGLISH_SCORE + 0.2 * math.log(count / common[0][1])
    parts: Counter[str] = Counter()
    for word, _ in common:
        for size in (2, 3, 4):
            parts.update(word[i : i + size] for i in range(len(word) - size + 1))
    for part, _ in sorted(parts.items(), key=lambda one: (-one[1] * len(one[0]), one[0])):
        if fragments and part not in pieces:
            pieces[part] = FRAGMENT_SCORE
            fragments -= 1
    for letter in "abcdefghijklmnopqrstuvwxyz":
        pieces[letter] = LETTER_SCORE
    for number, count in counts.numbers.most_common(numbers):
        if 2 <= len(number) <= 4 and count >= 5:
            pieces[number] = -10.0
    for digit in "0123456789":
        pieces[digit] = -12.0
    return [(UNKNOWN, 0.0), *sorted(pieces.items())]


def make_tokenizer(pieces: list[tuple[str, float]]) -> Tokenizer:
    """Return a Unigram tokenizer that lower-cases and keeps Han, Latin and digit runs only."""
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.NFD(), normalizers.StripAccents()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True)
    return tokenizer
