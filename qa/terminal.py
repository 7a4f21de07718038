"""Answers, hits and progress for people at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from qa.models import Answer, Citation, Clause, Hit

if TYPE_CHECKING:  # either would load what a command may not need
    from qa.batch import BatchReport
    from qa.engine import Engine
    from qa.gaps import Group
    from qa.verification import Verification

_PIPE_WIDTH = 160
_EXCERPT = 120
_NEAR_LINES = 2
_STATUS_STYLES = {"answered": "bold green", "closest": "bold yellow", "no_basis": "bold red"}
_STAGES = {
    "split": "splitting documents",
    "encode": "encoding clauses",
    "keywords": "indexing words",
    "write": "writing the snapshot",
}


def console() -> Console:
    """Return a console that prints texts as they are; a pipe gets no colours."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def print_answer(answer: Answer) -> None:
    """Print an answer and the clauses it rests on, the quoted words marked."""
    out = console()
    status = Text(answer.status.replace("_", " "), _STATUS_STYLES[answer.status])
    _say(out, status.append(f" {answer.confidence:.2f}", "not bold dim"))
    _say(out, Text(answer.text))
    for note in answer.notes:
        _say(out, Text(note, "yellow"))
    for number, citation in enumerate(answer.citations, 1):
        out.print()
        _say(out, _heading(number, citation))
        _say(out, _marked(citation), indent=4)
        if citation.translation:
            _say(out, Text(citation.translation, "dim"), indent=4)


def print_verification(checked: Verification, text: str) -> None:
    """Print each finding of a verified text, the differences, and what was not checked."""
    out = console()
    for one in checked.findings:
        style = "green" if one.verdict == "verified" else "bold red"
        head = Text(one.verdict.replace("_", " "), style)
        _say(out, head.append(f" {one.kind}: {one.text}", "not bold default"))
        _say(out, Text(one.message, "dim"), indent=4)
        for difference in one.differences:
            shown = f"document “{difference.expected}”, text “{difference.found}”"
            _say(out, Text(shown), indent=4)
    if checked.unchecked:
        _say(out, Text("not checked, since nothing is cited or quoted:", "bold"))
    for start, end in checked.unchecked:
        _say(out, Text(text[start:end].strip(), "dim"), indent=4)
    _say(out, Text(f"verdict: {checked.verdict.replace('_', ' ')}", "bold"))


def print_gaps(groups: Sequence[Group]) -> None:
    """Print groups of unanswered questions, the most asked first."""
    out = console()
    if not groups:
        _say(out, Text("every question so far was answered, or none was kept"))
    for group in groups:
        _say(out, Text(f"{group.count} × (last {group.last})", "bold"))
        for question in group.questions[:5]:
            _say(out, Text(question), indent=4)
        if len(group.questions) > 5:
            _say(out, Text(f"and {len(group.questions) - 5} more wordings", "dim"), indent=4)
        if group.nearest:
            _say(out, Text(f"nearest: {group.nearest}", "dim"), indent=4)


def _say(out: Console, text: Text, indent: int = 0) -> None:
    """Print a text wrapped and indented at a terminal, line by line as it is in a pipe."""
    if out.is_terminal:
        out.print(Padding(text, (0, 0, 0, indent)))
    else:
        for line in text.split():
            out.print(" " * indent + line.plain, soft_wrap=True)


def _heading(number: int, citation: Citation) -> Text:
    heading = Text(f"[{number}] ", "dim")
    heading.append(f"《{citation.title}》{citation.label}", "bold")
    english = ", ".join(part for part in (citation.title_en, citation.label_en) if part)
    if english:
        heading.append(f"  {english}", "dim")
    if citation.validity not in {"in_force", "unknown"}:
        heading.append(f"  {citation.validity.replace('_', ' ')}", "bold red")
    return heading


def _marked(citation: Citation) -> Text:
    """Return the lines of the clause around the quote, the quote highlighted."""
    start = max(citation.text.find(citation.quote), 0)
    end = start + len(citation.quote)
    before, after = citation.text[:start].split("\n"), citation.text[end:].split("\n")
    near = "\n".join(before[-_NEAR_LINES:]), "\n".join(after[:_NEAR_LINES])
    text = Text("…\n" if len(before) > _NEAR_LINES else "").append(near[0])
    text.append(citation.quote, "black on bright_yellow").append(near[1])
    return text.append("\n…" if len(after) > _NEAR_LINES else "")


def print_hits(engine: Engine, hits: Sequence[Hit]) -> None:
    """Print hits best first: a table at a terminal, lines with tabs in a pipe."""
    out = console()
    rows = [(str(hit.rank), f"{hit.score:.3f}", _place(engine, hit), _excerpt(hit)) for hit in hits]
    if not rows:
        out.print("nothing found")
    elif out.is_terminal:
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 1, 0))
        table.add_column("#", justify="right")
        table.add_column("score", justify="right")
        table.add_column("clause", overflow="fold", ratio=2)
        table.add_column("text", overflow="fold", ratio=5)
        for row in rows:
            table.add_row(*map(Text, row))
        out.print(table)
    else:
        for row in rows:
            print("\t".join(row))


def _place(engine: Engine, hit: Hit) -> str:
    paragraph = f" ¶{hit.paragraph}" if hit.paragraph else ""
    return f"《{engine.document(hit.clause.document_id).title}》{hit.clause.label}{paragraph}"


def _excerpt(hit: Hit) -> str:
    numbered = {paragraph.number: paragraph.text for paragraph in hit.clause.paragraphs}
    text = " ".join(numbered.get(hit.paragraph, hit.clause.text).split())
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def print_clauses(clauses: Sequence[Clause]) -> None:
    """Print the clauses of a document under the headings they stand under."""
    out = console()
    path: tuple[str, ...] = ()
    for clause in clauses:
        if clause.path != path:
            path = clause.path
            _say(out, Text(" / ".join(path), "bold cyan"))
        _say(out, Text(f"{clause.label} ", "bold").append(clause.key, "not bold dim"))
        _say(out, Text(clause.text), indent=4)
    _say(out, Text(f"{len(clauses)} clauses", "dim"))


def print_batch(report: BatchReport, target: str) -> None:
    """Print what became of the rows of a workbook."""
    counts = {
        "answered": report.answered,
        "closest": report.closest,
        "no basis": report.no_basis,
        "empty": report.empty,
        "failed": len(report.failed),
        "reused from a stopped run": report.reused,
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    console().print(f"{target}: {report.rows} rows: {told or 'no questions'}", soft_wrap=True)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on stderr; what is yielded moves it: stage, done, total."""
    err = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    tasks = {}

    def move(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bar.add_task(_STAGES.get(stage, stage), total=total)
        bar.update(tasks[stage], completed=done, total=total)

    with bar:
        yield move
