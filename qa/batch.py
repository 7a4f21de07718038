"""Questions in a workbook → the same workbook with answers; a run that was stopped goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from qa import columns
from qa.answering import Told, ask_chunks, processes_of
from qa.columns import CITATION, Layout
from qa.engine import Engine
from qa.errors import WorkbookError
from qa.journal import Journal
from qa.models import Citation, Question
from qa.row_questions import RowQuestion, find_limits, read_rows
from qa.sheet import Filling
from qa.summary_sheet import SHEET_NAMES, RowToCheck, Summary
from qa.workbook import Book, check_target, losses_of, read_book, write_book

CHUNK = 64


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row whose question has no answer: its number as a spreadsheet shows it, and why."""

    sheet: str
    row: int
    reason: str


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
class _Run:
    """What answers, in how many processes, and who hears how far it is."""

    engine: Engine
    processes: int
    progress: Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class AnswerCells:
    """What one row says of its answer, in the order of the columns."""

    answer: str = ""
    citation: str = ""
    quote: str = ""
    status: str = ""
    confidence: float | str = ""
    note: str = ""
    other: str = ""
    change: str = ""
    link: str = ""

    def values(self) -> tuple[str | float, ...]:
        """Return the cells from left to right."""
        return (
            *(self.answer, self.citation, self.quote),
            *(self.status, self.confidence, self.note, self.other, self.change),
        )


def answer_workbook(
    engine: Engine,
    source: Path,
    target: Path,
    *,
    question_column: str = "",
    progress: Callable[[int, int], None],
    name: str = "",
    processes: int = 0,
) -> BatchReport:
    """Answer every row of a workbook; raises WorkbookError before the first question is asked.

    `name` stands in messages for that of a file which was sent from elsewhere; `processes` answer
    at once, 0 for as many as it is worth.
    """
    try:
        return _answer_workbook(_Run(engine, processes, progress), source, target, question_column)
    except WorkbookError as error:
        if not name:
            raise
        said = str(error).replace(str(source), name).replace(str(target), name)
        raise WorkbookError(said) from error


def _answer_workbook(run: _Run, source: Path, target: Path, question_column: str) -> BatchReport:
    engine = run.engine
    check_target(source, target)
    book = read_book(source)
    layouts = find_questions(book, question_column)
    if len(layouts) > 1 and target.suffix.lower() != ".xlsx":
        names = ", ".join(book.sheets[number].name for number in layouts)
        raise WorkbookError(
            f"{target}: holds one table, but {len(layouts)} sheets have questions ({names}); "
            "name it .xlsx"
        )
    rows = {number: _rows(engine, book, number, layout) for number, layout in layouts.items()}
    asked = Counter(
        one.key for some in rows.values() for one in some if one.key and not one.problem
    )
    questions = {one.key: one.question for some in rows.values() for one in some}
    journal = Journal(target.with_name(target.name + ".partial.jsonl"), engine.snapshot_id)
    known = _reusable(journal, asked)
    answers = known | _answer(
        run, [key for key in asked if key not in known], questions, journal, asked
    )
    fillings = [
        _filling(book, number, layouts[number], rows[number], answers) for number in layouts
    ]
    report = _report(book, fillings, sum(asked[key] for key in known), losses_of(book, target))
    if report.rows != sum(map(len, rows.values())):
        raise WorkbookError(f"{target}: {report.rows} rows for {rows}; nothing was written")
    write_book(book, fillings, target, _summary(engine, book, fillings, report))
    journal.remove()
    return report


def find_questions(book: Book, name: str = "") -> dict[int, Layout]:
    """Return where the questions are by number of sheet; raises WorkbookError if nowhere."""
    visible = [
        number
        for number, sheet in enumerate(book.sheets)
        if sheet.visible and sheet.rows and sheet.name not in SHEET_NAMES
    ]
    tables = {number: book.sheets[number].rows for number in visible or range(len(book.sheets))}
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


def _rows(engine: Engine, book: Book, number: int, layout: Layout) -> list[RowQuestion]:
    """Return what each row below the header asks."""
    rows = book.sheets[number].rows
    return read_rows(rows, layout, find_limits(rows, layout), engine.documents())


def _reusable(journal: Journal, asked: Mapping[str, int]) -> dict[str, AnswerCells]:
    """Return the answers that a stopped run has left."""
    known = {}
    for key in asked:
        record = journal.get(key)
        if record is not None and record.keys() == asdict(AnswerCells()).keys():
            known[key] = AnswerCells(**record)  # type: ignore[arg-type]
    return known


def _answer(
    run: _Run,
    wanted: Sequence[str],
    questions: Mapping[str, Question],
    journal: Journal,
    asked: Mapping[str, int],
) -> dict[str, AnswerCells]:
    """Ask what is wanted, each once; every chunk is in the journal before the next."""
    answers: dict[str, AnswerCells] = {}
    total = sum(asked.values())
    done = total - sum(asked[key] for key in wanted)
    run.progress(done, total)
    chunks = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    told = ask_chunks(
        run.engine,
        ([questions[key] for key in chunk] for chunk in chunks),
        run.processes or processes_of(len(wanted)),
    )
    public = run.engine.settings.public_url.rstrip("/")
    for chunk, some in zip(chunks, told, strict=True):
        cells = {key: _cells(one, public) for key, one in zip(chunk, some, strict=True)}
        journal.add({key: asdict(one) for key, one in cells.items() if one.status != "failed"})
        answers |= cells
        done += sum(asked[key] for key in chunk)
        run.progress(done, total)
    return answers


def _cells(told: Told, public: str) -> AnswerCells:
    answer = told.answer
    if answer is None:
        return AnswerCells(status="failed", note=told.problem)
    link = f"{public}{answer.citations[0].url}" if public and answer.citations else ""
    return AnswerCells(
        answer=answer.text,
        other=told.other,
        citation="\n".join(cite(one, answer.language) for one in answer.citations),
        quote="\n".join(one.quote for one in answer.citations),
        status=answer.status,
        confidence=round(answer.confidence, 3),
        note="\n".join(answer.notes),
        link=link,
    )


def cite(citation: Citation, language: str) -> str:
    """Return a citation on one line: 《条例》第二十五条第二款."""
    if language == "en" and citation.title_en:
        return f"{citation.title_en}, {citation.label_en}"
    return f"《{citation.title}》{citation.label}"


def _filling(
    book: Book,
    number: int,
    layout: Layout,
    rows: Sequence[RowQuestion],
    answers: Mapping[str, AnswerCells],
) -> Filling:
    sheet = book.sheets[number]
    places = columns.place_answers(sheet.rows, layout, sheet.first_free(layout.header))
    cells = []
    for row, asked in enumerate(rows, layout.header + 1):
        one = AnswerCells()
        if (row, layout.question) in sheet.unknown:
            reason = "the formula has no stored result; open the workbook in Excel and save it"
            one = AnswerCells(status="failed", note=reason)
        elif asked.problem:
            one = AnswerCells(status="failed", note=asked.problem)
        elif asked.key:
            one = answers[asked.key]
        if places.refilled and one.status:
            before = [columns.cell(sheet.rows[row], column) for column in places.columns]
            one = replace(one, change=_change(before, one))
        cells.append(one)
    return Filling(
        sheet=number,
        header=layout.header,
        question=layout.question,
        columns=places.columns,
        headings=places.headings,
        widths=columns.WIDTHS,
        cells=[one.values() for one in cells],
        links=[one.link for one in cells],
        link_column=places.columns[CITATION],
    )


def _change(before: Sequence[str], now: AnswerCells) -> str:
    """Return how a row differs from what an earlier run wrote into it."""
    then = AnswerCells(*before)
    if not then.status:
        return "新增 new"
    said = "\n".join(map(str.strip, then.answer.split("\n")))
    if said == "\n".join(map(str.strip, now.answer.split("\n"))):
        return "不变 unchanged"
    was, is_now = (" ".join(one.citation.split()) for one in (then, now))
    if was != is_now:
        return f"引用有变 changed: {was} → {is_now}"
    return "答案有变 changed"


def _summary(
    engine: Engine, book: Book, fillings: Sequence[Filling], report: BatchReport
) -> Summary:
    """Return what the sheet of figures shows: counts, and the rows that a person should look at."""
    to_check = []
    for filling in fillings:
        name = book.sheets[filling.sheet].name
        for row, values in enumerate(filling.cells, filling.header + 2):
            one = AnswerCells(*values)  # type: ignore[arg-type]
            if one.status in ("closest", "no_basis", "failed"):
                asked = columns.cell(book.sheets[filling.sheet].rows[row - 1], filling.question)
                to_check.append(RowToCheck(name, row, filling.question, one.status, asked))
    counts = {
        **{name: getattr(report, name) for name in ("answered", "closest", "no_basis")},
        **{"failed": len(report.failed), "empty": report.empty},
    }
    return Summary(report.rows, counts, tuple(to_check), engine.snapshot_id, date.today())


def _report(
    book: Book, fillings: Sequence[Filling], reused: int, lost: tuple[str, ...]
) -> BatchReport:
    failed: list[FailedRow] = []
    statuses: Counter[object] = Counter()
    for filling in fillings:
        for row, values in enumerate(filling.cells, filling.header + 2):
            one = AnswerCells(*values)  # type: ignore[arg-type]
            statuses[one.status] += 1
            if one.status == "failed":
                failed.append(FailedRow(book.sheets[filling.sheet].name, row, one.note))
    return BatchReport(
        rows=statuses.total(),
        answered=statuses["answered"],
        closest=statuses["closest"],
        no_basis=statuses["no_basis"],
        empty=statuses[""],
        failed=tuple(failed),
        reused=reused,
        lost=lost,
    )
