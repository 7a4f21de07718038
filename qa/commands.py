"""The commands of `tiaowen`.

What is heavy is imported by the command that needs it, so that `tiaowen --help` is instant.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from qa import __version__
from qa.errors import CorpusError, QAError
from qa.models import AnswerLanguage, Document, Question
from qa.settings import Settings

SOME_FAILED = 1

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Questions in Chinese or English, answered by cited clauses of policy documents.",
)

QuestionText = Annotated[str, typer.Argument(metavar="QUESTION", show_default=False)]
InputFile = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Documents = Annotated[
    list[str] | None, typer.Option("--document", metavar="ID", help="Only this document.")
]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", metavar="KIND", help="Only documents of this kind.")
]
AsOf = Annotated[str, typer.Option(metavar="DATE", help="The day whose rules count: 2026-11-20.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"tiaowen {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that belong to no command."""
    at = "%(asctime)s " if context.invoked_subcommand == "serve" else ""
    logging.basicConfig(level=logging.WARNING, format=f"{at}%(levelname)s: %(message)s")


@app.command()
def split(file: InputFile, as_json: AsJson = False) -> None:
    """Print the clauses of one file; nothing is indexed."""
    from qa.clauses import split_clauses
    from qa.documents import read_document_file

    document = read_document_file(file)
    clauses = split_clauses(document)
    _warn_of_gaps(document)
    if as_json:
        from qa.wire import split_to_dict

        for clause in clauses:
            _print_json(split_to_dict(clause))
        return
    from qa.terminal import print_clauses

    print_clauses(clauses)


@app.command()
def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", show_default=False)],
    title: Annotated[str, typer.Option(help="The title, if not the file's own.")] = "",
    effective: Annotated[str, typer.Option(metavar="DATE", help="In force from this day.")] = "",
    document_id: Annotated[
        str, typer.Option("--id", metavar="ID", help="The id; that of a document replaces it.")
    ] = "",
) -> None:
    """Add documents to the corpus, or replace them, and bring the index up to date.

    A folder or a .zip stands for every file in it that can be read.
    """
    from qa.adding import enter_document
    from qa.gathering import gather_files

    if len(files) > 1 and (title or effective or document_id):
        raise typer.BadParameter("--title, --effective and --id belong to one FILE, not several")
    day = _day(effective, "--effective")
    settings = Settings.from_env(os.environ)
    failed: list[QAError] = []
    with tempfile.TemporaryDirectory() as scratch:
        gathered = gather_files(files, Path(scratch))
        for file in gathered.files:
            try:
                added = enter_document(
                    settings.corpus, file, title=title, effective=day, document_id=document_id
                )
            except QAError as error:
                failed.append(error)
                continue
            document = added.document
            _warn_of_gaps(document)
            print(f"added {document.id}: 《{document.title}》")
            if added.set_aside:
                print(
                    f"set aside the translations and questions of {len(added.set_aside)} clauses "
                    f"that read otherwise now: {', '.join(added.set_aside[:20])}"
                )
    for one in gathered.skipped:
        _complain(f"skipped: {one.name}: {one.reason}")
    if not gathered.files:
        raise CorpusError(f"{files[0]}: holds no file that can be read")
    if len(failed) == len(gathered.files):
        _complain_of(failed[:-1])
        raise failed[-1]
    _build(settings)
    _complain_of(failed)
    raise typer.Exit(SOME_FAILED if failed else 0)


@app.command()
def remove(
    document_id: Annotated[str, typer.Argument(metavar="ID", show_default=False)],
) -> None:
    """Take a document out of the corpus and out of the index."""
    from qa.catalog import remove_document

    settings = Settings.from_env(os.environ)
    document = remove_document(settings.corpus, document_id)
    print(f"removed {document.id}: 《{document.title}》")
    _build(settings)


@app.command()
def faq(
    sheet: Annotated[
        Path | None, typer.Argument(metavar="[SHEET]", help="Rows to approve.", show_default=False)
    ] = None,
) -> None:
    """Approve the answers of a sheet, or name those whose cited clauses have changed."""
    from qa.approving import approve_sheet, find_changed
    from qa.engine import Engine

    engine = Engine.open(Settings.from_env(os.environ))
    if sheet is None:
        changed = find_changed(engine)
        for one in changed:
            print(f"changed: {one.entry.questions[0]} ({', '.join(one.clause_ids)})")
        print(f"{len(changed)} approved answers to check again")
        raise typer.Exit(SOME_FAILED if changed else 0)
    report = approve_sheet(engine, sheet, date.today())
    print(f"{report.added} answers approved, {report.replaced} replaced")
    for row in report.refused:
        _complain(f"refused: {row.sheet} row {row.row}: {row.reason}")
    raise typer.Exit(SOME_FAILED if report.refused else 0)


@app.command()
def index() -> None:
    """Build the index from the corpus; only what has changed is encoded again."""
    _build(Settings.from_env(os.environ))


@app.command()
def enrich(
    document_id: Annotated[str, typer.Argument(metavar="DOCUMENT_ID", show_default=False)],
    *,
    url: Annotated[
        str, typer.Option(envvar="TIAOWEN_LLM_URL", help="Like http://127.0.0.1:1234/v1.")
    ] = "",
    model: Annotated[
        str, typer.Option(envvar="TIAOWEN_LLM_MODEL", help="The model's name there.")
    ] = "",
    key: Annotated[
        str, typer.Option(envvar="TIAOWEN_LLM_KEY", help="The service's key, if it has one.")
    ] = "",
    redo: Annotated[
        bool, typer.Option("--redo", help="Ask for every clause; replaces people's texts too.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for a reply.")] = 60,
) -> None:
    """Have a language model of yours draft the translations and questions a document lacks."""
    from qa.endpoint import Endpoint
    from qa.enriching import enrich_document
    from qa.terminal import progress_bar

    settings = Settings.from_env(os.environ)
    try:
        with progress_bar() as move:
            report = enrich_document(
                settings.corpus,
                document_id,
                Endpoint(url.strip(), model.strip(), key.strip(), timeout),
                redo=redo,
                warn=lambda line: _complain(f"warning: {line}"),
                progress=lambda done, total: move("asking", done, total),
            )
    except KeyboardInterrupt:
        _complain("stopped; run the same command again to go on")
        raise
    print(
        f"{report.document_id}: {len(report.written)} clauses written, "
        f"{report.complete} were complete, {len(report.failed)} failed"
    )
    for failed in report.failed:
        _complain(f"failed: {failed.clause_id}: {failed.reason}")
    if report.written:
        print("review what was written, then run `tiaowen index`")
    raise typer.Exit(SOME_FAILED if report.failed else 0)


@app.command()
def ask(
    question: QuestionText,
    *,
    as_json: AsJson = False,
    language: Annotated[AnswerLanguage, typer.Option(help="The language of the answer.")] = "auto",
    document: Documents = None,
    kind: Kinds = None,
    as_of: AsOf = "",
) -> None:
    """Answer a question with the clauses that say so."""
    from qa.engine import Engine

    asked = Question(
        _readable(question),
        documents=tuple(document or ()),
        kinds=tuple(kind or ()),
        as_of=_day(as_of, "--as-of"),
        language=language,
    )
    engine = Engine.open(Settings.from_env(os.environ))
    started = time.perf_counter()
    answer = engine.ask_and_write(asked)
    if as_json:
        from qa.wire import answer_to_dict

        _print_json(answer_to_dict(answer, _milliseconds_since(started)))
        return
    from qa.terminal import print_answer

    print_answer(answer)


@app.command()
def search(
    question: QuestionText,
    *,
    top_k: Annotated[int, typer.Option("-k", "--top-k", min=1, help="How many hits.")] = 10,
    as_json: AsJson = False,
    document: Documents = None,
    kind: Kinds = None,
    as_of: AsOf = "",
) -> None:
    """Show the clauses nearest to a question."""
    from qa.engine import Engine

    settings = Settings.from_env(os.environ)
    if top_k > settings.max_top_k:
        raise typer.BadParameter(f"-k {top_k} is more than {settings.max_top_k}, the most allowed")
    asked = Question(
        _readable(question),
        top_k=top_k,
        documents=tuple(document or ()),
        kinds=tuple(kind or ()),
        as_of=_day(as_of, "--as-of"),
    )
    engine = Engine.open(settings)
    started = time.perf_counter()
    hits = engine.search(asked)
    if as_json:
        from qa.text import language_of
        from qa.wire import hit_to_dict

        _print_json(
            {
                "question": asked.text,
                "language": language_of(asked.text),
                "hits": [hit_to_dict(engine, hit, asked.as_of) for hit in hits],
                "took_ms": _milliseconds_since(started),
            }
        )
        return
    from qa.terminal import print_hits

    print_hits(engine, hits)


@app.command()
def batch(
    source: Annotated[Path, typer.Argument(metavar="IN.xlsx|IN.csv", show_default=False)],
    target: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="OUT.xlsx|OUT.csv", help="Where the answers go."),
    ],
    column: Annotated[
        str, typer.Option(help="The column of questions, by heading or letter, if not found.")
    ] = "",
) -> None:
    """Answer every row of a workbook; a run that was stopped goes on where it was."""
    from qa.batch import answer_workbook
    from qa.engine import Engine
    from qa.terminal import print_batch, progress_bar
    from qa.workbook import check_target

    check_target(source, target)
    settings = Settings.from_env(os.environ)
    engine = Engine.open(settings)
    try:
        with progress_bar() as move:
            report = answer_workbook(
                engine,
                source,
                target,
                question_column=column,
                progress=lambda done, total: move("answering", done, total),
                workers=settings.workers or min(2, os.cpu_count() or 1),
            )
    except KeyboardInterrupt:
        _complain("stopped; run the same command again to go on")
        raise
    print_batch(report, str(target))
    if report.lost:
        _complain(f"warning: {target} does not keep {', '.join(report.lost)} of {source}")
    for failed in report.failed:
        _complain(f"failed: {failed.sheet}, row {failed.row}: {failed.reason}")
    raise typer.Exit(SOME_FAILED if report.failed else 0)


@app.command(hidden=True)
def work() -> None:
    """Answer the workbooks that were sent over HTTP and wait; `serve` starts this by itself."""
    from qa.jobs import work as work_off

    work_off(Settings.from_env(os.environ))


@app.command()
def evaluate(
    questions: Annotated[Path, typer.Argument(metavar="QUESTIONS.jsonl", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Measure retrieval and refusals on labelled questions."""
    from qa import evaluation
    from qa.engine import Engine

    result = evaluation.evaluate(Engine.open(Settings.from_env(os.environ)), questions)
    if as_json:
        _print_json(evaluation.evaluation_to_dict(result))
    else:
        print(evaluation.format_evaluation(result))


@app.command()
def verify(
    file: Annotated[str, typer.Argument(metavar="FILE", help="- for standard input.")],
    as_of: AsOf = "",
    as_json: AsJson = False,
) -> None:
    """Check the citations, quotations and numbers of a draft against the documents."""
    from qa.engine import Engine
    from qa.terminal import print_verification
    from qa.wire import verification_to_dict

    text = _read_draft(file)
    engine = Engine.open(Settings.from_env(os.environ))
    started = time.perf_counter()
    checked = engine.verify(text, _day(as_of, "--as-of"))
    if as_json:
        took_ms = round((time.perf_counter() - started) * 1000, 2)
        _print_json(verification_to_dict(checked, text, took_ms))
    else:
        print_verification(checked, text)
    raise typer.Exit(0 if checked.verdict == "verified" else SOME_FAILED)


@app.command()
def gaps(as_json: AsJson = False) -> None:
    """List the questions that found no answer, like ones together, the most asked first."""
    from qa.encoder import open_encoder
    from qa.gaps import group_gaps, read_gaps
    from qa.terminal import print_gaps

    settings = Settings.from_env(os.environ)
    groups = group_gaps(read_gaps(settings.index), open_encoder(settings.encoder))
    if as_json:
        _print_json({"groups": [asdict(group) for group in groups]})
    else:
        print_gaps(groups)


@app.command()
def calibrate(
    questions: Annotated[Path, typer.Argument(metavar="QUESTIONS.jsonl", show_default=False)],
) -> None:
    """Fit confidence and refusals to labelled questions of your own; see docs/answers.md."""
    from qa import calibrating
    from qa.confidence import write_calibration
    from qa.engine import Engine

    settings = Settings.from_env(os.environ)
    engine = Engine.open(settings)
    samples = calibrating.read_samples(engine, questions)
    fitted = calibrating.calibrate(samples, engine.calibration, pull=10.0)
    print(calibrating.format_fitted(fitted))
    print(
        f"\nwritten to {write_calibration(settings.corpus, fitted.calibration)}; delete it to undo"
    )


@app.command()
def mcp() -> None:
    """Serve one MCP client, such as a desktop assistant, over standard input and output."""
    from qa.engine import Engine
    from qa.tool_server import serve_stdio

    engine = Engine.open(Settings.from_env(os.environ))

    def current() -> Engine:
        engine.refresh()
        return engine

    serve_stdio(current)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port; 0 for any.")] = None,
) -> None:
    """Serve the HTTP interface and the web page."""
    from qa.web.serving import serve as serve_http

    settings = Settings.from_env(os.environ)
    settings = replace(
        settings, host=host or settings.host, port=settings.port if port is None else port
    )
    serve_http(settings)


@app.command()
def doctor() -> None:
    """Say what is installed, configured and indexed, and whether anything calls out."""
    from qa.doctor import examine

    wrong = 0
    for check in examine(os.environ):
        print(f"{'ok   ' if check.ok else 'WRONG'} {check.name:8} {check.text}", flush=True)
        wrong += not check.ok
    print("all is well" if not wrong else f"{wrong} to mend")
    raise typer.Exit(SOME_FAILED if wrong else 0)


def _build(settings: Settings) -> None:
    from qa.index import build_index
    from qa.terminal import progress_bar

    with progress_bar() as move:
        report = build_index(settings, move)
    print(
        f"snapshot {report.snapshot}: {report.documents} documents, {report.clauses} clauses, "
        f"{report.vectors} vectors ({report.embedded} made, {report.reused} reused), "
        f"{report.seconds:.1f} s"
    )


def _warn_of_gaps(document: Document) -> None:
    from qa.clauses import find_gaps, split_clauses

    for gap in find_gaps(document, split_clauses(document)):
        _complain(f"warning: {gap}")


def _read_draft(file: str) -> str:
    """Return the text of a file, or of standard input for -; raises CorpusError."""
    if file == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    if not Path(file).is_file():
        raise CorpusError(
            f"{file}: there is no such file; name a text file, or - for standard input"
        )
    from qa.documents import decode

    return decode(Path(file).read_bytes(), file)


def _day(text: str, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"{option} {text!r} is no date; write 2026-11-20") from error


def _readable(text: str) -> str:
    """Return an argument with a mark for each byte that was not text."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _complain_of(errors: Sequence[QAError]) -> None:
    for error in errors:
        _complain(f"error: {error}")


def _complain(line: str) -> None:
    print(line, file=sys.stderr)
