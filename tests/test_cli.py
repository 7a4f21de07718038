"""The command line: what it prints, how it ends, and that it never shows a traceback."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import openpyxl
import pytest

from qa import __version__, wire
from qa.batch import CHUNK
from qa.cli import main
from qa.doctor import PACKAGES, watched_sockets
from qa.documents import read_document_file
from qa.engine import Engine
from qa.models import Question
from qa.settings import PREFIX, Settings
from qa.web import views

ROOT = Path(__file__).resolve().parent.parent
REGULATIONS = ROOT / "corpus" / "documents" / "sti-center-regulations.txt"
CITED = "条例第二十五条第二款是怎么说的？"
LAW = "{0}\n\n第一条 为了鼓励种植蓝莓，制定本办法。\n第二条 种植蓝莓的，每亩补贴三百元。\n"


def environment_of(settings: Settings) -> dict[str, str]:
    return {PREFIX + one.name.upper(): str(getattr(settings, one.name)) for one in fields(settings)}


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled corpus and its index, as a user's environment names them."""
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def own_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus that may be changed: a copy of the bundled one, with no index yet."""
    shutil.copytree(ROOT / "corpus", tmp_path / "corpus")
    for name, value in environment_of(
        Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    ).items():
        monkeypatch.setenv(name, value)
    return tmp_path


def run(
    *argv: str, environ: Mapping[str, str] | None = None, **options: object
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "qa", *argv],
        env={**os.environ, **(environ or {})},
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=120,
        **options,  # type: ignore[call-overload]
    )


# Help, versions, wrong usage


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the package's version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tiaowen {__version__}\n"


def test_help_names_every_command_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` lists the sixteen commands, and so does no command at all, as wrong usage."""
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    listed = re.findall(r"^  ([a-z]+)  ", text.split("Commands:")[1], re.MULTILINE)
    assert listed == [
        *("split", "add", "remove", "faq", "index", "enrich", "ask"),
        *("search", "batch", "evaluate", "verify", "gaps", "calibrate", "mcp", "serve"),
        "doctor",
    ]
    assert main([]) == 2


def test_help_loads_nothing_heavy() -> None:
    """`--help` is instant because no library that does work is imported for it."""
    code = (
        "import sys; from qa.cli import main; main(['--help']); "
        "print(sorted(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    heavy = {"numpy", "faiss", "jieba", "fastapi", "pydantic", "openpyxl", "rich", "tokenizers"}
    assert not {name for name in heavy if f"'{name}'" in done.stderr.decode()}


@pytest.mark.parametrize(
    "argv",
    [
        ["nothing"],
        ["ask"],
        ["search", "x", "-k", "0"],
        ["search", "x", "-k", "51"],
        ["search", "x", "--as-of", "tomorrow"],
        ["ask", "x", "--language", "fr"],
        ["batch", "in.csv"],
        ["add", "a.txt", "b.txt", "--title", "both"],
        ["serve", "--port", "70000"],
    ],
)
@pytest.mark.usefixtures("environment")
def test_wrong_usage_ends_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be meant is said on stderr, with code 2 and an empty stdout."""
    assert main(argv) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err


def test_module_is_the_command() -> None:
    """`python -m qa` is `tiaowen`."""
    assert run("--version").stdout.decode().split() == ["tiaowen", __version__]


# Errors


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["split", "none.txt"], "none.txt"),
        (["ask", "  "], "the question is empty"),
        (["ask", "问" * 2001], "2000"),
        (["ask", "x", "--document", "none"], "'none'"),
        (["batch", "none.csv", "-o", "out.csv"], "none.csv: no such file"),
        (["evaluate", "none.jsonl"], "none.jsonl"),
        (["add", "none.txt"], "none.txt"),
        (["remove", "none"], "'none'"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_an_error_is_one_line(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a user can mend is one line on stderr with code 2, never a traceback."""
    assert main(argv) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert message in told.err
    assert told.out == ""


def test_a_missing_index_names_the_command_that_builds_it(
    own_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an index the message ends with the cure."""
    assert main(["ask", CITED]) == 2
    assert capsys.readouterr().err.rstrip().endswith("`tiaowen index`")


def test_an_unusable_setting_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A port that is no number is named."""
    monkeypatch.setenv("TIAOWEN_PORT", "http")
    assert main(["ask", CITED]) == 2
    assert "TIAOWEN_PORT='http'" in capsys.readouterr().err


# split


def test_split_prints_clauses_with_exact_spans(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is one clause; its text and its paragraphs' are cut where they say."""
    assert main(["split", str(REGULATIONS), "--json"]) == 0
    clauses = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    text = read_document_file(REGULATIONS).text
    for clause in clauses:
        assert list(clause) == ["key", "label", "path", "text", "start", "end", "paragraphs"]
        assert clause["text"] == text[clause["start"] : clause["end"]]
        for part in clause["paragraphs"]:
            assert part["text"] == text[part["start"] : part["end"]]
            for item in part["items"]:
                assert item["text"] == text[item["start"] : item["end"]]
    (article,) = [clause for clause in clauses if clause["key"] == "25"]
    assert (article["label"], article["path"]) == ("第二十五条", ["第三章 创新能力建设"])
    assert [part["number"] for part in article["paragraphs"]] == [1, 2, 3]


def test_split_for_people_prints_every_clause(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json the same clauses are text under their headings."""
    assert main(["split", str(REGULATIONS)]) == 0
    out = capsys.readouterr().out
    assert "第三章 创新能力建设\n" in out
    assert "第二十五条 25\n" in out


def test_split_warns_of_a_broken_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gap in the numbering is told with file and line on stderr; the clauses are printed."""
    file = tmp_path / "law.txt"
    file.write_text("第一条 甲。\n第二条 乙。\n第五条 丙。\n", "utf-8")
    assert main(["split", str(file), "--json"]) == 0
    told = capsys.readouterr()
    assert f"{file}:3: 第五条 follows 第二条" in told.err
    assert len(told.out.splitlines()) == 3


# ask and search


@pytest.mark.usefixtures("environment")
def test_ask_prints_the_answer_of_the_interface(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ask --json` is the object of `/v1/ask`, of the engine's answer."""
    assert main(["ask", CITED, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    took_ms = printed["took_ms"]
    answer = engine.ask(Question(CITED))
    assert printed == views.answer_view(answer, took_ms).model_dump(mode="json")
    assert took_ms > 0
    assert printed["citations"][0]["label"] == "第二十五条第二款"


@pytest.mark.usefixtures("environment")
def test_search_prints_the_hits_of_the_interface(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """`search --json` is the object of `/v1/search`."""
    assert main(["search", CITED, "-k", "3", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["question", "language", "hits", "took_ms"]
    assert (printed["question"], printed["language"]) == (CITED, "zh")
    hits = engine.search(Question(CITED, top_k=3))
    assert len(hits) == 3
    assert printed["hits"] == [
        views.hit_view(engine, hit, None).model_dump(mode="json") for hit in hits
    ]


@pytest.mark.parametrize("document_id", ["sti-center-regulations", "sti-center-strategy"])
def test_wire_and_web_say_the_same(engine: Engine, document_id: str) -> None:
    """A document and each of its clauses are the same JSON at the terminal and on the web."""
    document = engine.document(document_id)
    web = views.document_view(engine, document).model_dump(mode="json")
    assert wire.document_to_dict(engine, document) == web
    for clause in engine.clauses(document_id):
        web = views.clause_view(engine, clause).model_dump(mode="json")
        assert wire.clause_to_dict(engine, clause) == web


@pytest.mark.usefixtures("environment")
def test_ask_for_people_shows_answer_clause_and_quote(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status, answer, and each cited clause with title, label and quoted words."""
    assert main(["ask", CITED]) == 0
    out = capsys.readouterr().out
    answer = engine.ask(Question(CITED))
    assert out.startswith("answered 1.00\n")
    assert answer.text in out
    for citation in answer.citations:
        assert f"《{citation.title}》{citation.label}" in out
        for line in citation.quote.split("\n"):
            assert line in out


@pytest.mark.usefixtures("environment")
def test_ask_takes_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """Language, document and day go with the question."""
    limits = ["--document", "sti-center-regulations", "--as-of", "2019-01-01", "--language", "en"]
    assert main(["ask", "谁编制规划？", "--json", *limits]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["language"] == "en"
    assert {one["document_id"] for one in printed["citations"]} <= {"sti-center-regulations"}
    assert {one["validity"] for one in printed["citations"]} <= {"not_yet_effective"}


@pytest.mark.usefixtures("environment")
def test_search_in_a_pipe_is_lines_with_tabs(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each hit: rank, score, where it stands, how it begins."""
    assert main(["search", "科技成果转化", "-k", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    hits = engine.search(Question("科技成果转化", top_k=3))
    for line, hit in zip(lines, hits, strict=True):
        rank, score, place, text = line.split("\t")
        assert (rank, score) == (str(hit.rank), f"{hit.score:.3f}")
        assert hit.clause.label in place
        assert text[:10] in hit.clause.text


@pytest.mark.skipif(os.name == "nt", reason="has no pseudo-terminals")
def test_a_terminal_gets_a_table_and_a_marked_quote(settings: Settings) -> None:
    """At a terminal hits stand in a table, and the quoted words are highlighted."""
    import pty

    shown = []
    for argv in (["search", "科技成果转化"], ["ask", CITED]):
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "qa", *argv],
            env={**os.environ, **environment_of(settings), "TERM": "xterm", "COLUMNS": "100"},
            cwd=ROOT,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        told = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            told += piece
        os.close(master)
        assert process.wait(60) == 0
        shown.append(told.decode())
    assert "score" in shown[0]
    assert "\x1b[30;103m科研事业单位通过协议定价" in shown[1]


def test_output_is_utf8_on_any_machine(settings: Settings) -> None:
    """A code page that has no Chinese changes nothing."""
    environ = {**environment_of(settings), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run("ask", CITED, "--json", environ=environ)
    assert json.loads(done.stdout.decode("utf-8"))["question"] == CITED
    assert done.stderr == b""


def test_a_reader_that_goes_away_is_no_error(settings: Settings) -> None:
    """A closed pipe ends the command quietly."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "qa", "split", str(REGULATIONS), "--json"],
        env={**os.environ, **environment_of(settings)},
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


# Documents into and out of the corpus


def test_a_document_is_added_found_and_removed(
    own_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After `add` its clauses are found, after `remove` they are not; both update the index."""
    file = own_corpus / "blueberry.txt"
    file.write_text(LAW.format("蓝莓种植补贴办法"), "utf-8")
    assert main(["index"]) == 0
    assert "5 documents" in capsys.readouterr().out
    assert main(["add", str(file), "--effective", "2026-01-01"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("added blueberry: 《蓝莓种植补贴办法》\n")
    assert re.search(r"6 documents, .* reused\)", told)
    assert main(["search", "种植蓝莓补贴多少", "--json", "-k", "3"]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    (hit,) = [hit for hit in hits if hit["clause"]["id"] == "blueberry#2"]
    assert hit["document"]["effective"] == "2026-01-01"
    assert main(["remove", "blueberry"]) == 0
    assert "5 documents" in capsys.readouterr().out
    assert main(["search", "种植蓝莓补贴多少", "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert "blueberry" not in {one["document"]["id"] for one in hits}


def test_a_bad_file_among_good_ones_is_named(
    own_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The good files are added and the code is 1; with no good one it is 2."""
    good, bad = own_corpus / "good.txt", own_corpus / "bad.pdf"
    good.write_text(LAW.format("办法"), "utf-8")
    bad.write_bytes(b"%PDF-1.7")
    assert main(["add", str(bad), str(good)]) == 1
    told = capsys.readouterr()
    assert "added good" in told.out
    assert told.err.startswith(f"error: {bad}")
    assert main(["add", str(bad)]) == 2


def test_an_unchanged_corpus_is_not_encoded_again(
    own_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second `index` makes no vector."""
    assert main(["index"]) == 0
    assert re.search(r"\([1-9]\d* made,", capsys.readouterr().out)
    assert main(["index"]) == 0
    assert "(0 made," in capsys.readouterr().out


# batch


@pytest.mark.usefixtures("environment")
def test_batch_answers_a_workbook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every row has its answer, and the counts are told."""
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].append(["问题"])
    workbook.worksheets[0].append([CITED])
    workbook.save(tmp_path / "in.xlsx")
    assert main(["batch", str(tmp_path / "in.xlsx"), "-o", str(tmp_path / "out.xlsx")]) == 0
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'out.xlsx'}: 1 rows: 1 answered\n"
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert sheet["F2"].value == "answered"
    assert "第二十五条第二款" in str(sheet["D2"].value)


@pytest.mark.usefixtures("environment")
def test_batch_names_the_rows_that_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A question that cannot be asked is named with its row; the code is 1."""
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(f"q\n{'问' * 2001}\n{CITED}\n", "utf-8")
    assert main(["batch", str(source), "-o", str(target)]) == 1
    told = capsys.readouterr()
    assert "1 answered, 1 failed" in told.out
    assert told.err.startswith("failed: in, row 2: ")
    assert main(["batch", str(source), "-o", str(target), "--column", "Z"]) == 2


def test_batch_stopped_by_hand_can_go_on(settings: Settings, tmp_path: Path) -> None:
    """Ctrl-C ends with 130 and says how to go on; the rerun reuses what was answered."""
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    journal = tmp_path / "out.csv.partial.jsonl"
    with source.open("w", encoding="utf-8", newline="") as file:
        questions = [[f"第{number}批创新券怎么用？"] for number in range(20_000)]
        csv.writer(file).writerows([["问题"], *questions])
    process = subprocess.Popen(
        [sys.executable, "-m", "qa", "batch", str(source), "-o", str(target)],
        # One process, so that the rows which are answered first are the first rows.
        env={**os.environ, **environment_of(replace(settings, workers=1))},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not journal.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.decode() == "stopped; run the same command again to go on\n"
    assert not target.exists()
    done = len(journal.read_text("utf-8").splitlines())
    # Two processes answer: the chunk that is done first may be the second.
    lines = source.read_text("utf-8").splitlines(keepends=True)[: done + CHUNK + 3]
    source.write_text("".join(lines), "utf-8")
    again = run("batch", str(source), "-o", str(target), environ=environment_of(settings))
    assert f"{done} reused from a stopped run" in again.stdout.decode()
    assert not journal.exists()


# evaluate, serve, doctor


@pytest.mark.usefixtures("environment")
def test_evaluate_prints_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The figures are a table for people and one object for programs."""
    golden = (ROOT / "tests" / "golden" / "questions.jsonl").read_text("utf-8").splitlines()
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n".join(golden[:5]) + "\n", "utf-8")
    assert main(["evaluate", str(questions)]) == 0
    assert "hit@" in capsys.readouterr().out
    assert main(["evaluate", str(questions), "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_serve_answers_on_the_port_it_is_given(settings: Settings) -> None:
    """`serve --port` listens there until it is told to stop."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "qa", "serve", "--port", str(port)],
        env={**os.environ, **environment_of(settings)},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    status = 0
    deadline = time.monotonic() + 60
    while not status and process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as reply:
                status = reply.status
        except OSError:
            time.sleep(0.1)
    process.terminate()
    _, told = process.communicate(timeout=60)
    assert status == 200, told.decode()
    assert f"127.0.0.1:{port}" in told.decode()


@pytest.mark.usefixtures("environment")
def test_doctor_finds_nothing_wrong(
    settings: Settings, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Packages, settings, corpus, index and network are looked at and well."""
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "WRONG" not in out
    assert f"TIAOWEN_INDEX={settings.index} (environment)" in out
    assert f"snapshot {engine.snapshot_id}" in out
    assert "nothing calls out" in out


def test_doctor_names_what_is_wrong_and_the_cure(
    own_corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No index, an index older than the corpus, and a setting nobody knows are wrong."""
    assert main(["doctor"]) == 1
    assert re.search(r"WRONG index .*`tiaowen index`", capsys.readouterr().out)
    assert main(["index"]) == 0
    assert main(["doctor"]) == 0
    with (own_corpus / "corpus" / "documents" / REGULATIONS.name).open("a", encoding="utf-8") as f:
        f.write("\n第六十一条 本条为新增。\n")
    monkeypatch.setenv("TIAOWEN_PROT", "1")
    capsys.readouterr()
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"WRONG index .*has changed since; run `tiaowen index`", out)
    assert re.search(r"WRONG setting .*TIAOWEN_PROT", out)


def test_watched_sockets_see_who_is_called() -> None:
    """A connection elsewhere is refused and named, one to this machine is not."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with watched_sockets() as attempts:
            socket.create_connection(server.getsockname()).close()
            with pytest.raises(OSError, match=r"192\.0\.2\.1"):
                socket.create_connection(("192.0.2.1", 9), timeout=1)
            with pytest.raises(OSError, match=r"example\.invalid"):
                socket.getaddrinfo("example.invalid", 80)
    assert attempts == ["192.0.2.1", "example.invalid"]


def test_doctor_knows_every_package_that_is_needed() -> None:
    """The list is that of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {re.split(r"[\[>=<]", one)[0] for one in project["dependencies"]}
    assert set(PACKAGES) == named
