"""Workbooks in and out: nothing of the user's is lost, every row is answered or named."""

from __future__ import annotations

import base64
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as hypothesis_settings
from openpyxl.cell.cell import Cell
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.dimensions import ColumnDimension
from python_calamine import CalamineWorkbook

from qa.batch import CHUNK, FEWEST, BatchReport, answer_workbook
from qa.columns import (
    HEADINGS,
    Inputs,
    Layout,
    find_by_content,
    find_by_header,
    find_by_position,
    find_inputs,
)
from qa.crew import work_through
from qa.delimited import defuse, sniff_delimiter
from qa.engine import Engine
from qa.errors import WorkbookError
from qa.models import Answer, AnswerLanguage, Question
from qa.settings import PREFIX, Settings
from qa.sheet import Filling
from qa.workbook import read_book, write_book

ZH = list(HEADINGS["zh"])
EN = list(HEADINGS["en"])
REVENUE = "科技成果转化的收益怎么分配？"
PLAN = "科创中心建设规划由谁来编制？"
CITED = "条例第二十五条第二款是怎么说的？"
TAX = "What tax breaks do companies get for R&D?"

# 部门,问题,件数 / 科委,科技成果转化的收益怎么分配？,3 in the format of Excel 97, deflated.
OLD_XLS = (
    "c-rk(Yitx%6h3$M(b;X;ot750Xc;Rkg|?<hqBV*wEGVdbq|}IpM0VS0t!%qZTTqOTrN9poi4a2IM-xNRKStvtCi+7Y"
    "+keJrd_)rTSJ6KZjV{JVNNC6Jp1ISGn>OxNLVWa0&YXMCy?4%;dmi`P&p#`jI{S9z1<HYY$VW4Fh=LxT0P1eXAkq|X"
    "#<p#jZ7;#U3Z@m6HuS@O0id*bk+N$@(IxnALI<VsjF3s&XaIDG4p1Sm0v_Z2UOsDP@|>41EXiNIe3`#x9`^xr<6q`_"
    "8UJBmF|Y)<3>X1Mog;usfn~tuz;a*(`vlPqz#D-#0V{zkfj0whQSw(QDzO^v+f;weQogya5Yl1AV1V9V_K7q(+x`MP"
    ";w}Fq`^C4w-83kDBc4cgnb!-punq|!b(nyYZbD1Y7`PF7ler)8dlP#fpqb1@<<YyeX4d@}zpMEjA-VoNUh@reHoz}G"
    "lF{?xaTNpsu^IWVj}ny19i?kI+K?mH5Urep)5yX*F=v2=(TdZ9^bm96ROK(BaT${jSOeBjA~nUaHcr3VrYEi^Ov#rY"
    "W&SVu@wEc^^uObeWAEnM=UQieHkZF{0e;;A{Phd)L-X<ju0Hx4|D=Za%#baqk?}Dt%><d2W&BK+XNs7XX9D&fj)Nn}"
    ">OaY(kL;gLb-#ol7kDOx4kYS4Cg^*5T&DVL2MY>jWlER1z%Bi~xRHvpG8jLEW;z`dI6CwR(TsO9Rb4im!$Zd*qT_JT"
    "e}~^+g=+`Yp@Z<ec>LlikRMN-IRo-r>!1bl#euILi%6158p*NV)XOV&9^QYa_3{45p6#u{j+PUvaF~T5@TlK8p}O=6"
    ";GDH86xHN0=A=90PwB1%vb*t@GC`E`pBebv)mJZn*^+E;dV=|xx!tBU8t<7nh>=PEdR|e>?@^vxPOIrwqF6ju-PzY~"
    "4V$gj(`HAyKQU0(VfF4yC5EbF8}5j0u7IP&{&HS>qSrEG?T1*vVSdM;%tnSwO=~^v8nh49pC7G1pKV&_X`e+74B;0A"
    "KciG9>V&(-rGg&8w{?1+_Ym1J5M?U+a@BX0bA1hucO12YI9eQ4+Z=HSk*X?m&2ZaJHWX3ji5%WE*BP$8oSr~W%=R?&"
    "G}RM4(>L3bGo@Kx&}2`8Ii(&yP`fm2cDrNLtgc*DPK}Z;+rX8KKU>56P}Z2ITGA-Y>*N~gsP}1Q^ls2Oa)|E5z7p3p"
    "QP##40O*CE_v+pc3AaKEd+yXTwlD0|aE9*e+JrN7zpR;B`nrbF!|9$8bK5grR?58luKLbI(n_T)_T4RgJw1(or*;&s"
    "sTK({Ht~MX^Ie)c^2*Ow+MYCCJE2qU+IPN|yZxLBIyv5`>dR)eBM+-ObC;?$yH&k8sQl^DG*OjmH>h<k<kK!hf639#"
    "eR^)}_LauT)6l=}${Sl{s><Q*R&}nM1Pza_3-SL+a4qkD{GT~KJl`4_Cz+7beiYJ&XfGvMkG%!!U&h(Uxx3f}+^e1~"
    "a{V+8x&835Ht6uwqU8HLcd&fcNFUxY8z*h339UujFAVvG-v3N>SL4bQ_2oYNe?RI@Y5N`Uf*!Vs<cy$ZO@p&A)F}CZ"
    "0`?z=BfUN=e=8((u?`k{U}5?+F5>@J14owb{|tWs_eDHu"
)


def no_progress(done: int, total: int) -> None:
    """Take no notice."""


def answered(
    engine: Engine, source: Path, target: Path, question_column: str = ""
) -> tuple[BatchReport, list[list[str]]]:
    """Answer a workbook; return the report and what an independent reader finds first."""
    report = answer_workbook(
        engine, source, target, question_column=question_column, progress=no_progress
    )
    return report, rows_of(target)


def rows_of(path: Path, sheet: int = 0) -> list[list[str]]:
    """Read a table by a reader that the code under test does not write with."""
    if path.suffix == ".xlsx":
        rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(sheet).to_python()
        return [[str(value) for value in row] for row in rows]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf"), "Excel takes it for another encoding"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def write_csv(path: Path, rows: Sequence[Sequence[str]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def write_xlsx(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    workbook.save(path)
    return path


class Asked:
    """An engine that remembers what it was asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.snapshot_id = engine.snapshot_id
        self.settings = engine.settings
        self.find_document = engine.find_document
        self.chunks: list[list[str]] = []

    def ask_many(self, questions: Sequence[Question]) -> list[Answer]:
        """Pass the questions on."""
        self.chunks.append([question.text for question in questions])
        return self._engine.ask_many(questions)


# Tables and their encodings


def test_every_row_comes_back_in_order_with_its_answer(engine: Engine, tmp_path: Path) -> None:
    """Rows, order and other columns stay; the answer is the one the engine gives."""
    rows = [["序号", "问题", "部门"], ["1", PLAN, "科委"], ["2", CITED, "发改委"]]
    report, out = answered(engine, write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    assert [row[:3] for row in out] == rows
    assert out[0][3:] == ZH
    for row, text in zip(out[1:], (PLAN, CITED), strict=True):
        answer = engine.ask(Question(text))
        assert row[3] == answer.text
        assert row[4] == engine.ask(Question(text, language="en")).text
        assert row[5].split("\n") == [f"《{one.title}》{one.label}" for one in answer.citations]
        assert row[6] == "\n".join(one.quote for one in answer.citations)
        assert row[7] == answer.status
        assert float(row[8]) == pytest.approx(answer.confidence, abs=0.001)
    assert out[2][5].split("\n")[0] == "《上海市推进科技创新中心建设条例》第二十五条第二款"
    assert (report.rows, report.answered + report.closest + report.no_basis) == (2, 2)


def test_english_sheet_gets_english_headings_and_citations(engine: Engine, tmp_path: Path) -> None:
    """An English header gets English headings; an English question English citations."""
    source = write_csv(tmp_path / "in.csv", [["No", "Question"], ["1", "What is Article 25?"]])
    _, out = answered(engine, source, tmp_path / "out.csv")
    assert out[0] == ["No", "Question", *EN]
    assert "Article 25" in out[1][2]
    assert "第二十五条" in out[1][3]
    assert "Article 25" in out[1][4]


@pytest.mark.parametrize(
    ("encoding", "question"),
    [
        ("utf-8", PLAN),
        ("utf-8-sig", PLAN),
        ("utf-16", PLAN),
        ("gb18030", PLAN),
        ("gb18030", "新型研发机构“𠮷”可以办吗？"),
        ("big5", "科技成果轉化的收益怎麼分配？請問要向哪一個單位申請？"),
        ("cp1252", "What’s a “new type” R&D institution, and who’s responsible?"),
    ],
)
def test_delimited_text_is_read_in_the_encodings_that_excel_writes(
    engine: Engine, tmp_path: Path, encoding: str, question: str
) -> None:
    """UTF-8 with or without a mark, UTF-16, GB18030, Big5 and Windows-1252 read the same."""
    source = tmp_path / "in.csv"
    source.write_bytes(f'id,question\r\n1,"{question}"\r\n'.encode(encoding))
    _, out = answered(engine, source, tmp_path / "out.csv")
    assert out[1][:2] == ["1", question]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_delimiter_is_kept(engine: Engine, tmp_path: Path, delimiter: str, suffix: str) -> None:
    """A table comes back with the delimiter it came with, whatever its name says."""
    rows = [["编号", "问题"], ["1", PLAN], ["2", CITED]]
    source = write_csv(tmp_path / f"in{suffix}", rows, delimiter)
    answer_workbook(engine, source, tmp_path / f"out{suffix}", progress=no_progress)
    with (tmp_path / f"out{suffix}").open(encoding="utf-8-sig", newline="") as file:
        assert [row[:2] for row in csv.reader(file, delimiter=delimiter)] == rows


def test_quotes_line_breaks_and_delimiters_inside_cells_stay(
    engine: Engine, tmp_path: Path
) -> None:
    """What is quoted is one cell, in the input and in the output."""
    rows = [
        ["问题", "背景"],
        ["第一行\n创新券怎么用？", '他说"可以", 对吗;\r\n第二行'],
        [PLAN, "a,b\tc"],
    ]
    _, out = answered(engine, write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    assert [row[:2] for row in out] == rows


def test_one_column_of_questions_with_commas_stays_one_column(
    engine: Engine, tmp_path: Path
) -> None:
    """A comma inside an unquoted question of a one-column file cuts nothing."""
    source = tmp_path / "in.csv"
    questions = [PLAN, "请问, 创新券怎么用？", "Who plans, and who reports?"]
    source.write_text("\n".join(["question", *questions]) + "\n", "utf-8")
    _, out = answered(engine, source, tmp_path / "out.csv")
    assert [row[0] for row in out] == ["question", *questions]
    assert sniff_delimiter("a;b\nc;d\n") == ";"


def test_ragged_rows_lose_nothing(engine: Engine, tmp_path: Path) -> None:
    """A row longer than the header keeps its cells; the answers stand right of the longest."""
    source = tmp_path / "in.csv"
    source.write_text(f"编号,问题,备注\n1,{PLAN},x\n2,{CITED},y,多,余\n\n3,{TAX},z\n", "utf-8")
    _, out = answered(engine, source, tmp_path / "out.csv")
    assert out[2][:5] == ["2", CITED, "y", "多", "余"]
    assert out[0][5:] == [*ZH[:7], "条问备注", "变化"]
    assert set(out[3]) == {""}
    assert out[4][:2] == ["3", TAX]


@given(
    rows=strategies.lists(
        strategies.lists(
            strategies.text(
                strategies.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff"),
                max_size=8,
            ),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=6,
    )
)
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_table_of_text_comes_back_unchanged(rows: list[list[str]], tmp_path: Path) -> None:
    """Whatever the cells hold, reading and writing a table changes none of them."""
    rows = [["a", "b"], *rows]
    source, target = write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv"
    write_book(read_book(source), [Filling(0, 0, 0, (), (), (), [[]] * len(rows))], target)
    with target.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == rows


# Where the questions are


@pytest.mark.parametrize(
    ("rows", "layout"),
    [
        ([["序号", "问题"], ["1", "x"]], Layout(0, 1)),
        ([["编号", "咨询内容", "咨询时间"]], Layout(0, 1)),
        ([["提问人", "提问时间", "提问"]], Layout(0, 2)),
        ([["问题编号", "问题类型", "问题描述"]], Layout(0, 2)),
        ([["ID", " Question "]], Layout(0, 1)),
        ([["Question ID", "Question type", "Customer question"]], Layout(0, 2)),
        ([["user_query", "date"]], Layout(0, 0)),
        ([["Q", "A"]], Layout(0, 0)),
        ([["FAQ", "Answer"]], Layout(0, 0)),
        ([["您的问题（必填）", "姓名"]], Layout(0, 0)),
        ([["常见问题汇总表", ""], ["序号", "问题"], ["1", "x"]], Layout(1, 1)),
        ([["常见问题汇总", ""], ["", ""], ["填报：科委", ""], ["序号", "咨询问题"]], Layout(3, 1)),
        ([["问题"], ["创新券是什么"]], Layout(0, 0)),
        ([["Task", "Basket", "Mask"]], None),
        ([["1", "申报中遇到问题怎么办"], ["2", "创新券怎么用"]], None),
        ([["问答题库", "分数"], ["x", "1"]], None),
        ([], None),
    ],
)
def test_question_column_by_heading(rows: list[list[str]], layout: Layout | None) -> None:
    """Headings that name questions are found below titles; those about questions are not."""
    assert find_by_header(rows) == layout


@pytest.mark.parametrize(
    ("rows", "layout"),
    [
        ([["1", "创新券怎么用？"], ["2", "谁能申请"]], Layout(-1, 1)),
        ([["序号", "内容"], ["1", "创新券怎么用？"]], Layout(0, 1)),
        ([["清单", ""], ["序号", "事项"], ["1", "谁能申请？"]], Layout(1, 1)),
        ([["科委", "高新技术企业认定的条件和程序"], ["经信委", "创新券"]], Layout(-1, 1)),
        ([["How to apply?", "It is applied for at the bureau, in writing."]], Layout(-1, 0)),
        ([["1", "2"], ["3", ""]], None),
        ([], None),
    ],
)
def test_question_column_by_content(rows: list[list[str]], layout: Layout | None) -> None:
    """Without a heading, the column with the most questions or the longest texts is it."""
    assert find_by_content(rows) == layout


@pytest.mark.parametrize(
    ("name", "column"), [("A", 0), ("b", 1), ("2", 1), ("C", None), ("0", None), ("九", None)]
)
def test_question_column_by_position(name: str, column: int | None) -> None:
    """A letter or a number from 1 names a column that exists."""
    layout = find_by_position([["甲", "乙"]], name)
    assert (layout.question if layout else None) == column


@pytest.mark.parametrize("name", ["事由", "事 由（简述）", "B", "2"])
def test_named_column_is_asked(engine: Engine, tmp_path: Path, name: str) -> None:
    """A column named by heading, letter or number goes before any other."""
    rows = [["问题", "事由（简述）"], ["无关", PLAN]]
    _, out = answered(engine, write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv", name)
    assert out[1][2] == engine.ask(Question(PLAN)).text


@pytest.mark.parametrize("name", ["", "诉求"])
def test_missing_column_lists_the_headings(engine: Engine, tmp_path: Path, name: str) -> None:
    """The message names the headings there are and says how to name a column."""
    source = write_csv(tmp_path / "in.csv", [["金额", "1"], ["12", "3"]])
    if not name:
        source = write_csv(tmp_path / "in.csv", [["1", "2"], ["12", "3"]])
    with pytest.raises(WorkbookError, match=r"headings found: .*--column") as caught:
        answered(engine, source, tmp_path / "out.csv", name)
    assert ("金额" in str(caught.value)) == bool(name)


def test_every_sheet_with_questions_is_answered(engine: Engine, tmp_path: Path) -> None:
    """All sheets with a heading are answered, hidden and other sheets are left alone."""
    source = write_xlsx(
        tmp_path / "in.xlsx",
        一月=[["问题"], [PLAN]],
        说明=[["本表由科委填报"], ["怎么填？"]],
        February=[["Question"], [TAX]],
        字典=[["问题"], ["隐藏"]],
    )
    workbook = openpyxl.load_workbook(source)
    workbook["字典"].sheet_state = "hidden"
    workbook.save(source)
    report, out = answered(engine, source, tmp_path / "out.xlsx")
    assert report.rows == 2
    assert out[0] == ["问题", *ZH]
    assert rows_of(tmp_path / "out.xlsx", 1) == [["本表由科委填报"], ["怎么填？"]]
    assert rows_of(tmp_path / "out.xlsx", 2)[0] == ["Question", *EN]
    assert rows_of(tmp_path / "out.xlsx", 3) == [["问题"], ["隐藏"]]


def test_first_sheet_with_text_is_taken_where_no_heading_tells(
    engine: Engine, tmp_path: Path
) -> None:
    """Without any heading only the first sheet with questions is answered, no header made up."""
    source = write_xlsx(tmp_path / "in.xlsx", 空=[], 甲=[[1, PLAN], [2, CITED]], 乙=[[TAX]])
    report, _ = answered(engine, source, tmp_path / "out.xlsx")
    out = rows_of(tmp_path / "out.xlsx", 1)
    assert [row[1] for row in out] == [PLAN, CITED]
    assert out[1][2] == engine.ask(Question(CITED)).text
    assert rows_of(tmp_path / "out.xlsx", 2) == [[TAX]]
    assert report.rows == 2


def test_two_sheets_of_questions_do_not_fit_into_a_csv(engine: Engine, tmp_path: Path) -> None:
    """A file that holds one table is refused before anything is asked."""
    source = write_xlsx(tmp_path / "in.xlsx", 甲=[["问题"], [PLAN]], 乙=[["问题"], [TAX]])
    with pytest.raises(WorkbookError, match=r"2 sheets have questions \(甲, 乙\)"):
        answered(engine, source, tmp_path / "out.csv")


# What belongs to others


def styled_workbook(path: Path) -> Path:
    """A workbook such as people keep: title, styles, formulas, chart, grouped columns."""
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "清单"
    sheet.merge_cells("A1:H1")
    sheet["A1"] = "常见问题汇总"
    sheet.append(["序号", "问题", "字数"])
    sheet.append([1, PLAN, "=LEN(B3)"])
    sheet.append([2, CITED, "=SUM(A3:A4)"])
    sheet["B2"].font = Font(bold=True, color="FF0000")
    sheet["B3"].fill = PatternFill("solid", start_color="FFFF00")
    sheet["A3"].number_format = "000"
    sheet.column_dimensions["B"].width = 44
    sheet.row_dimensions[2].height = 33
    sheet.freeze_panes = "C3"
    sheet.auto_filter.ref = "A2:C4"
    sheet.column_dimensions["D"] = ColumnDimension(
        sheet, index="D", min=4, max=16384, hidden=True, width=9
    )
    other = workbook.create_sheet("统计")
    for number in range(1, 4):
        other.append([f"{number}月", number])
    chart = BarChart()
    chart.add_data(Reference(other, min_col=2, min_row=1, max_row=3))
    other.add_chart(chart, "D2")
    workbook.create_sheet("参数").sheet_state = "hidden"
    workbook.save(path)
    return path


def style_of(cell: Cell) -> str:
    return repr((cell.font, cell.fill, cell.border))


def test_styles_formulas_chart_and_other_sheets_stay(engine: Engine, tmp_path: Path) -> None:
    """An .xlsx is filled in place: only our columns are new."""
    source = styled_workbook(tmp_path / "in.xlsx")
    answered(engine, source, tmp_path / "out.xlsx")
    before, after = openpyxl.load_workbook(source), openpyxl.load_workbook(tmp_path / "out.xlsx")
    old, new = before["清单"], after["清单"]
    for row in old.iter_rows(max_col=3):
        for cell in row:
            kept = new[cell.coordinate]
            assert (kept.value, kept.number_format) == (cell.value, cell.number_format)
            assert style_of(kept) == style_of(cell)
    assert new["C3"].data_type == "f"
    assert [str(one) for one in new.merged_cells.ranges] == ["A1:H1"]
    assert new.column_dimensions["B"].width == 44
    assert new.row_dimensions[2].height == 33
    assert (new.freeze_panes, new.auto_filter.ref) == ("C3", "A2:C4")
    assert after.sheetnames == [*before.sheetnames, "汇总"]
    assert after["参数"].sheet_state == "hidden"
    assert len(after["统计"]._charts) == 1
    assert [cell.value for cell in new[2]][3:] == ZH


def test_answer_columns_are_seen_and_dressed_like_the_questions(
    engine: Engine, tmp_path: Path
) -> None:
    """Our columns are shown, wide and wrapped even where the empty ones were hidden."""
    answered(engine, styled_workbook(tmp_path / "in.xlsx"), tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["清单"]
    shown = {key: one for key, one in sheet.column_dimensions.items() if not one.hidden}
    assert set(shown) == set("BDEFGHIJKL")
    assert shown["D"].width >= 50
    rest = sheet.column_dimensions["M"]
    assert (rest.min, rest.max, rest.hidden) == (13, 16384, True)
    assert style_of(sheet["D2"]) == style_of(sheet["B2"])
    assert style_of(sheet["D3"]) == style_of(sheet["B3"])
    assert sheet["D3"].alignment.wrap_text
    assert sheet.row_dimensions[3].height > 15


def test_formula_of_a_question_is_read_by_its_stored_result(engine: Engine, tmp_path: Path) -> None:
    """A question that a formula makes is asked as last shown; without a result it fails by name."""
    source = write_xlsx(
        tmp_path / "plain.xlsx", 甲=[["问题"], ['=CONCATENATE("x")'], ['=CONCATENATE("y")']]
    )
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(tmp_path / "in.xlsx", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                before = rb'<c r="A2"><f>CONCATENATE\("x"\)</f><v ?(/>|></v>)</c>'
                after = f'<c r="A2" t="str"><f>CONCATENATE("x")</f><v>{PLAN}</v></c>'
                data, count = re.subn(before, after.encode(), data)
                assert count == 1
            new.writestr(name, data)
    report, out = answered(engine, tmp_path / "in.xlsx", tmp_path / "out.xlsx")
    assert out[1][1] == engine.ask(Question(PLAN)).text
    assert [(one.row, "Excel" in one.reason) for one in report.failed] == [(3, True)]
    assert out[2][5] == "failed"
    formulas = openpyxl.load_workbook(tmp_path / "out.xlsx")["甲"]
    assert formulas["A2"].value == '=CONCATENATE("x")'


def test_answers_of_others_are_never_overwritten(engine: Engine, tmp_path: Path) -> None:
    """A filled column named 答案 stays as it is; an empty one is what we fill."""
    rows = [["问题", "答案", "备注"], [PLAN, "人工答案", ""], [CITED, "", ""]]
    _, out = answered(engine, write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    assert [row[1] for row in out] == ["答案", "人工答案", ""]
    assert out[0] == ["问题", "答案", "备注", "条问答案", *ZH[1:7], "变化"]
    assert out[1][3] == engine.ask(Question(PLAN)).text


@pytest.mark.parametrize("header", [["问题", "答案"], ["No", "question", "Note"], []])
def test_an_answered_workbook_is_refilled(
    engine: Engine, tmp_path: Path, header: list[str]
) -> None:
    """The output as input gets the same columns again, not nine more; no answer has changed."""
    rows = [["1", PLAN, "甲"], ["2", CITED, "乙"]]
    if header[:1] == ["问题"]:
        rows = [[PLAN, "甲"], [CITED, "乙"]]
    table = [header, *rows] if header else rows
    first, second = tmp_path / "first.xlsx", tmp_path / "second.xlsx"
    source = write_xlsx(tmp_path / "in.xlsx", 甲=table)
    _, once = answered(engine, source, first)
    _, twice = answered(engine, first, second)
    width = len(table[0]) + len(ZH)
    once = [[*row, *[""] * (width - len(row))] for row in once]
    assert [row[: width - 1] for row in twice] == [row[: width - 1] for row in once]
    assert {len(row) for row in twice} == {width}
    assert {row[-1] for row in twice[bool(header) :]} == {"unchanged" if "No" in header else "未变"}
    language: AnswerLanguage = "en" if "No" in header else "zh"
    assert once[-1][len(table[0])] == engine.ask(Question(CITED, language=language)).text


def test_merged_answer_cells_take_each_its_own_answer(engine: Engine, tmp_path: Path) -> None:
    """An empty 答案 column whose cells are merged over rows still holds every answer."""
    source = write_xlsx(tmp_path / "in.xlsx", 甲=[["问题", "答案"], [PLAN, None], [CITED, None]])
    workbook = openpyxl.load_workbook(source)
    workbook["甲"].merge_cells("B2:B3")
    workbook.save(source)
    _, out = answered(engine, source, tmp_path / "out.xlsx")
    assert [row[1] for row in out[1:]] == [
        engine.ask(Question(text)).text for text in (PLAN, CITED)
    ]


def test_what_a_file_cannot_keep_is_named(engine: Engine, tmp_path: Path) -> None:
    """Macros that are lost on saving, and sheets that a .csv has no room for, are told."""
    source = write_xlsx(tmp_path / "in.xlsx", 甲=[["问题"], [PLAN]], 乙=[["x"]])
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    assert answered(engine, source, tmp_path / "out.xlsx")[0].lost == ("macros",)
    assert answered(engine, source, tmp_path / "out.csv")[0].lost == ("the other sheets",)


def test_a_workbook_with_odd_styles_is_answered_without_them(
    engine: Engine, tmp_path: Path
) -> None:
    """A file that Excel forgives and openpyxl does not is read by its values, and that is told."""
    plain = write_xlsx(tmp_path / "plain.xlsx", 甲=[["问题"], [PLAN]])
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(tmp_path / "in.xlsx", "w") as new:
        for name in old.namelist():
            data = old.read(name).replace(b'<family val="2"', b'<family val="99"')
            new.writestr(name, data)
    report, out = answered(engine, tmp_path / "in.xlsx", tmp_path / "out.xlsx")
    assert report.lost == ("styles", "formulas")
    assert out[1][:2] == [PLAN, engine.ask(Question(PLAN)).text]


# Formulas that are none


DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")']


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_answer_is_ever_run_as_a_formula(tmp_path: Path, text: str) -> None:
    """A text of ours that looks like a formula is text in .xlsx and quoted in .csv."""
    source = write_csv(tmp_path / "in.csv", [["问题", "别人的"], ["a", "=2+2"]])
    filling = Filling(0, 0, 0, (2,), ("答案",), (20,), [[text]])
    write_book(read_book(source), [filling], tmp_path / "out.csv")
    write_book(read_book(source), [filling], tmp_path / "out.xlsx")
    assert rows_of(tmp_path / "out.csv")[1] == ["a", "=2+2", "'" + text]
    cell = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]["C2"]
    assert (cell.data_type, cell.quotePrefix) == ("s", True)
    assert str(cell.value).strip() == text.strip()


@given(strategies.text())
def test_defused_text_never_starts_a_formula(text: str) -> None:
    """Whatever an answer says, its first letter starts no formula."""
    assert not defuse(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert defuse(text).removeprefix("'") == text.removeprefix("'")


def test_other_peoples_text_that_looks_like_a_formula_stays_text(
    engine: Engine, tmp_path: Path
) -> None:
    """A .csv cell =1+1 becomes no formula on its way into an .xlsx."""
    source = write_csv(tmp_path / "in.csv", [["问题", "编码"], [PLAN, "=1+1"], [TAX, "007"]])
    answered(engine, source, tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert [(sheet[at].value, sheet[at].data_type) for at in ("B2", "B3")] == [
        ("=1+1", "s"),
        ("007", "s"),
    ]


def test_control_characters_and_endless_cells_do_not_stop_a_workbook(tmp_path: Path) -> None:
    """What Excel cannot hold is left out or cut, and the file can be read."""
    source = write_csv(tmp_path / "in.csv", [["问题"], ["a\x0bb"]])
    filling = Filling(0, 0, 0, (1,), ("答案",), (20,), [["长" * 40_000]])
    write_book(read_book(source), [filling], tmp_path / "out.xlsx")
    question, answer = rows_of(tmp_path / "out.xlsx")[1]
    assert (question, len(answer), answer[-1]) == ("ab", 32_767, "…")


# Rows without an answer


def test_empty_rows_and_failed_rows_stay_in_their_place(engine: Engine, tmp_path: Path) -> None:
    """An empty question gets no answer, a too long one a reason, and the run goes on."""
    long = "问" * (engine.settings.max_question_chars + 1)
    rows = [["问题", "号"], [PLAN, "1"], ["", "2"], ["　 ", "3"], [long, "4"], [CITED, "5"]]
    source = write_xlsx(tmp_path / "in.xlsx", 甲=rows)
    report, out = answered(engine, source, tmp_path / "out.xlsx")
    assert [row[1] for row in out] == ["号", "1", "2", "3", "4", "5"]
    assert [row[6] for row in out[2:5]] == ["", "", "failed"]
    assert "more than" in out[4][8]
    assert out[5][2] == engine.ask(Question(CITED)).text
    assert (report.rows, report.empty) == (5, 2)
    assert [(one.sheet, one.row) for one in report.failed] == [("甲", 5)]
    assert report.answered + report.closest + report.no_basis == 2


def test_equal_questions_are_asked_once_in_chunks(engine: Engine, tmp_path: Path) -> None:
    """Duplicates cost nothing and have the same answer; a chunk is never larger than 64."""
    texts = [f"创新券怎么用？{number % 70}" for number in range(140)]
    source = write_csv(tmp_path / "in.csv", [["问题"], *([text] for text in texts)])
    asked, steps = Asked(engine), []
    answer_workbook(
        asked,  # type: ignore[arg-type]
        source,
        tmp_path / "out.csv",
        progress=lambda done, total: steps.append((done, total)),
    )
    assert [len(chunk) for chunk in asked.chunks] == [CHUNK, 70 - CHUNK]
    assert steps == [(0, 140), (128, 140), (140, 140)]
    out = rows_of(tmp_path / "out.csv")
    assert [row[1:] for row in out[1:71]] == [row[1:] for row in out[71:]]


def test_header_without_rows_is_answered_with_no_rows(engine: Engine, tmp_path: Path) -> None:
    """A table that has a heading and nothing below gets its columns and no answer."""
    source = write_csv(tmp_path / "in.csv", [["编号", "问题"]])
    report, out = answered(engine, source, tmp_path / "out.csv")
    assert (report.rows, out) == (0, [["编号", "问题", *ZH]])


# A run that is stopped

RUN = """
import os, signal, sys
from pathlib import Path
from qa.batch import answer_workbook
from qa.engine import Engine
from qa.settings import Settings

def progress(done, total):
    if done >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

engine = Engine.open(Settings.from_env(os.environ))
answer_workbook(engine, Path(sys.argv[1]), Path(sys.argv[2]), progress=progress)
"""


def environment_of(settings: Settings) -> dict[str, str]:
    made = {PREFIX + one.name.upper(): str(getattr(settings, one.name)) for one in fields(settings)}
    return {**os.environ, **made}


@pytest.fixture
def killed(settings: Settings, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A run over 200 questions that was killed after the second chunk."""
    rows = [["问题"], *([f"第{number}批创新券怎么用？"] for number in range(200))]
    source, target = write_csv(tmp_path / "in.csv", rows), tmp_path / "out.xlsx"
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(source), str(target), str(2 * CHUNK)],
        env=environment_of(settings),
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    return source, target, tmp_path / "out.xlsx.partial.jsonl"


def test_a_killed_run_goes_on_where_it_was(
    engine: Engine, killed: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    """After kill -9 no target is there; the rerun asks the rest and equals a run in one go."""
    source, target, journal = killed
    assert not target.exists()
    assert len(journal.read_text("utf-8").splitlines()) == 2 * CHUNK
    asked = Asked(engine)
    report = answer_workbook(asked, source, target, progress=no_progress)  # type: ignore[arg-type]
    assert report.reused == 2 * CHUNK
    assert sum(map(len, asked.chunks)) == 200 - 2 * CHUNK
    _, whole = answered(engine, source, tmp_path / "whole.xlsx")
    assert rows_of(target) == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.xlsx", "whole.xlsx"]


def test_a_line_cut_short_is_asked_again(engine: Engine, killed: tuple[Path, Path, Path]) -> None:
    """A journal that ends in the middle of a line is read up to there."""
    source, target, journal = killed
    journal.write_bytes(journal.read_bytes()[:-20] + b"\xff")
    report = answer_workbook(engine, source, target, progress=no_progress)
    assert report.reused == 2 * CHUNK - 1
    assert (report.rows, report.failed) == (200, ())


def test_answers_of_another_snapshot_are_not_reused(
    engine: Engine, killed: tuple[Path, Path, Path]
) -> None:
    """Once the index has changed, what an older one answered does not count."""
    source, target, journal = killed
    lines = [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
    journal.write_text(
        "".join(json.dumps({**line, "snapshot": "older"}) + "\n" for line in lines), "utf-8"
    )
    assert answer_workbook(engine, source, target, progress=no_progress).reused == 0
    assert not journal.exists()


def test_a_target_is_replaced_whole(engine: Engine, tmp_path: Path) -> None:
    """What stood there before is there until all is written, and then is gone."""
    source = write_csv(tmp_path / "in.csv", [["问题"], [PLAN]])
    target = tmp_path / "out.csv"
    target.write_text("old", "utf-8")
    seen: list[str] = []
    answer_workbook(
        engine, source, target, progress=lambda *_: seen.append(target.read_text("utf-8"))
    )
    assert set(seen) == {"old"}
    assert rows_of(target)[0] == ["问题", *ZH]


# What else a row says


def test_a_row_says_language_documents_and_day(engine: Engine, tmp_path: Path) -> None:
    """Each row is asked with its own limits, as the engine answers when it is asked so."""
    topic = "科技成果转化专项资金"
    plan = "tech-transfer-action-plan"
    rows = [
        ["问题", "语言", "文件", "适用日期"],
        [topic, "", "行动方案", "2022年1月1日"],
        [topic, "英文", f"{plan}；科创条例", ""],
        [topic, "zh", "《上海市推进科技创新中心建设条例》", "2026/1/1"],
        [topic, "", "", ""],
    ]
    _, out = answered(engine, write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    law = "sti-center-regulations"
    asked = [
        Question(topic, documents=(plan,), as_of=date(2022, 1, 1)),
        Question(topic, documents=(plan, law), language="en"),
        Question(topic, documents=(law,), as_of=date(2026, 1, 1), language="zh"),
        Question(topic),
    ]
    for row, question in zip(out[1:], asked, strict=True):
        answer = engine.ask(question)
        text = row[5] if answer.language == "en" else row[4]
        assert (text, row[8]) == (answer.text, answer.status)
        assert row[11] == "\n".join(answer.notes)
    assert "到期" not in out[1][11]


def test_excel_dates_are_read_as_days(engine: Engine, tmp_path: Path) -> None:
    """A date cell counts as its day: a rule that expired in 2023 is in force in 2022."""
    topic = "科技成果转化专项资金"
    rows = [
        ["Question", "Document", "As of"],
        [topic, "tech-transfer-action-plan", datetime(2022, 1, 1)],
        [topic, "tech-transfer-action-plan", datetime(2026, 1, 1)],
    ]
    _, out = answered(engine, write_xlsx(tmp_path / "in.xlsx", 甲=rows), tmp_path / "out.xlsx")
    assert ["expired" in row[10] or "到期" in row[10] for row in out[1:]] == [False, True]


def test_what_a_row_says_wrongly_is_its_reason(engine: Engine, tmp_path: Path) -> None:
    """An unknown document, language or day fails its own row, by name; others are answered."""
    rows = [
        ["问题", "语言", "文件", "截至日期"],
        [PLAN, "法语", "", ""],
        [PLAN, "", "没有的办法", ""],
        [PLAN, "", "", "3/4/2026"],
        [PLAN, "", "", ""],
    ]
    report, out = answered(engine, write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    assert [row[8] for row in out[1:]] == ["failed", "failed", "failed", "answered"]
    for row, said in zip(out[1:4], ("法语", "没有的办法", "3/4/2026"), strict=True):
        assert f"“{said}”" in row[10]
    assert [one.row for one in report.failed] == [2, 3, 4]


@pytest.mark.parametrize(
    ("header", "inputs"),
    [
        (["问题", "日期", "截止日期", "文件编号", "语言要求"], Inputs()),
        (["问题", "提问日期", "适用日期"], Inputs(as_of=2)),
        (["Question", "Date", "As-of date", "Language", "Document"], Inputs(3, 4, 2)),
        (["问题", "文件", "文件"], Inputs()),
        (["文件", "问题"], Inputs(documents=0)),
    ],
)
def test_only_plain_headings_are_taken_for_limits(header: list[str], inputs: Inputs) -> None:
    """An ordinary 日期 is nobody's as-of date, and two columns of one kind are none."""
    layout = find_by_header([header])
    assert layout is not None
    assert find_inputs([header], layout) == inputs


def test_rows_without_an_answer_say_why(engine: Engine, tmp_path: Path) -> None:
    """closest and no_basis have a reason in the language of the sheet, answered has none."""
    rows = [["Question"], ["What is Article 25?"], ["How is the weather today?"], [TAX]]
    _, out = answered(engine, write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    for row in out[1:]:
        assert (row[7] == "") == (row[5] == "answered"), row
    assert {row[5] for row in out[1:]} > {"answered"}
    assert all(row[7].isascii() for row in out[1:])


def test_citations_lead_to_the_clause(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    """With a public address a citation is a link in .xlsx, and is spelled out in .csv."""
    public = Engine.open(replace(settings, public_url="https://faq.example/"))
    source = write_csv(tmp_path / "in.csv", [["问题"], [CITED], ["今天天气？"]])
    url = "https://faq.example" + engine.ask(Question(CITED)).citations[0].url
    answered(public, source, tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert sheet["D2"].hyperlink.target == url
    assert str(sheet["D2"].value).startswith("《")
    assert sheet["D3"].hyperlink is None
    _, out = answered(public, source, tmp_path / "out.csv")
    assert out[1][3].split("\n")[0].endswith(" " + url)
    answered(engine, tmp_path / "out.xlsx", tmp_path / "again.xlsx")
    again = openpyxl.load_workbook(tmp_path / "again.xlsx").worksheets[0]
    assert again["D2"].hyperlink is None


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_second_run_says_what_has_changed(engine: Engine, tmp_path: Path, suffix: str) -> None:
    """Answered again: unchanged, another answer, or new; a first run says nothing."""
    source = write_csv(tmp_path / "in.csv", [["问题"], [PLAN], [CITED], [""]])
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    _, once = answered(engine, source, first)
    assert {row[9] for row in once[1:] if len(row) > 9} <= {""}
    if suffix == ".csv":
        once[2][1] = "以前的答案"
        once[3][0] = REVENUE
        write_csv(first, once)
    else:
        workbook = openpyxl.load_workbook(first)
        workbook.worksheets[0]["B3"], workbook.worksheets[0]["A4"] = "以前的答案", REVENUE
        workbook.save(first)
    _, twice = answered(engine, first, second)
    assert [row[9] for row in twice] == ["变化", "未变", "答案有变", "新增"]
    assert twice[2][1] == engine.ask(Question(CITED)).text


# The summary


def test_the_summary_counts_and_leads_to_rows_that_need_a_person(
    engine: Engine, tmp_path: Path
) -> None:
    """Counts are those of the rows, each other row is linked, and a chart is there."""
    long = "问" * (engine.settings.max_question_chars + 1)
    rows = [["问题"], [PLAN], ["今天天气怎么样？"], [""], [long], [CITED]]
    source = write_xlsx(tmp_path / "in.xlsx", **{"科委's": rows})
    report, out = answered(engine, source, tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["汇总"]
    said = {row[0]: row[1] for row in sheet.iter_rows(max_row=12, max_col=2, values_only=True)}
    statuses = Counter(row[5] for row in out[1:])
    for status, label in (("answered", "已回答 answered"), ("no_basis", "无依据 no_basis")):
        assert said[label] == statuses[status]
    assert (said["空行"], said["无法回答 failed"]) == (1, 1)
    assert said["读入行数"] == said["写出行数"] == report.rows == 5
    assert said["索引快照"] == engine.snapshot_id
    assert len(sheet._charts) == 1
    listed = [row for row in sheet.iter_rows(min_row=18) if row[0].value]
    assert [row[0].value for row in listed] == ["科委's!A3", "科委's!A5"]
    assert listed[0][0].hyperlink.location == "'科委''s'!A3"
    assert [row[1].value for row in listed] == [out[2][5], "failed"]


def test_the_summary_is_refreshed_and_never_answered(engine: Engine, tmp_path: Path) -> None:
    """A second run has one summary, in its place; somebody's own 汇总 stays as it is."""
    source = write_xlsx(tmp_path / "in.xlsx", 汇总=[["别人的"]], 甲=[["问题"], [PLAN]])
    answered(engine, source, tmp_path / "first.xlsx")
    report, _ = answered(engine, tmp_path / "first.xlsx", tmp_path / "second.xlsx")
    again = openpyxl.load_workbook(tmp_path / "second.xlsx")
    assert again.sheetnames == ["汇总", "甲", "条问汇总"]
    assert again["汇总"]["A1"].value == "别人的"
    assert report.rows == 1


def test_a_row_that_is_lost_is_told(tmp_path: Path) -> None:
    """A file of fewer or more rows than were read is not kept."""
    source = write_csv(tmp_path / "in.csv", [["问题"], ["a"], ["b"]])
    book = read_book(source)
    write_csv(source, [["问题"], ["a"]])
    filling = Filling(0, 0, 0, (1,), ("答案",), (20,), [["x"], ["y"]])
    with pytest.raises(WorkbookError, match="3 rows went in and 2 came out"):
        write_book(book, [filling], tmp_path / "out.csv")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.csv"]


# Many rows


def test_two_processes_answer_as_one_does(engine: Engine, tmp_path: Path) -> None:
    """The rows come back the same, in their order, each once."""
    rows = [["问题"], *([f"第{number}批创新券怎么用？"] for number in range(FEWEST + 40))]
    source = write_csv(tmp_path / "in.csv", rows)
    _, one = answered(engine, source, tmp_path / "one.csv")
    answer_workbook(engine, source, tmp_path / "two.csv", progress=no_progress, workers=2)
    assert rows_of(tmp_path / "two.csv") == one


def test_a_worker_that_dies_loses_nothing() -> None:
    """Its chunk is worked by the caller; the others go on."""
    parent = os.getpid()

    def work(chunk: int) -> int:
        if chunk == 3 and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return chunk * chunk

    found = dict(work_through(work, iter(range(20)), 2))
    assert found == {number: number * number for number in range(20)}


def test_workers_end_with_the_process_that_started_them() -> None:
    """After kill -9 of the caller no worker is left."""
    code = (
        "import os, time\n"
        "from qa.crew import work_through\n"
        "def work(n):\n    time.sleep(0.2); return os.getpid()\n"
        "for _, pid in work_through(work, iter(range(100)), 2): print(pid, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent
    )
    assert process.stdout is not None
    with process:
        workers = {int(process.stdout.readline()) for _ in range(6)}
        process.kill()
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(map(_is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_alive, workers))


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_large_table_takes_no_more_memory_than_a_small_one(
    engine: Engine, tmp_path: Path
) -> None:
    """Of 25,000 rows more, 31 MB, only what tells equal questions apart is held."""
    peaks = []
    for count in (5_000, 30_000):
        rows = [["编号", "问题", "背景"], *([str(n), PLAN, "背景" * 200] for n in range(count))]
        source = write_csv(tmp_path / f"{count}.csv", rows)
        del rows
        tracemalloc.start()
        report = answer_workbook(engine, source, tmp_path / f"out{count}.csv", progress=no_progress)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert report.rows == count
    assert peaks[1] - peaks[0] < 1_000_000


# What cannot be read or written


def test_an_old_workbook_is_read(engine: Engine, tmp_path: Path) -> None:
    """An .xls is read, and answered into .xlsx or .csv; that its styles are lost is told."""
    source = tmp_path / "in.xls"
    source.write_bytes(zlib.decompress(base64.b85decode(OLD_XLS)))
    for name in ("out.xlsx", "out.csv"):
        report, out = answered(engine, source, tmp_path / name)
        assert out[0] == ["部门", "问题", "件数", *ZH]
        assert out[1][1] == REVENUE
        assert float(out[1][2]) == 3
        assert report.lost == (("styles", "formulas") if name == "out.xlsx" else ())


def word_document() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    return file.getvalue()


def empty_workbook() -> bytes:
    file = BytesIO()
    openpyxl.Workbook().save(file)
    return file.getvalue()


OLE = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(504)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("in.xlsx", OLE, "password"),
        ("in.xls", OLE, "password"),
        ("in.xlsx", b"question\nwhat?\n", "not a workbook"),
        ("in.xls", b"<html><table></table></html>", "not a workbook"),
        ("in.xlsx", b"PK\x03\x04 and then nothing", "not a workbook"),
        ("in.xlsx", word_document(), "not a workbook"),
        ("in.xlsx", empty_workbook(), "empty"),
        ("in.xlsx", b"", "not a workbook"),
        ("in.csv", b"", "empty"),
        ("in.csv", b" ,\r\n,\r\n", "empty"),
        ("in.csv", b"q\0\x01\x02\xff\xfe\x81", "CSV UTF-8"),
        ("in.csv", b"\xff\xfe\x00\xd8\x00", "CSV UTF-8"),
        ("in.csv", '问题,号\n"没有收尾？,1\n乙,2\n'.encode(), r"in\.csv:2: .*never closes"),
        ("in.ods", b"x", "not a workbook"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(
    engine: Engine, tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    """Each kind of unreadable file is named with its reason, and nothing is left behind."""
    source = tmp_path / name
    source.write_bytes(data)
    with pytest.raises(WorkbookError, match=message) as caught:
        answered(engine, source, tmp_path / "out.xlsx")
    assert str(source) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("none.csv", "out.csv", "no such file"),
        ("in.csv", "nowhere/out.csv", "does not exist"),
        ("in.csv", "in.csv", "would replace the questions"),
        ("in.csv", "./folder/../in.csv", "would replace the questions"),
        ("in.csv", "link.csv", "would replace the questions"),
        ("in.csv", "folder.csv", "is a folder"),
        ("in.csv", "out.pdf", r"\.xlsx, \.csv, \.tsv"),
        ("in.csv", "out", r"\.xlsx, \.csv, \.tsv"),
    ],
)
def test_targets_that_cannot_be_written_are_refused_first(
    engine: Engine, tmp_path: Path, source: str, target: str, message: str
) -> None:
    """No question is asked for a target that can never be written."""
    write_csv(tmp_path / "in.csv", [["问题"], [PLAN]])
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.csv").mkdir()
    os.link(tmp_path / "in.csv", tmp_path / "link.csv")
    asked = Asked(engine)
    with pytest.raises(WorkbookError, match=message):
        answer_workbook(
            asked,  # type: ignore[arg-type]
            tmp_path / source,
            tmp_path / target,
            progress=no_progress,
        )
    assert asked.chunks == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_refused_first(
    engine: Engine, tmp_path: Path
) -> None:
    """The message names the folder."""
    source = write_csv(tmp_path / "in.csv", [["问题"], [PLAN]])
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(WorkbookError, match="cannot be written to"):
        answered(engine, source, tmp_path / "closed" / "out.csv")
