"""Files of every kind, made from a text that is known: every article comes out as it went in."""

from __future__ import annotations

import zipfile
from pathlib import Path

import docx
import openpyxl
import pytest
from conftest import CORPUS
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas

from qa.catalog import load_documents
from qa.clauses import split_clauses
from qa.documents import read_document_file
from qa.errors import CorpusError
from qa.gathering import gather_files
from qa.models import Clause
from qa.readers.pdf import without_furniture
from qa.readers.rows import row_lines

REGULATIONS = load_documents(CORPUS)[0]
ARTICLES = [one for one in split_clauses(REGULATIONS) if one.label.startswith("第")]
LINES = REGULATIONS.text.split("\n")


def _told(clause: Clause) -> tuple[str, str, tuple[str, ...], list[str]]:
    """Return what must be the same: key, path and paragraphs."""
    return clause.key, clause.label, clause.path, [one.text for one in clause.paragraphs]


def _articles(path: Path) -> list[Clause]:
    return [one for one in split_clauses(read_document_file(path)) if one.label.startswith("第")]


def _write_pdf(path: Path, lines: list[str], columns: int = 38) -> None:
    """Write lines as a printed document: indented paragraphs, wrapped, with head and foot."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    page = canvas.Canvas(str(path), pagesize=A4)
    height = A4[1]
    number, left = 0, 0

    def begin() -> None:
        nonlocal number, left
        if number:
            page.showPage()
        number, left = number + 1, 42
        page.setFont("STSong-Light", 9)
        page.drawString(60, height - 40, "上海市地方性法规汇编")
        page.drawString(280, 30, f"— {number} —")
        page.setFont("STSong-Light", 12)

    begin()
    for line in lines:
        is_centred = line.startswith(("第一章", "第二章", "第三章", "第四章", "第五章"))
        rest = line if is_centred or line == lines[0] else f"\u3000\u3000{line}"
        while rest:
            if not left:
                begin()
            page.drawString(60, height - 70 - (42 - left) * 16.5, rest[:columns])
            rest, left = rest[columns:], left - 1
    page.save()


def test_a_printed_pdf_gives_every_article(tmp_path: Path) -> None:
    """59 articles with their chapters and 款, heads, feet and page numbers gone."""
    path = tmp_path / "regulations.pdf"
    _write_pdf(path, LINES)
    found = _articles(path)
    assert [_told(one) for one in found] == [_told(one) for one in ARTICLES]
    text = read_document_file(path).text
    assert "法规汇编" not in text
    assert "— 2 —" not in text


def test_a_word_document_gives_every_article(tmp_path: Path) -> None:
    """Paragraphs stay paragraphs, whatever their width."""
    made = docx.Document()
    for line in LINES:
        made.add_paragraph(line)
    made.save(str(tmp_path / "regulations.docx"))
    found = _articles(tmp_path / "regulations.docx")
    assert [_told(one) for one in found] == [_told(one) for one in ARTICLES]


def _numbered(document: docx.document.Document, form: str, text: str) -> str:
    """Add a list whose numbers Word writes, and return its id."""
    root = document.part.numbering_part.element
    number = str(90 + len(root))
    abstract = OxmlElement("w:abstractNum")
    abstract.set(qn("w:abstractNumId"), number)
    for depth, (style, written) in enumerate(((form, text), ("chineseCounting", "（%2）"))):
        level = OxmlElement("w:lvl")
        level.set(qn("w:ilvl"), str(depth))
        for name, value in (("start", "1"), ("numFmt", style), ("lvlText", written)):
            one = OxmlElement(f"w:{name}")
            one.set(qn("w:val"), value)
            level.append(one)
        abstract.append(level)
    root.insert(0, abstract)
    num = OxmlElement("w:num")
    num.set(qn("w:numId"), number)
    pointer = OxmlElement("w:abstractNumId")
    pointer.set(qn("w:val"), number)
    num.append(pointer)
    root.append(num)
    return number


def _put(document: docx.document.Document, text: str, number: str, depth: int = 0) -> None:
    properties = document.add_paragraph(text)._p.get_or_add_pPr()
    listed = OxmlElement("w:numPr")
    for name, value in (("ilvl", str(depth)), ("numId", number)):
        one = OxmlElement(f"w:{name}")
        one.set(qn("w:val"), value)
        listed.append(one)
    properties.append(listed)


def test_numbers_that_word_writes_itself_are_there(tmp_path: Path) -> None:
    """第一条 typed by nobody is 第一条 all the same, and its items begin anew in each."""
    made = docx.Document()
    made.add_paragraph("某市图书借阅办法")
    number = _numbered(made, "chineseCountingThousand", "第%1条")
    _put(made, "为了规范图书借阅，制定本办法。", number)
    _put(made, "读者应当：", number)
    _put(made, "爱护图书；", number, 1)
    _put(made, "按时归还。", number, 1)
    _put(made, "违反规定的：", number)
    _put(made, "予以提醒；", number, 1)
    made.save(str(tmp_path / "rules.docx"))
    found = _articles(tmp_path / "rules.docx")
    assert [one.label for one in found] == ["第一条", "第二条", "第三条"]
    assert [item.label for p in found[1].paragraphs for item in p.items] == ["（一）", "（二）"]
    assert [item.label for p in found[2].paragraphs for item in p.items] == ["（一）"]


def test_a_table_keeps_its_headings_with_each_row(tmp_path: Path) -> None:
    """In Word, on a web page and in a workbook alike."""
    rows = [["事项", "期限", "材料"], ["落户", "30日", "身份证"], ["积分", "15日", "合同"]]
    expected = ["事项：落户；期限：30日；材料：身份证", "事项：积分；期限：15日；材料：合同"]
    assert row_lines(rows) == expected
    word = docx.Document()
    word.add_paragraph("办事指南")
    table = word.add_table(3, 3)
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    word.save(str(tmp_path / "a.docx"))
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    (tmp_path / "b.html").write_text(f"<h1>办事指南</h1><table>{body}</table>", "utf-8")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "c.xlsx")
    for name in ("a.docx", "b.html", "c.xlsx"):
        text = read_document_file(tmp_path / name).text
        assert text.split("\n")[-2:] == expected, name


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5", "utf-16"])
def test_a_web_page_gives_every_article(tmp_path: Path, encoding: str) -> None:
    """Menus, scripts and footers are gone; the encoding is the one that is declared."""
    lines = LINES
    if encoding == "big5":
        lines = ["圖書借閱辦法", *(f"第{n}條 讀者應當愛護圖書。" for n in "一二三")]
    body = "".join(f"<p>{line}</p>" for line in lines)
    page = (
        f'<html><head><meta charset="{encoding}"><title>x</title><script>x</script></head>'
        f"<body><nav>menu</nav><main>{body}</main><footer>end</footer></body></html>"
    )
    path = tmp_path / "regulations.html"
    path.write_bytes(page.encode(encoding))
    if encoding == "big5":
        assert read_document_file(path).text.split("\n")[1] == "第一條 讀者應當愛護圖書。"
        return
    assert [_told(one) for one in _articles(path)] == [_told(one) for one in ARTICLES]


def test_furniture_is_what_stands_at_the_edge_of_most_pages() -> None:
    """A line that repeats within pages, or at the edge of a few, stays."""
    names = "甲乙丙丁戊"
    pages = [
        ["某汇编", f"{name}的正文", f"{name}的后文", "某汇编", f"{name}的末段", f"第 {n} 页"]
        for n, name in enumerate(names, 1)
    ]
    kept = without_furniture(pages)
    assert kept == [[f"{name}的正文", f"{name}的后文", "某汇编", f"{name}的末段"] for name in names]


def _bomb() -> bytes:
    from io import BytesIO

    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 600_000_000)
    return made.getvalue()


HOSTILE = {
    "empty.pdf": b"",
    "broken.pdf": b"%PDF-1.7\nbroken",
    "text.pdf": "第一条 正文".encode(),
    "broken.docx": b"PK\x03\x04broken",
    "text.docx": "第一条 正文".encode(),
    "old.docx": b"\xd0\xcf\x11\xe0" * 100,
    "empty.html": b"<html></html>",
    "binary.html": b"\x00\x01\x02" * 100,
    "broken.xlsx": b"PK\x03\x04broken",
    "program.txt": b"MZ\x90\x00",
    "rules.doc": b"\xd0\xcf\x11\xe0" * 100,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_none_says_so(tmp_path: Path, name: str) -> None:
    """Each is refused with its name and a cure."""
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    with pytest.raises(CorpusError, match=name):
        read_document_file(path)


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    """Neither a document that declares 600 MB nor a billion laughs fills the memory."""
    (tmp_path / "bomb.docx").write_bytes(_bomb())
    with pytest.raises(CorpusError, match="500 MB"):
        read_document_file(tmp_path / "bomb.docx")
    laughs = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    (tmp_path / "laughs.html").write_text(f"{laughs}]><p>第一条 正文</p><p>&j;</p>", "utf-8")
    assert len(read_document_file(tmp_path / "laughs.html").text) < 1000


def test_a_scan_is_told_from_a_text(tmp_path: Path) -> None:
    """A PDF without letters says that it is a scan."""
    page = canvas.Canvas(str(tmp_path / "scan.pdf"), pagesize=A4)
    page.rect(50, 50, 400, 600)
    page.showPage()
    page.save()
    with pytest.raises(CorpusError, match="scan"):
        read_document_file(tmp_path / "scan.pdf")


def test_an_indent_that_is_only_seen_begins_a_paragraph(tmp_path: Path) -> None:
    """Most PDFs place the first line further right and hold no blanks for it."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    page = canvas.Canvas(str(tmp_path / "seen.pdf"), pagesize=A4)
    page.setFont("STSong-Light", 12)
    text = [
        "读者应当爱护图书，按时归还，并且遵守本馆关于借阅时间和数量的规定以及其他规则。",
        "违者予以提醒。",
    ]
    row = 0
    for line in ["图书借阅办法", *[f"第{n}条 {text[0]}" for n in "一二三"], text[1], text[1]]:
        rest, left = line, 84 if row else 60
        while rest:
            taken = 30 if left == 60 else 28
            page.drawString(left, 780 - row * 18, rest[:taken])
            rest, left, row = rest[taken:], 60, row + 1
    page.save()
    last = _articles(tmp_path / "seen.pdf")[-1]
    assert [one.text for one in last.paragraphs] == [text[0], text[1], text[1]]


def test_folders_and_archives_are_gathered(tmp_path: Path) -> None:
    """Every file that can be read, whatever its path says; the others are named."""
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.txt", "deep/b.docx", "c.ppt", ".hidden.txt"):
        (folder / name).write_text("第一条 正文", "utf-8")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("../../evil.txt", "第一条 正文")
        archive.writestr("C:\\x\\办法.txt", "第一条 正文")
        archive.writestr("d.exe", "x")
    gathered = gather_files([folder, tmp_path / "all.zip", tmp_path / "z.md"], tmp_path / "s")
    assert [one.name for one in gathered.files] == [
        *("a.txt", "b.docx", "evil.txt", "办法.txt", "z.md"),
    ]
    assert [one.name for one in gathered.skipped] == [".hidden.txt", "c.ppt", "d.exe"]
    assert all(one.is_relative_to(tmp_path) for one in gathered.files)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(CorpusError, match=r"broken\.zip"):
        gather_files([tmp_path / "broken.zip"], tmp_path / "t")
