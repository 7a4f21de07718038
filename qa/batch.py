"""Questions in a workbook → the same workbook with answers; a run that was stopped goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from qa import columns
from qa.columns import Layout
from qa.engine import Engine
from qa.errors import QuestionError, WorkbookError
from qa.journal import Journal
from qa.models import Answer, Citation, Question
from qa.sheet import Filling
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
class AnswerCells:
    """What one row says of its answer, in the order of the columns."""

    answer: str = ""
    citation: str = ""
    quote: str = ""
    status: str = ""
    confidence: float | str = ""
    note: str = ""

    def values(self) -> tuple[str | float, ...]:
        """Return the cells from left to right."""
        return (
            *(self.answer, self.citation, self.quote),
            *(self.status, self.confidence, self.note),
        )


def answer_workbook(
    engine: Engine,
    source: Path,
    target: Path,
    *,
    question_column: str = "",
    progress: Callable[[int, int], None],
    name: str = "",
) -> BatchReport:
    """Answer every row of a workbook; raises WorkbookError before the first question is asked.

    `name` stands in messages for that of a file which was sent from elsewhere.
    """
    try:
        return _answer_workbook(engine, source, target, question_column, progress)
    except WorkbookError as error:
        if not name:
            raise
        said = str(error).replace(str(source), name).replace(str(target), name)
        raise WorkbookError(said) from error


def _answer_workbook(
    engine: Engine,
    source: Path,
    target: Path,
    question_column: str,
    progress: Callable[[int, int], None],
) -> BatchReport:
    check_target(source, target)
    book = read_book(source)
    layouts = find_questions(book, question_column)
    if len(layouts) > 1 and target.suffix.lower() != ".xlsx":
        names = ", ".join(book.sheets[number].name for number in layouts)
        raise WorkbookError(
            f"{target}: holds one table, but {len(layouts)} sheets have questions ({names}); "
            "name it .xlsx"
        )
    texts = Counter(
        text
        for number, layout in layouts.items()
        for text in _question_texts(book, number, layout)
        if text
    )
    journal = Journal(target.with_name(target.name + ".partial.jsonl"), engine.snapshot_id)
    known = _reusable(journal, texts)
    answers = known | _answer(engine, texts, known, journal, progress)
    fillings = [_filling(book, number, layouts[number], answers) for number in layouts]
    write_book(book, fillings, target)
    journal.remove()
    return _report(book, fillings, sum(texts[text] for text in known), losses_of(book, target))


def find_questions(book: Book, name: str = "") -> dict[int, Layout]:
    """Return where the questions are by number of sheet; raises WorkbookError if nowhere."""
    visible = [number for number, sheet in enumerate(book.sheets) if sheet.visible and sheet.rows]
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


def _question_texts(book: Book, number: int, layout: Layout) -> list[str]:
    """Return the question of each row below the header, "" where the cell is empty."""
    rows = book.sheets[number].rows[layout.header + 1 :]
    return [columns.cell(row, layout.question) for row in rows]


def _reusable(journal: Journal, texts: Mapping[str, int]) -> dict[str, AnswerCells]:
    """Return the answers that a stopped run has left."""
    known = {}
    for text in texts:
        record = journal.get(text)
        if record is not None and record.keys() == asdict(AnswerCells()).keys():
            known[text] = AnswerCells(**record)  # type: ignore[arg-type]
    return known


def _answer(
    engine: Engine,
    texts: Mapping[str, int],
    known: Mapping[str, AnswerCells],
    journal: Journal,
    progress: Callable[[int, int], None],
) -> dict[str, AnswerCells]:
    """Ask what is not known, each text once; every chunk is in the journal before the next."""
    answers: dict[str, AnswerCells] = {}
    total = sum(texts.values())
    done = sum(texts[text] for text in known)
    progress(done, total)
    wanted = [text for text in texts if text not in known]
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        asked = _ask(engine, chunk)
        journal.add({text: asdict(one) for text, one in asked.items() if one.status != "failed"})
        answers |= asked
        done += sum(texts[text] for text in chunk)
        progress(done, total)
    return answers


def _ask(engine: Engine, texts: Sequence[str]) -> dict[str, AnswerCells]:
    """Ask a chunk at once; if a question in it cannot be asked, each on its own."""
    try:
        answers = engine.ask_many([Question(text) for text in texts])
    except QuestionError as error:
        if len(texts) == 1:
            return {texts[0]: AnswerCells(status="failed", note=str(error))}
        half = len(texts) // 2
        return _ask(engine, texts[:half]) | _ask(engine, texts[half:])
    return {text: _cells(answer) for text, answer in zip(texts, answers, strict=True)}


def _cells(answer: Answer) -> AnswerCells:
    return AnswerCells(
        answer=answer.text,
        citation="\n".join(cite(one, answer.language) for one in answer.citations),
        quote="\n".join(one.quote for one in answer.citations),
        status=answer.status,
        confidence=round(answer.confidence, 3),
        note="\n".join(answer.notes),
    )


def cite(citation: Citation, language: str) -> str:
    """Return a citation on one line: 《条例》第二十五条第二款."""
    if language == "en" and citation.title_en:
        return f"{citation.title_en}, {citation.label_en}"
    return f"《{citation.title}》{citation.label}"


def _filling(
    book: Book, number: int, layout: Layout, answers: Mapping[str, AnswerCells]
) -> Filling:
    sheet = book.sheets[number]
    places = columns.place_answers(sheet.rows, layout, sheet.first_free(layout.header))
    cells = []
    for row, text in enumerate(_question_texts(book, number, layout), layout.header + 1):
        one = answers[text] if text else AnswerCells()
        if (row, layout.question) in sheet.unknown:
            reason = "the formula has no stored result; open the workbook in Excel and save it"
            one = AnswerCells(status="failed", note=reason)
        cells.append(one.values())
    return Filling(
        sheet=number,
        header=layout.header,
        question=layout.question,
        columns=places.columns,
        headings=places.headings,
        widths=columns.WIDTHS,
        cells=cells,
    )


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
