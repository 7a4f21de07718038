"""When a rule applies: read from sentences as rules really have them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from qa.catalog import load_documents
from qa.dates import Dates, read_dates, read_day
from qa.engine import Engine
from qa.index import build_index
from qa.models import Question
from qa.settings import Settings

CASES = [
    ("本条例自2020年5月1日起施行。", date(2020, 5, 1), None, ()),
    ("本办法自二〇二一年七月一日起施行。", date(2021, 7, 1), None, ()),
    (
        "本行动方案自2021年7月1日起实施，有效期至2023年12月31日。",
        date(2021, 7, 1),
        date(2023, 12, 31),
        (),
    ),
    ("本规定自2019年3月1日起施行，有效期5年。", date(2019, 3, 1), date(2024, 2, 29), ()),
    ("自2020年2月29日起试行，试行期为一年。", date(2020, 2, 29), date(2021, 2, 27), ()),
    (
        "本办法自2022年1月1日起施行。《上海市旧办法》（沪府发〔2010〕3号）同时废止。",
        date(2022, 1, 1),
        None,
        ("上海市旧办法",),
    ),
    (
        "自2018年1月1日起施行，《甲规定》和《乙规定》同时废止。",
        date(2018, 1, 1),
        None,
        ("甲规定", "乙规定"),
    ),
    ("依照《中华人民共和国立法法》制定。", None, None, ()),
    ("自公布之日起施行。", None, None, ()),
    ("自2020年13月45日起施行。", None, None, ()),
]


@pytest.mark.parametrize(("text", "effective", "expires", "repeals"), CASES)
def test_dates_of_a_text(
    text: str, effective: date | None, expires: date | None, repeals: tuple[str, ...]
) -> None:
    """Each sentence gives what a reader takes from it, and nothing else."""
    assert read_dates("某办法", text) == Dates(effective, expires, repeals)


@pytest.mark.parametrize(
    "title", ["某方案（2021－2023年）", "某方案 (2021-2023)", "某方案（2021年—2023年）"]
)
def test_a_term_in_a_title_ends_with_its_last_year(title: str) -> None:
    """A plan for 2021 to 2023 has run out when 2024 begins."""
    assert read_dates(title, "").expires == date(2023, 12, 31)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "corpus" / "documents"
    folder.mkdir(parents=True)
    (folder / "old.txt").write_text(
        "第一条　停车费每小时十元。\n\n第二条　自2015年1月1日起施行。\n", "utf-8"
    )
    (folder / "new.txt").write_text(
        "第一条　停车费每小时十五元。\n\n"
        "第二条　本办法自2022年1月1日起施行。《停车办法（试行）》同时废止。\n",
        "utf-8",
    )
    (tmp_path / "corpus" / "catalog.toml").write_text(
        '[[document]]\nid = "old"\nfile = "old.txt"\ntitle = "停车办法（试行）"\n'
        "effective = 2015-01-01\n\n"
        '[[document]]\nid = "new"\nfile = "new.txt"\ntitle = "停车办法"\n'
        "effective = 2022-01-01\n",
        "utf-8",
    )
    made = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    build_index(made, lambda *_: None)
    return made


def test_a_repealed_rule_names_its_successor(settings: Settings) -> None:
    """The newer rule says that the older is out of force; from that day it is marked so."""
    old, new = load_documents(settings.corpus)
    assert (old.repealed, old.successor, new.repealed) == (date(2022, 1, 1), "停车办法", None)
    engine = Engine.open(settings)
    assert engine.validity(old, date(2021, 12, 31)) == "in_force"
    assert engine.validity(old, date(2022, 1, 1)) == "repealed"
    answer = engine.ask(Question("停车办法（试行）第一条"))
    assert any("停车办法" in note and "废止" in note for note in answer.notes)


@pytest.mark.parametrize(("day", "first"), [(date(2026, 1, 1), "new"), (date(2016, 1, 1), "old")])
def test_the_rule_in_force_comes_first(settings: Settings, day: date, first: str) -> None:
    """Of two clauses that say the same the one that applies on the day is cited first."""
    answer = Engine.open(settings).ask(Question("停车费每小时多少钱？", as_of=day))
    assert answer.citations[0].document_id == first
    assert answer.citations[0].validity == "in_force"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20 00:00:00", "2026-11-20"),
        ("2026/1/5", "2026-01-05"),
        ("２０２６．１．５", "2026-01-05"),
        ("2026年11月20日", "2026-11-20"),
        ("20261120", "2026-11-20"),
        ("二〇二六年十一月二十日", "2026-11-20"),
        ("20 Nov 2026", "2026-11-20"),
        ("November 20th, 2026", "2026-11-20"),
        ("25/12/2026", "2026-12-25"),
        ("46346", "2026-11-20"),
        ("3/4/2026", ""),
        ("2026年11月", ""),
        ("2026-02-30", ""),
        ("明天", ""),
        ("", ""),
    ],
)
def test_a_cell_names_a_day(text: str, day: str) -> None:
    """The usual forms are read; what is no day, or could be two, is none."""
    assert str(read_day(text) or "") == day
