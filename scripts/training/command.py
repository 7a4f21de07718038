"""The command: read, choose the vocabulary, train, write, measure."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from training.data import (
    GENERAL_PARALLEL,
    STATUTE_PARALLEL,
    QuestionRow,
    read_articles,
    read_own_terms,
    read_parallel,
    read_questions,
    read_terms,
)
from training.model import reduce_table, write_model
from training.pairs import ClausePool, QuestionPairs, SentencePairs, Source, TextPairs, Texts
from training.train import Table, choose_paragraphs, mine, train
from training.vocabulary import Counts, choose_pieces, make_tokenizer

log = logging.getLogger("train_encoder")
OWN_QUESTIONS = Path(__file__).parent / "questions"
BUNDLED = Path(__file__).parents[2] / "corpus" / "documents"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(prog="train_encoder", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with laws/, parallel/ …")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--steps", type=int, default=3400)
    parser.add_argument("--dimensions", type=int, default=512, help="while training")
    parser.add_argument("--tables", type=int, default=2, help="trained apart, then side by side")
    parser.add_argument("--keep", type=int, default=256, help="dimensions of the model written")
    parser.add_argument("--questions", type=Path, help=f"folder of *.jsonl.gz ({OWN_QUESTIONS})")
    parser.add_argument("--extra-questions", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--reserve", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--scale", type=float, default=14.0)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--policy", type=float, default=2.0, help="weight of a policy passage")
    parser.add_argument("--chinese", type=int, default=60_000, help="Chinese words")
    parser.add_argument("--english", type=int, default=30_000, help="English words")
    parser.add_argument("--no-mining", action="store_true")
    parser.add_argument("--seed", type=int, default=20261120)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--evaluate", action="store_true", help="measure on data/eval afterwards")
    parser.add_argument("--unseen", type=Path, nargs=2, metavar=("QUESTIONS", "LAWS"))
    return parser.parse_args(arguments)


def question_files(options: argparse.Namespace) -> list[Path]:
    """Return the question files: those beside the script, or of the data folder, and the extra."""
    folder = options.questions or OWN_QUESTIONS
    found = sorted(folder.glob("*.jsonl.gz")) or sorted((options.data / "questions").glob("*.gz"))
    return [*found, *options.extra_questions]


def reserved_documents(options: argparse.Namespace) -> list[Path]:
    """Return the bundled documents as text, from which nothing may be learnt."""
    folders = (BUNDLED, options.data.parent / "corpus")
    return [
        *options.reserve,
        *(path for folder in folders for path in sorted(folder.glob("*.txt"))),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as asked and return the exit code."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    articles, guard = read_articles(options.data, reserved_documents(options))
    rows = read_questions(question_files(options), guard, articles)
    statutes = read_parallel(options.data, STATUTE_PARALLEL[:2], guard)
    titles = read_parallel(options.data, STATUTE_PARALLEL[2:], guard)
    general = read_parallel(options.data, GENERAL_PARALLEL, guard)
    terms = read_terms(options.data)
    own_terms = read_own_terms(BUNDLED.parents[1] / "qa")
    log.info(
        "%d articles, %d question rows, %d statute pairs, %d general pairs, %d terms",
        len(articles),
        len(rows),
        len(statutes),
        len(general),
        len(terms),
    )

    counts = Counts()
    counts.add(one.text for one in articles)
    counts.add((text for one in rows for text in (one.law, one.text)), 2)
    counts.add((text for one in rows for text in (*one.zh, *one.en, one.gist)), 3)
    counts.add((zh for zh, _ in statutes), 0.5)
    counts.add(en for _, en in statutes)
    counts.add(text for pair in general for text in pair)
    counts.add((text for zh, en, _ in terms for text in (zh, en)), 0.3)
    counts.add((text for pair in own_terms for text in pair), 3)
    pieces = choose_pieces(counts, options.chinese, options.english, 4000, 500)
    tokenizer = make_tokenizer(pieces)
    log.info("%d pieces", len(pieces))

    texts = Texts(tokenizer)
    pool = ClausePool(texts, rows, articles)
    zh = QuestionPairs(texts, pool, [(i, q) for i, r in enumerate(rows) for q in r.zh], 0)
    en = QuestionPairs(
        texts, pool, [(i, q) for i, r in enumerate(rows) for q in r.en], len(zh.questions)
    )
    known = {one.law for one in articles}
    for source in (zh, en):
        source.weigh([1.0 if one.law in known else options.policy for one in rows])
    sources = [("zh", 3.0, zh), ("en", 3.0, en), *other_sources(texts, pool, rows)]
    sources += [
        ("statutes", 3.0, TextPairs(texts, [(e, z) for z, e in statutes], 1024)),
        ("general", 1.0, TextPairs(texts, [(e, z) for z, e in general], 1024)),
        ("terms", 1.4, TextPairs(texts, [(e, z) for z, e, _ in terms], 2048)),
        ("own terms", 0.3, TextPairs(texts, own_terms, 2048)),
        ("titles", 0.1, TextPairs(texts, [(e, z) for z, e in titles], 1024)),
    ]
    texts.tokenise()
    log.info(
        "%d clauses, %d texts, %d tokens", len(pool.clauses), len(texts.starts), len(texts.ids)
    )

    def halfway(table: Table) -> None:
        if len(pool.mined):
            return
        for source in (zh, en):
            choose_paragraphs(table, texts, source)
        if not options.no_mining:
            pool.mined = mine(table, texts, pool, (zh, en))
        log.info("paragraphs chosen, negatives mined")

    tables = []
    for seed in range(options.seed, options.seed + options.tables):
        table = Table(len(pieces), options.dimensions, seed)
        train(
            table,
            texts,
            sources,
            steps=options.steps,
            seed=seed,
            rate=options.rate,
            scale=options.scale,
            halfway=partial(halfway, table),
        )
        tables.append(table.weight)
    table.weight = torch.cat(tables, dim=1)
    weight = table.weight.numpy()
    if options.keep < weight.shape[1]:
        some = [(n,) for n in (*zh.questions[:20_000], *en.questions[:15_000])]
        weight = reduce_table(weight, table.encode(texts, some).numpy(), options.keep)
    write_model(options.out, tokenizer, weight)
    log.info("written to %s", options.out)
    if options.evaluate:
        report(options)
    return 0


def other_sources(
    texts: Texts, pool: ClausePool, rows: Sequence[QuestionRow]
) -> list[tuple[str, float, Source]]:
    """Return the pairs beside questions: sentences, gists, questions in two languages."""
    gists = [(one.gist, f"{one.law} {one.text}") for one in rows]
    both = [(e, z) for one in rows for e in one.en for z in one.zh]
    return [
        ("rest", 1.5, SentencePairs(pool)),
        ("gist", 0.7, TextPairs(texts, gists, 1024)),
        ("en-zh", 0.7, TextPairs(texts, both, 1024)),
    ]


def report(options: argparse.Namespace) -> None:
    """Measure what was written and print it as JSON."""
    from qa.encoder import StaticEncoder
    from training.evaluate import measure_all

    unseen, laws = options.unseen or (None, None)
    shown = measure_all(StaticEncoder(options.out), options.data, unseen, laws)
    print(json.dumps(shown, ensure_ascii=False, indent=1))
