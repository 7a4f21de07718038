"""Questions in a workbook → the same workbook with answers; a run that was stopped goes on."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from openpyxl import Workbook

from qa import columns
from qa.answers import quoted_text
from qa.asks import Ask, read_ask
from qa.columns import REASON, Inputs, Layout, Places
from qa.crew import work_through
from qa.engine import Engine
from qa.errors import QuestionError, WorkbookError
from qa.journal import Journal
from qa.models import Answer, Language
from qa.outcomes import AnswerCells, FailedRow, Tally, cells_of, change_of
from qa.sheet import Filling, Link
from qa.summary import add_summary, is_summary
from qa.workbook import Book, check_rows, check_target, losses_of, read_book, write_book

CHUNK = 64
FEWEST = 256  # questions for which it pays to start other processes
_RECORD = "3"  # the form of a record in the journal


@dataclass(frozen=True, slots=True)
class BatchReport:
    """How many rows were read and what became of them; `lost` names what the file cannot keep."""

    rows: int
    answered: int
    closest: int
    no_basis: int
    empty: int
    failed: tuple[FailedRow, ...]
    reused: int
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Table:
    """One sheet of questions: where they are, what else is read of a row, where answers go."""

    number: int
    name: str
    body: Sequence[Sequence[str]]
    layout: Layout
    inputs: Inputs
    places: Places
    unknown: frozenset[tuple[int, int]]

    def asks(self, find_document: Callable[[str], str]) -> Iterator[Ask]:
        """Yield what each row below the header asks."""
        language = self.places.language
        for number, row in enumerate(self.body, self.layout.header + 1):
            if (number, self.layout.question) in self.unknown:
                yield Ask("", reason=_UNKNOWN[language == "en"])
            else:
                yield read_ask(row, self.layout, self.inputs, find_document, language)


_UNKNOWN = (
    "公式没有存下结果；请用 Excel 打开并保存后再运行",
    "the formula has no stored result; open the workbook in Excel and save it",
)


def answer_workbook(
    engine: Engine,
    source: Path,
    target: Path,
    *,
    question_column: str = "",
    progress: Callable[[int, int], None],
    name: str = "",
    workers: int = 1,
) -> BatchReport:
    """Answer every row of a workbook; raises WorkbookError before the first question is asked.

    `name` stands in messages for that of a file which was sent from elsewhere. With several
    `workers` the process is forked, so it must have no other threads at work.
    """
    try:
        check_target(source, target)
        book = read_book(source)
        layouts = find_questions(book, question_column)
        return _answer_book(engine, book, layouts, target, (progress, workers))
    except WorkbookError as error:
        if not name:
            raise
        said = str(error).replace(str(source), name).replace(str(target), name)
        raise WorkbookError(said) from error


def _answer_book(
    engine: Engine,
    book: Book,
    layouts: Mapping[int, Layout],
    target: Path,
    how: tuple[Callable[[int, int], None], int],
) -> BatchReport:
    if len(layouts) > 1 and target.suffix.lower() != ".xlsx":
        names = ", ".join(book.sheets[number].name for number in layouts)
        raise WorkbookError(
            f"{target}: holds one table, but {len(layouts)} sheets have questions ({names}); "
            "name it .xlsx"
        )
    tables = [_table(book, number, layout) for number, layout in layouts.items()]
    find_document = functools.lru_cache(maxsize=10_000)(engine.find_document)
    journal = Journal(
        target.with_name(target.name + ".partial.jsonl"), f"{engine.snapshot_id}/{_RECORD}"
    )
    asks = functools.partial(_asks, tables, find_document)
    reused, failed = _answer(engine, asks, journal, *how)
    tally = Tally()

    def found(ask: Ask) -> AnswerCells:
        if ask.reason or not ask.text:
            return AnswerCells(status="failed" if ask.reason else "", reason=ask.reason)
        if ask.key in failed:
            return AnswerCells(status="failed", reason=failed[ask.key])
        record = journal.get(ask.key)
        assert record is not None
        return AnswerCells(**record)  # type: ignore[arg-type]

    base = engine.settings.public_url.rstrip("/")
    fillings = [_filling(one, find_document, found, base, tally) for one in tables]

    def finish(workbook: Workbook) -> None:
        language = tables[0].places.language
        made = datetime.now().astimezone().isoformat(" ", "seconds")
        add_summary(workbook, tally.summary(language, made, engine.snapshot_id))

    write_book(book, fillings, target, finish)
    check_rows(target, sum(len(one.body) for one in tables), tally.rows)
    journal.remove()
    return BatchReport(
        rows=tally.rows,
        **{status: tally.counts[status] for status in ("answered", "closest", "no_basis", "empty")},
        failed=tuple(tally.failed),
        reused=reused,
        lost=losses_of(book, target),
    )


def find_questions(book: Book, name: str = "") -> dict[int, Layout]:
    """Return where the questions are by number of sheet; raises WorkbookError if nowhere."""
    sheets = {n: one for n, one in enumerate(book.sheets) if not is_summary(one.rows)}
    visible = [number for number, sheet in sheets.items() if sheet.visible and sheet.rows]
    tables = {number: sheets[number].rows for number in visible or sheets}
    found: dict[int, Layout] = {}
    for number, rows in tables.items():
        layout = columns.find_by_header(rows, name)
        if layout is not None:
            found[number] = layout
    if found:
        return found
    for number, rows in tables.items():
        layout = columns.find_by_position(rows, name) if name else columns.find_by_content(rows)
        if layout is not None:
            return {number: layout}
    headings = [heading for rows in tables.values() for heading in columns.headings_of(rows)]
    what = f"no column {name!r}" if name else "no column of questions"
    raise WorkbookError(
        f"{book.source}: {what}; headings found: {', '.join(headings[:20]) or 'none'}; "
        "name the column by its heading or its letter, as in --column B"
    )


def _table(book: Book, number: int, layout: Layout) -> _Table:
    sheet = book.sheets[number]
    return _Table(
        number,
        sheet.name,
        sheet.rows[layout.header + 1 :],
        layout,
        columns.find_inputs(sheet.rows, layout),
        columns.place_answers(sheet.rows, layout, sheet.first_free(layout.header)),
        sheet.unknown,
    )


def _asks(tables: Sequence[_Table], find_document: Callable[[str], str]) -> Iterator[Ask]:
    """Yield what can be asked of the engine, row by row."""
    for table in tables:
        yield from (one for one in table.asks(find_document) if one.text and not one.reason)


def _answer(
    engine: Engine,
    asks: Callable[[], Iterator[Ask]],
    journal: Journal,
    progress: Callable[[int, int], None],
    workers: int,
) -> tuple[int, dict[str, str]]:
    """Ask what is not in the journal, each once; return rows reused, and why others failed.

    Every chunk is in the journal before it counts as done.
    """
    counts = Counter(_mark(ask) for ask in asks())
    total = counts.total()
    known = {_mark(ask) for ask in asks() if ask.key in journal}
    reused = done = sum(counts[mark] for mark in known)
    progress(done, total)
    failed: dict[str, str] = {}
    several = workers if len(counts) - len(known) >= FEWEST else 1
    ask_chunk = functools.partial(_ask, engine)
    for chunk, answered in work_through(ask_chunk, _chunks(asks(), journal), several):
        journal.add({key: asdict(one) for key, one in answered.items() if one.status != "failed"})
        failed |= {key: one.reason for key, one in answered.items() if one.status == "failed"}
        done += sum(counts[_mark(ask)] for ask in chunk)
        progress(min(done, total), total)
    return reused, failed


def _mark(ask: Ask) -> bytes:
    """Return sixteen bytes that stand for what is asked: of many questions, all fit into memory."""
    return hashlib.blake2b(ask.key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _chunks(asks: Iterator[Ask], journal: Journal) -> Iterator[list[Ask]]:
    """Yield what is not known yet, each once, at most CHUNK at a time."""
    taken: set[bytes] = set()
    chunk: list[Ask] = []
    for ask in asks:
        mark = _mark(ask)
        if mark in taken or ask.key in journal:
            continue
        taken.add(mark)
        chunk.append(ask)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _ask(engine: Engine, asks: Sequence[Ask]) -> dict[str, AnswerCells]:
    """Ask a chunk at once; if a question in it cannot be asked, each on its own."""
    try:
        answers = engine.ask_many([ask.as_question() for ask in asks])
    except QuestionError as error:
        if len(asks) == 1:
            return {asks[0].key: AnswerCells(status="failed", reason=str(error))}
        half = len(asks) // 2
        return _ask(engine, asks[:half]) | _ask(engine, asks[half:])
    return {
        ask.key: cells_of(one, _in_other(engine, ask, one))
        for ask, one in zip(asks, answers, strict=True)
    }


def _in_other(engine: Engine, ask: Ask, answer: Answer) -> str:
    """Return an answer in the other language, from the same citations."""
    other: Language = "zh" if answer.language == "en" else "en"
    if answer.text == quoted_text(answer.language, answer.status, answer.citations):
        return quoted_text(other, answer.status, answer.citations)
    return engine.ask(replace(ask.as_question(), language=other)).text  # an approved answer


def _filling(
    table: _Table,
    find_document: Callable[[str], str],
    found: Callable[[Ask], AnswerCells],
    base: str,
    tally: Tally,
) -> Filling:
    places, question = table.places, table.layout.question

    def cells() -> Iterator[tuple[str | float | Link, ...]]:
        rows = zip(table.body, table.asks(find_document), strict=True)
        for number, (row, ask) in enumerate(rows, table.layout.header + 2):
            one = found(ask)
            values = one.values(places.language, base)
            tally.add((table.name, number, question + 1), ask.text, one, str(values[REASON]))
            change = change_of(row, places, values) if places.refilled else ""
            yield (*values, change)

    return Filling(
        sheet=table.number,
        header=table.layout.header,
        question=question,
        columns=places.columns,
        headings=places.headings,
        widths=columns.WIDTHS,
        cells=cells(),
    )
