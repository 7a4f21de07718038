"""Where the questions of a table are and where its answers go: rows of text in, numbers out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from qa.models import Language

Rows = Sequence[Sequence[str]]

HEADINGS: dict[Language, tuple[str, ...]] = {
    "zh": ("答案", "英文答案", "引用", "原文", "状态", "置信度", "原因", "备注", "变化"),
    "en": (
        *("Answer", "Chinese answer", "Citation", "Quote"),
        *("Status", "Confidence", "Reason", "Note", "Change"),
    ),
}
WIDTHS = (80, 60, 34, 60, 12, 13, 30, 30, 12)
STATUSES = frozenset({"answered", "closest", "no_basis", "failed"})
STATUS = 4  # its place among the headings
REASON = 6
ANSWERS = (0, 1)  # the places of what a second run compares, beside the status
_PREFIX: dict[Language, str] = {"zh": "条问", "en": "Tiaowen "}
_LONGEST_HEADING = 20
_HEADER_ROWS = 30
_SAMPLE_ROWS = 500

# The best first; a heading that only contains one of them comes after every exact one.
_NAMES = (
    *("问题", "提问", "咨询问题", "提问内容", "问题内容", "咨询内容", "问题描述", "问句", "疑问"),
    *("question", "questions", "questiontext", "query", "queries", "enquiry", "inquiry"),
    *("faq", "ask", "q", "咨询事项", "咨询", "诉求", "提问标题", "问题标题", "问"),
)
_CONTAINED = ("问题", "提问", "咨询", "问句", "疑问", "诉求", "question", "enquiry", "inquiry")
_WORDS = frozenset({"query", "queries", "faq", "ask", "asked"})
_ABOUT_A_QUESTION = re.compile(
    r"编号|序号|类型|类别|分类|来源|时间|日期|部门|单位|状态|等级|级别|链接|电话|答|回复|[数量人者号]$"
    r"|\b(id|no|num|number|type|kind|category|date|time|status|source|by|count|link|url|level"
    r"|answer|reply|priority|tag|tags|topic|language)\b"
)
_OTHER_NAMES = frozenset(
    (
        *("序号", "编号", "部门", "日期", "时间", "姓名", "类别", "类型", "分类", "备注", "答案"),
        *("回答", "答复", "单位", "内容", "标题", "主题", "事项", "来源", "id", "no", "number"),
        *("name", "date", "time", "category", "department", "answer", "reply", "remark", "remarks"),
        *("note", "notes", "text", "content", "title", "subject", "topic", "type", "source"),
    )
)
_QUESTION = re.compile(
    r"[?？]\s*$|吗|呢|如何|怎[么样]|什么|啥|哪|是否|能否|可否|多少|几[个年天月种项类]|谁|为何|请问|有没有"
    r"|[能可](?:不[能可]|以不)|^(?:what|how|who|whom|whose|when|where|why|which|is|are|can|could|does|do"
    r"|did|may|must|should|will|would)\b",
    re.IGNORECASE,
)
# Exactly these: 日期 alone is when a question came in, 截止日期 a deadline.
_INPUTS = {
    "language": ("语言", "语种", "回答语言", "答案语言", "language", "lang", "answerlanguage"),
    "documents": (
        *("文件", "文件范围", "限定文件", "适用文件"),
        *("document", "documents", "documentfilter"),
    ),
    "as_of": ("适用日期", "截至日期", "asof", "asofdate"),
}
_WORD = re.compile(r"[^\W\d_]{2}|[一-鿿]")
_HAN = re.compile(r"[一-鿿]")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the questions of a table are: `header` is -1 where the table has none."""

    header: int
    question: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """The columns that say how each row is to be answered, -1 for none."""

    language: int = -1
    documents: int = -1
    as_of: int = -1


@dataclass(frozen=True, slots=True)
class Places:
    """The columns that take the answers, and their headings, in the order of `HEADINGS`.

    `language` is that of the headings; `refilled` says that an earlier run has filled them.
    """

    columns: tuple[int, ...]
    headings: tuple[str, ...]
    language: Language = "zh"
    refilled: bool = False


def cell(row: Sequence[str], column: int) -> str:
    """Return the text of a cell without the space around it, "" beyond the end of the row."""
    return row[column].strip() if column < len(row) else ""


def width_of(rows: Rows) -> int:
    """Return the number of columns of the widest row."""
    return max(map(len, rows), default=0)


def headings_of(rows: Rows) -> list[str]:
    """Return the texts of the row that is most likely the header, for a message."""
    fullest = max(rows[:_HEADER_ROWS], key=_filled, default=())
    return [text.strip() for text in fullest if text.strip()]


def find_by_header(rows: Rows, name: str = "") -> Layout | None:
    """Return the column whose heading names questions, or is `name`; titles above are passed."""
    widest = max(map(_filled, rows[:_SAMPLE_ROWS]), default=0)
    found: list[tuple[bool, int, int, int]] = []
    asked: set[int] = set()  # the columns where a question was met: no heading comes after it
    for number, row in enumerate(rows[:_HEADER_ROWS]):
        title = _filled(row) == 1 < widest
        for column, text in enumerate(row):
            rank = _rank(text, name)
            if rank >= 0 and column not in asked and not (title and rank >= len(_NAMES)):
                found.append((title, number, rank, column))
        asked.update(column for column, text in enumerate(row) if _is_question(text))
    if not found:
        return None
    _, header, _, question = min(found)
    return Layout(header, question)


def find_by_position(rows: Rows, name: str) -> Layout | None:
    """Return the column that a letter or a number from 1 names: B, 2."""
    column = -1
    if re.fullmatch(r"[A-Za-z]{1,3}", name):
        for letter in name.upper():
            column = (column + 1) * 26 + ord(letter) - ord("A")
    elif name.isdecimal():
        column = int(name) - 1
    if not 0 <= column < width_of(rows):
        return None
    return Layout(_header_above(rows), column)


def find_by_content(rows: Rows) -> Layout | None:
    """Return the column with the most questions, else the one with the longest texts."""
    own = _own_block(rows)
    best, best_score = -1, (0, 0.0)
    for column in range(width_of(rows)):
        texts = [cell(row, column) for row in rows[:_SAMPLE_ROWS]]
        texts = [text for text in texts if _WORD.search(text)]
        if not texts or column in own:
            continue
        asked = sum(map(_is_question, texts))
        score = (asked if asked * 3 >= len(texts) else 0, sum(map(len, texts)) / len(texts))
        if score > best_score:
            best, best_score = column, score
    return None if best < 0 else Layout(_header_above(rows), best)


def find_inputs(rows: Rows, layout: Layout) -> Inputs:
    """Return the columns with headings of ours such as 语言; two of one kind are none."""
    if layout.header < 0:
        return Inputs()
    header = [_spaced(text).replace(" ", "") for text in rows[layout.header]]
    found = {
        kind: [n for n, text in enumerate(header) if text in names and n != layout.question]
        for kind, names in _INPUTS.items()
    }
    return Inputs(**{kind: some[0] for kind, some in found.items() if len(some) == 1})


def place_answers(rows: Rows, layout: Layout, first_free: int) -> Places:
    """Return the columns of an earlier run, else empty ones under our headings, else new ones.

    A column of the same name that holds anything is another's and stays as it is.
    """
    if layout.header < 0:
        own = _own_block(rows)
        new = range(first_free, first_free + len(HEADINGS["zh"]))
        return Places(tuple(own or new), (), refilled=bool(own))
    header = [cell(rows[layout.header], column) for column in range(first_free)]
    body = rows[layout.header + 1 :]
    language: Language = "zh" if any(map(_HAN.search, header)) else "en"
    plain = HEADINGS[language]
    prefixed = tuple(_PREFIX[language] + heading for heading in plain)
    refilled = any(
        header[column] in (plain[STATUS], prefixed[STATUS]) and _holds_statuses(body, column)
        for column in range(first_free)
    )
    columns, headings = [], []
    for names in zip(prefixed, plain, strict=True):
        present = [name for name in names if name in header]
        heading = present[0] if present else names[1]
        column = header.index(heading) if present else first_free
        if present and not refilled and any(cell(row, column) for row in body):
            heading, column = names[0], first_free
        first_free += column == first_free
        columns.append(column)
        headings.append(heading)
    return Places(tuple(columns), tuple(headings), language, refilled)


def _own_block(rows: Rows) -> Sequence[int]:
    """Return the columns an earlier run added to a table without a header."""
    for column in range(STATUS, width_of(rows)):
        if _holds_statuses(rows, column):
            return range(column - STATUS, column - STATUS + len(HEADINGS["zh"]))
    return ()


def _holds_statuses(rows: Rows, column: int) -> bool:
    texts = {cell(row, column) for row in rows} - {""}
    return bool(texts) and texts <= STATUSES


def _filled(row: Sequence[str]) -> int:
    return sum(bool(text.strip()) for text in row)


def _is_question(text: str) -> bool:
    return _QUESTION.search(text.strip()) is not None


def _rank(text: str, name: str) -> int:
    """Return how well a cell names the column of questions: 0 is best, -1 not at all."""
    spaced = _spaced(text)
    compact = spaced.replace(" ", "")
    wanted = _spaced(name).replace(" ", "")
    if wanted and wanted == compact:
        return 0
    if not wanted and compact in _NAMES:
        return _NAMES.index(compact)
    if not compact or len(compact) > _LONGEST_HEADING or _is_question(text):
        return -1
    if name:
        return len(_NAMES) if len(wanted) > 1 and wanted in compact else -1
    if _ABOUT_A_QUESTION.search(spaced):
        return -1
    contains = any(one in compact for one in _CONTAINED) or _WORDS & set(spaced.split())
    return len(_NAMES) if contains else -1


def _spaced(text: str) -> str:
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _header_above(rows: Rows) -> int:
    """Return the first row with a heading that tables commonly have, -1 where there is none."""
    for number, row in enumerate(rows[:_HEADER_ROWS]):
        compact = {_spaced(text).replace(" ", "") for text in row}
        if compact & _OTHER_NAMES or compact & set(_NAMES):
            return number
        if any(map(_is_question, row)):
            break
    return -1
