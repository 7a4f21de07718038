"""The corpora and the questions to measure with."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from qa.catalog import CATALOG, FOLDER
from qa.text import language_of, number_of, numeral_of

_ARTICLE = re.compile(
    r"(?P<law>.+)第(?P<n>[〇零一二三四五六七八九十百千万两]+)条(?:之(?P<m>[一二三四五六七八九十]+))?$"
)
_GREETINGS = {
    "zh": (
        "",
        "请问",
        "您好，",
        "想了解：",
        "咨询：",
        "麻烦问一下，",
        "求助：",
        "急问：",
        "另外，",
    ),
    "en": ("", "Hello, ", "Please: ", "Also, ", "One more: ", "Dear all, ", "So, ", "Hi. ", "And "),
}


def read_lines(path: Path) -> list[dict[str, str]]:
    """Return the objects of a .jsonl or .jsonl.gz file."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def read_questions(path: Path) -> list[str]:
    """Return the questions of a file: `question` or, as BEIR has it, `text`."""
    return [line.get("question") or line["text"] for line in read_lines(path)]


def varied(questions: Sequence[str], count: int) -> list[str]:
    """Return at most `count` distinct questions: those given, then the same behind a greeting."""
    made = [
        _GREETINGS[language_of(question)][n] + question
        for n in range(len(_GREETINGS["zh"]))
        for question in questions
    ]
    return list(dict.fromkeys(made))[:count]


def write_corpus(articles: Iterable[dict[str, str]], corpus: Path) -> int:
    """Write articles as a corpus, a document for each law; return how many articles there were.

    A title such as 专利法第六条 names law and number; the texts of a title that names none are
    numbered as they come. An article that comes again begins another edition of its law.
    """
    laws: dict[tuple[str, int], dict[tuple[int, ...], str]] = {}
    count = 0
    for article in articles:
        count += 1
        match = _ARTICLE.match(article["title"])
        law = match["law"] if match else article["title"]
        numbers = tuple(number_of(one) for one in match.groups()[1:] if one) if match else ()
        numbers = numbers or (len(laws.get((law, 1), ())) + 1,)
        edition = 1
        while numbers in laws.setdefault((law, edition), {}):
            edition += 1
        laws[law, edition][numbers] = article["text"].strip()
    (corpus / FOLDER).mkdir(parents=True)
    entries = []
    for place, ((law, edition), texts) in enumerate(laws.items(), 1):
        title = json.dumps(law if edition == 1 else f"{law}（{edition}）", ensure_ascii=False)
        lines = [f"{_label(numbers)}　{text}\n" for numbers, text in sorted(texts.items())]
        (corpus / FOLDER / f"{place}.txt").write_text("".join(lines), "utf-8")
        entries.append(f'[[document]]\nid = "law-{place}"\nfile = "{place}.txt"\ntitle = {title}\n')
    (corpus / CATALOG).write_text("\n".join(entries), "utf-8")
    return count


def change_one_clause(corpus: Path) -> None:
    """Add a sentence to the last clause of one document."""
    first = min((corpus / FOLDER).glob("*.txt"))
    text = first.read_text("utf-8").rstrip()
    first.write_text(f"{text}法律另有规定的，从其规定。\n", "utf-8")


def _label(numbers: tuple[int, ...]) -> str:
    return f"第{numeral_of(numbers[0])}条" + "".join(f"之{numeral_of(n)}" for n in numbers[1:])
