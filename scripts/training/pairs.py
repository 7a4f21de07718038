"""Turn texts into batches of pairs: what is asked or said on the left, its clause on the right."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.data import Article, QuestionRow, law_key

Row = tuple[int, ...]
SENTENCE = re.compile(r"[^。；\n]+[。；]?")
LONGEST_TEXT = 256
FORMS = ("path", "path", "path", "title", "body", "paragraph", "paragraph", "bare")


class Texts:
    """Tokenised texts, one after the other, each known by its number."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.numbers: dict[str, int] = {}
        self.waiting: list[str] = []
        self.starts = np.zeros(0, np.int64)
        self.lengths = np.zeros(0, np.int64)
        self.ids = np.zeros(0, np.int32)

    def add(self, text: str) -> int:
        """Return the number of a text; equal texts have one number."""
        number = self.numbers.setdefault(text, len(self.numbers))
        if number == len(self.starts) + len(self.waiting):
            self.waiting.append(text)
        return number

    def tokenise(self) -> None:
        """Tokenise what was added; unknown tokens are left out."""
        parts: list[NDArray[np.int32]] = [self.ids]
        lengths: list[int] = []
        for i in range(0, len(self.waiting), 20_000):
            batch = self.waiting[i : i + 20_000]
            for one in self.tokenizer.encode_batch_fast(batch, add_special_tokens=False):
                ids = np.array([n for n in one.ids[:LONGEST_TEXT] if n], np.int32)
                parts.append(ids)
                lengths.append(len(ids))
        self.waiting = []
        self.ids = np.concatenate(parts)
        self.lengths = np.concatenate([self.lengths, np.array(lengths, np.int64)])
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)

    def gather(self, rows: Sequence[Row]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the tokens of rows of texts, and the length of each row."""
        numbers = np.fromiter((n for row in rows for n in row), np.int64)
        owners = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        lengths = self.lengths[numbers]
        before = np.cumsum(lengths) - lengths
        places = np.repeat(self.starts[numbers] - before, lengths) + np.arange(lengths.sum())
        sizes = np.bincount(owners, weights=lengths, minlength=len(rows)).astype(np.int64)
        return self.ids[places], sizes


@dataclass(slots=True)
class Clause:
    """A clause as numbers of texts: title, path, label, body, paragraphs, the body's sentences."""

    law: str
    title: int
    path: int
    label: int
    body: int
    paragraphs: tuple[int, ...]
    sentences: tuple[int, ...]

    def row(self, form: str, paragraph: int = -1) -> Row:
        """Return the clause as it is indexed (path, paragraph) or in a shorter form."""
        if form in ("paragraph", "bare") and len(self.paragraphs) > 1 and paragraph < 0:
            form = "path"
        part = self.paragraphs[max(paragraph, 0)]
        return {
            "path": (self.title, self.path, self.label, self.body),
            "title": (self.title, self.label, self.body),
            "body": (self.body,),
            "paragraph": (self.title, part),
            "bare": (part,),
        }[form]


@dataclass(slots=True)
class Batch:
    """Left rows, their right rows, more wrong right rows, and keys of what counts as equal."""

    left: list[Row]
    right: list[Row]
    negatives: list[Row] = field(default_factory=list)
    left_keys: list[int] = field(default_factory=list)
    right_keys: list[int] = field(default_factory=list)
    negative_keys: list[int] = field(default_factory=list)


class ClausePool:
    """All clauses; the first ones have questions; same-law and mined clauses are negatives."""

    def __init__(
        self, texts: Texts, rows: Sequence[QuestionRow], articles: Sequence[Article]
    ) -> None:
        self.clauses: list[Clause] = []
        self.by_law: dict[str, list[int]] = defaultdict(list)
        self.asked = len(rows)
        seen: set[tuple[str, str]] = set()
        every: list[QuestionRow | Article] = [*rows, *articles]
        for one in every:
            if (law_key(one.law), one.label or one.text) in seen:
                continue
            if isinstance(one, Article):
                seen.add((law_key(one.law), one.label or one.text))
            paragraphs = [p.strip() for p in one.text.split("\n") if p.strip()]
            sentences = [s for s in SENTENCE.findall(one.text) if len(s) > 5]
            self.by_law[law_key(one.law)].append(len(self.clauses))
            self.clauses.append(
                Clause(
                    law_key(one.law),
                    texts.add(one.law),
                    texts.add(one.chapter),
                    texts.add(one.label),
                    texts.add(one.text),
                    tuple(map(texts.add, paragraphs)),
                    tuple(map(texts.add, sentences)) if isinstance(one, Article) else (),
                )
            )
        self.mined: NDArray[np.int64] = np.full((0, 0), -1)

    def negative(self, question: int, clause: int, rng: np.random.Generator) -> int:
        """Return a wrong clause for a question: mined if there are any, or of the same law."""
        if len(self.mined) and rng.random() < 0.5:
            found = int(rng.choice(self.mined[question]))
            if found >= 0:
                return found
        family = self.by_law[self.clauses[clause].law]
        for _ in range(4):
            found = family[rng.integers(len(family))]
            if self.clauses[found].label != self.clauses[clause].label or not len(
                self.clauses[clause].law
            ):
                return found
        return int(rng.integers(len(self.clauses)))


class QuestionPairs:
    """Question and the clause that answers it, in every form that the index holds."""

    size = 1024

    def __init__(
        self, texts: Texts, pool: ClausePool, questions: Sequence[tuple[int, str]], first: int
    ) -> None:
        self.pool = pool
        self.first = first
        self.clauses = np.array([clause for clause, _ in questions])
        self.questions = [texts.add(text) for _, text in questions]
        self.paragraphs = [
            0 if len(pool.clauses[clause].paragraphs) == 1 else -1 for clause, _ in questions
        ]
        self.chances: NDArray[np.float64] = np.full(len(questions), 1 / len(questions))

    def weigh(self, weights: Sequence[float]) -> None:
        """Draw each question in proportion to the weight of its clause."""
        chances = np.array(weights)[self.clauses]
        self.chances = chances / chances.sum()

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw questions with their clauses and one wrong clause each."""
        drawn = rng.choice(len(self.questions), self.size, p=self.chances)
        batch = Batch([], [])
        for i in drawn:
            clause = int(self.clauses[i])
            form = FORMS[rng.integers(len(FORMS))]
            wrong = self.pool.negative(self.first + int(i), clause, rng)
            other = self.pool.clauses[wrong]
            batch.left.append((self.questions[i],))
            batch.right.append(self.pool.clauses[clause].row(form, self.paragraphs[i]))
            batch.negatives.append(other.row(form, int(rng.integers(len(other.paragraphs)))))
            batch.right_keys.append(self.pool.clauses[clause].body)
            batch.negative_keys.append(other.body)
        batch.left_keys = list(batch.right_keys)
        return batch


class TextPairs:
    """Two texts that say the same: translations, glosses, a question in two languages."""

    def __init__(self, texts: Texts, pairs: Iterable[tuple[str, str]], size: int) -> None:
        self.size = size
        self.pairs = [(texts.add(left), texts.add(right)) for left, right in pairs]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw pairs at random."""
        drawn = [self.pairs[i] for i in rng.integers(len(self.pairs), size=self.size)]
        left, right = [a for a, _ in drawn], [b for _, b in drawn]
        return Batch([(n,) for n in left], [(n,) for n in right], [], left, right)


class SentencePairs:
    """One sentence of an article against the law's name and the rest of the article."""

    size = 1024

    def __init__(self, pool: ClausePool) -> None:
        self.clauses = [one for one in pool.clauses if len(one.sentences) > 1]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Draw articles, and from each the sentence that stands on the left."""
        batch = Batch([], [])
        for i in rng.integers(len(self.clauses), size=self.size):
            one = self.clauses[i]
            said = int(rng.integers(len(one.sentences)))
            rest = (*one.sentences[:said], *one.sentences[said + 1 :])
            batch.left.append((one.sentences[said],))
            batch.right.append((one.title, *rest[:12]))
            batch.left_keys.append(one.sentences[said])
            batch.right_keys.append(one.body)
        return batch


Source = Any
