"""Questions without an answer: kept one to a line, by many processes, and grouped by meaning."""

from __future__ import annotations

import json
import multiprocessing
from datetime import date
from pathlib import Path

from qa.encoder import EMBEDDED, open_encoder
from qa.gaps import FILE, group_gaps, keep_gap, read_gaps
from qa.models import Answer, Status


def _answer(question: str, status: Status = "no_basis") -> Answer:
    return Answer(question, "zh", status, 0.1, "")


def _keep_many(folder: Path, name: str) -> None:
    for n in range(200):
        keep_gap(folder, _answer(f"{name} {n}" + "长" * 300))


def test_processes_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Two processes write 200 lines each at once; all 400 are there and whole."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_keep_many, args=(tmp_path, name)) for name in "ab"]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    lines = (tmp_path / FILE).read_text("utf-8").splitlines()
    assert len({json.loads(line)["question"] for line in lines}) == 400


def test_answered_questions_are_not_kept(tmp_path: Path) -> None:
    """Only what found no answer is a gap."""
    keep_gap(tmp_path, _answer("甲", "answered"))
    keep_gap(tmp_path, _answer("乙\n第二行", "closest"), date(2026, 1, 2))
    (gap,) = read_gaps(tmp_path)
    assert (gap.question, gap.day, gap.status) == ("乙 第二行", "2026-01-02", "closest")
    assert set(json.loads((tmp_path / FILE).read_text("utf-8"))) == {
        "day",
        "question",
        "status",
        "nearest",
    }


def test_a_broken_line_is_left_out(tmp_path: Path) -> None:
    """What a crash cut short costs that line and no other."""
    keep_gap(tmp_path, _answer("甲"))
    with (tmp_path / FILE).open("a", encoding="utf-8") as file:
        file.write('{"day": "20')
    assert [gap.question for gap in read_gaps(tmp_path)] == ["甲"]


def test_like_questions_are_one_group(tmp_path: Path) -> None:
    """Two wordings of one matter stand together, the most asked matter first."""
    for text in ("产假有多少天？", "女职工产假能休多少天", "产假有多少天？", "地铁票价是多少？"):
        keep_gap(tmp_path, _answer(text))
    groups = group_gaps(read_gaps(tmp_path), open_encoder(EMBEDDED))
    assert [(one.count, len(one.questions)) for one in groups] == [(3, 2), (1, 1)]
    assert group_gaps([], open_encoder(EMBEDDED)) == []


def test_a_folder_that_cannot_be_written_costs_no_answer(tmp_path: Path) -> None:
    """The note is dropped, nothing is raised."""
    keep_gap(tmp_path / "nowhere", _answer("甲"))
    assert read_gaps(tmp_path / "nowhere") == []
