"""Ten questions and their answers as a page of the documentation."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from qa.engine import Engine
from qa.models import Answer, Question
from qa.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "answers.md"
MARK = "<!-- made by scripts/show_answers from here on -->"
DAY = date(2026, 12, 1)
ASKED = (
    ("职务科技成果协议定价要不要公示？", None),
    ("Do scientists who start a company keep their post at the university?", None),
    ("成果卖出去之后，研发团队至少能分到多少？", None),
    ("How many technology transfer professionals does the plan want in the city?", None),
    ("行动方案现在还有效吗，成果转化的主要目标是什么？", None),
    ("What is the main goal of the action plan for 2023?", date(2022, 6, 1)),
    ("第五十八条第二款", None),
    ("What does Article 12, paragraph 2 of the regulations say?", None),
    ("杭州的人才落户需要缴几个月社保？", None),
    ("Which exam do technology brokers take in Jiangsu?", None),
)


def main() -> None:
    """Ask, and write the page behind the mark."""
    engine = Engine.open(Settings.from_env(os.environ))
    head = PAGE.read_text("utf-8").partition(MARK)[0].rstrip()
    parts = [head, MARK, f"## Ten questions, asked as of {DAY} where no other day is given"]
    for number, (text, day) in enumerate(ASKED, 1):
        answer = engine.ask(Question(text, as_of=day or DAY))
        parts.append(_shown(number, answer, day))
    PAGE.write_text("\n\n".join(parts) + "\n", "utf-8")


def _shown(number: int, answer: Answer, day: date | None) -> str:
    as_of = f" (as of {day})" if day else ""
    quoted = "\n".join(f"> {line}" for line in answer.text.splitlines())
    lines = [
        f"### {number}. {answer.question}{as_of}",
        f"`{answer.status}`, confidence {answer.confidence:.2f}",
        quoted,
        *(f"- {note}" for note in answer.notes),
    ]
    lines += [
        f"- {one.clause_id} · {one.label} · {one.label_en} · characters {one.start}–{one.end} · "
        f"{one.validity}"
        for one in answer.citations
    ]
    return "\n\n".join(lines[:3]) + "\n\n" + "\n".join(lines[3:])


if __name__ == "__main__":
    main()
