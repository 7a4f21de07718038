"""Train a table of token vectors: symmetric in-batch softmax, Adam on the rows that occur."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from training.pairs import Batch, ClausePool, QuestionPairs, Row, Source, Texts

log = logging.getLogger("train_encoder")
LONG = 6
DROPPED = 0.25


class Table:
    """Token vectors with the state of a lazy Adam: only rows that occur in a batch move."""

    def __init__(self, tokens: int, dimensions: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.weight = torch.randn(tokens, dimensions) * 0.05
        self.weight[0] = 0
        self.first = torch.zeros_like(self.weight)
        self.second = torch.zeros_like(self.weight)
        self.steps = 0

    def update(self, rows: torch.Tensor, gradient: torch.Tensor, rate: float) -> None:
        """Take one Adam step on the given rows."""
        self.steps += 1
        first = self.first[rows].mul_(0.9).add_(gradient, alpha=0.1)
        second = self.second[rows].mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        self.first[rows], self.second[rows] = first, second
        size = rate * (1 - 0.999**self.steps) ** 0.5 / (1 - 0.9**self.steps)
        self.weight[rows] -= size * first / second.sqrt_().add_(1e-8)

    def encode(self, texts: Texts, rows: Sequence[Row], chunk: int = 4096) -> torch.Tensor:
        """Return unit vectors of rows of texts."""
        parts = []
        for i in range(0, len(rows), chunk):
            ids, sizes = texts.gather(rows[i : i + chunk])
            offsets = torch.from_numpy(np.cumsum(sizes) - sizes)
            summed = functional.embedding_bag(
                torch.from_numpy(ids).long(), self.weight, offsets, mode="sum"
            )
            parts.append(functional.normalize(summed))
        return torch.cat(parts)


def equal(left: Sequence[int], right: Sequence[int]) -> torch.Tensor:
    """Return which left key equals which right key."""
    return torch.tensor(left)[:, None] == torch.tensor(right)[None, :]


def loss_of(vectors: torch.Tensor, batch: Batch, scale: float) -> torch.Tensor:
    """Return the symmetric softmax loss; equal texts in a batch are no negatives of each other."""
    count = len(batch.left)
    left, right, wrong = vectors[:count], vectors[count : 2 * count], vectors[2 * count :]
    same = equal(batch.left_keys, batch.left_keys) | equal(batch.right_keys, batch.right_keys)
    same.fill_diagonal_(False)
    scores = (left @ right.T * scale).masked_fill(same, -1e4)
    gold = torch.arange(count)
    backward = functional.cross_entropy(scores.T, gold)
    if batch.negatives:
        known = equal(batch.right_keys, batch.negative_keys)
        scores = torch.cat([scores, (left @ wrong.T * scale).masked_fill(known, -1e4)], 1)
    return (functional.cross_entropy(scores, gold) + backward) / 2


def step(
    table: Table, texts: Texts, batch: Batch, rng: np.random.Generator, *, rate: float, scale: float
) -> float:
    """Learn from one batch; a quarter of the tokens is dropped from texts of more than six."""
    ids, sizes = texts.gather([*batch.left, *batch.right, *batch.negatives])
    owners = np.repeat(np.arange(len(sizes)), sizes)
    keep = (rng.random(len(ids)) > DROPPED) | (sizes[owners] <= LONG)
    ids, owners = ids[keep], owners[keep]
    sizes = np.bincount(owners, minlength=len(sizes))
    rows, places = np.unique(ids, return_inverse=True)
    chosen = torch.from_numpy(rows).long()
    local = table.weight[chosen].requires_grad_()
    offsets = torch.from_numpy(np.cumsum(sizes) - sizes)
    summed = functional.embedding_bag(torch.from_numpy(places), local, offsets, mode="sum")
    loss = loss_of(functional.normalize(summed), batch, scale)
    torch.autograd.backward(loss)
    assert local.grad is not None
    table.update(chosen, local.grad, rate)
    return float(loss.detach())


def train(
    table: Table,
    texts: Texts,
    sources: Sequence[tuple[str, float, Source]],
    *,
    steps: int,
    seed: int,
    rate: float = 0.02,
    scale: float = 14.0,
    halfway: Callable[[], None] = lambda: None,
) -> None:
    """Draw a source by weight at each step; the rate falls linearly to nothing."""
    rng = np.random.default_rng(seed)
    weights = np.array([weight for _, weight, _ in sources])
    began, losses = time.monotonic(), {name: 0.0 for name, _, _ in sources}
    for number in range(steps):
        if number == steps // 2:
            halfway()
        name, _, source = sources[rng.choice(len(sources), p=weights / weights.sum())]
        loss = step(
            table, texts, source.batch(rng), rng, rate=rate * (1 - number / steps), scale=scale
        )
        losses[name] = 0.95 * losses[name] + 0.05 * loss if losses[name] else loss
        if number % 200 == 199:
            shown = " ".join(f"{key} {value:.2f}" for key, value in losses.items())
            log.info("%d/%d %.0f s: %s", number + 1, steps, time.monotonic() - began, shown)


def choose_paragraphs(table: Table, texts: Texts, source: QuestionPairs) -> None:
    """Tie each question to the paragraph of its clause that is nearest by the present table."""
    questions = table.encode(texts, [(n,) for n in source.questions])
    for i, clause in enumerate(source.clauses):
        paragraphs = source.pool.clauses[clause].paragraphs
        if len(paragraphs) > 1:
            scores = table.encode(texts, [(n,) for n in paragraphs]) @ questions[i]
            source.paragraphs[i] = int(scores.argmax())


def mine(
    table: Table, texts: Texts, pool: ClausePool, sources: Sequence[QuestionPairs], count: int = 8
) -> NDArray[np.int64]:
    """Return, per question, clauses near it that are not near its own clause."""
    vectors = table.encode(texts, [one.row("path") for one in pool.clauses])
    bodies = table.encode(texts, [(one.body,) for one in pool.clauses])
    found = []
    for source in sources:
        for i in range(0, len(source.questions), 1024):
            questions = table.encode(texts, [(n,) for n in source.questions[i : i + 1024]])
            own = torch.from_numpy(source.clauses[i : i + 1024])
            near = (questions @ vectors.T).topk(24).indices
            alike = torch.einsum("qd,qkd->qk", bodies[own], bodies[near]) > 0.75
            alike |= near == own[:, None]
            near = near.masked_fill(alike, -1)
            order = alike.to(torch.int8).argsort(dim=1, stable=True)
            found.append(near.gather(1, order)[:, :count].numpy())
    return np.concatenate(found)
