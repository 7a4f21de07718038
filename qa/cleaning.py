"""Raw text out of a file → cleaned lines: one paragraph a line, page furniture gone.

Text pulled out of a PDF is hard-wrapped, double-spaced, letter-spaced and mixes widths. What is
undone here is undone by what the page shows (how wide its lines are, where sentences end),
never by knowing one document; what is not understood stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from qa.numbering import Level, continues, opening_of

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
TERMINAL = "。！？；：!?;:…"
CLOSING = "”’」』）》〉】)"
INDENT = 4  # a paragraph's first line is two wide characters narrower
MEASURE = "年月日号时分秒岁万亿千百个家项次元人名位条款级倍届期周天届所件台套余多种类％%版"

_INVISIBLE = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad\ue000-\uf8ff]")
_PAGE_NUMBER = re.compile(
    r"[-—–－]\s*\d{1,4}\s*[-—–－]|第\s*\d{1,4}\s*页(\s*[,，/]?\s*共\s*\d{1,4}\s*页)?"
)
_BARE_NUMBER = re.compile(r"\d{1,4}")
_LETTER_SPACED = re.compile(rf"(?<![^\s，。、“”（）：；])[{HAN}](?: [{HAN}]){{2,}}")
_SPACED_DIGITS = re.compile(r"(?<![\d.])\d(?: \d)+(?!\d)")


@dataclass(frozen=True, slots=True)
class CleanText:
    """Cleaned text, and for each of its lines the number of the raw line it began on (from 1)."""

    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    blanks: int  # blank lines above it
    page_top: bool  # first line of a page
    indented: bool = False  # begins with two wide blanks


def clean_text(raw: str) -> CleanText:
    """Return raw text with wrapped lines joined, spacing mended and page numbers dropped.

    >>> clean_text("面向未来的奋斗目标是，建设科\\n\\n技创新中心。\\n\\n- 3 -\\n\\n第二段。").text
    '面向未来的奋斗目标是，建设科技创新中心。\\n第二段。'
    """
    lines = [
        _Line(line.number, mend_line(line.text), line.blanks, line.page_top, line.indented)
        for line in _lines(raw)
    ]
    lines = [line for line in lines if line.text and not _is_page_furniture(line)]
    texts: list[str] = []
    numbers: list[int] = []
    for block in _paragraphs(lines):
        text = mend_punctuation(_join([line.text for line in block]))
        texts.append(text)
        numbers.append(block[0].number)
    return CleanText("\n".join(texts), tuple(numbers))


def clean_paragraphs(paragraphs: Sequence[str]) -> CleanText:
    """Return paragraphs that are whole already, widths, spacing and punctuation mended."""
    mended = [(number, mend_line(one)) for number, one in enumerate(paragraphs, 1)]
    kept = [(number, one) for number, one in mended if one]
    return CleanText("\n".join(one for _, one in kept), tuple(number for number, _ in kept))


def _lines(raw: str) -> list[_Line]:
    """Return the lines that are not blank; a page begins after \\f or on a line with one space."""
    lines: list[_Line] = []
    blanks = 0
    page_top = False
    for number, line in enumerate(
        raw.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1
    ):
        if "\f" in line:
            page_top = True
        text = _INVISIBLE.sub("", line.replace("\f", ""))
        if not text.strip():
            blanks += 1
            continue
        one_space = bool(re.match(r" [^\s]", text))
        lines.append(
            _Line(number, text, blanks, page_top or one_space, text.startswith("\u3000\u3000"))
        )
        blanks, page_top = 0, False
    return lines


def _is_page_furniture(line: _Line) -> bool:
    text = line.text.strip()
    if _PAGE_NUMBER.fullmatch(text):
        return True
    return bool(_BARE_NUMBER.fullmatch(text)) and line.blanks >= 3


def mend_line(line: str) -> str:
    """Return one line with widths, letter spacing and the spaces around numbers mended.

    >>> mend_line("挂 牌 企 业 1 3 7 家，２０２１ 年")
    '挂牌企业137家，2021年'
    """
    text = "".join(_mend_character(one) for one in line)
    text = re.sub(r"[ \t\u00a0\u3000]+", " ", text).strip()
    if _LETTER_SPACED.search(text):
        text = _SPACED_DIGITS.sub(lambda match: match.group().replace(" ", ""), text)
        text = re.sub(r"(?<=\d) \. ?(?=\d)|(?<=\d)\. (?=\d)", ".", text)
        text = re.sub(
            r"(?<=[^\sA-Za-z]) (?=[^\sA-Za-z0-9])|(?<=[^\sA-Za-z0-9]) (?=[^\sA-Za-z])", "", text
        )
    text = re.sub(rf"(?<=\d) (?=[{MEASURE}])", "", text)
    number = rf"\d[\d.,]*(?:[{MEASURE}]|[—–－至])"
    width = opening_of(text).width
    rest = re.sub(rf"(?<=[{HAN}，。、；：（“]) (?={number})", "", text[width:])
    text = text[:width] + rest
    return mend_punctuation(text)


def _mend_character(one: str) -> str:
    """Return a character without presentation forms: ２ → 2, ⼈ → 人, ｡ → 。."""
    point = ord(one)
    if 0xFF10 <= point <= 0xFF19 or 0xFF21 <= point <= 0xFF3A or 0xFF41 <= point <= 0xFF5A:
        return chr(point - 0xFEE0)
    if one in _FORMS:
        return _FORMS[one]
    if 0xFF61 <= point <= 0xFF65 or 0x2E80 <= point <= 0x2FDF or 0xF900 <= point <= 0xFAFF:
        return unicodedata.normalize("NFKC", one)
    return one


# Radicals that Unicode gives no decomposition for, as PDFs of some fonts hold them for words.
_FORMS = {"«": "《", "»": "》", "\x00": ""} | dict(
    zip(
        "⺠⻓⻔⻢⻩⻆⻅⻉⻋⻘⻛⻜⻝⻬⻰⻤⻥⻦⻨⻚⻄⺝",
        "民长门马黄角见贝车青风飞食齐龙鬼鱼鸟麦页西月",
        strict=True,
    )
)


def mend_punctuation(text: str) -> str:
    """Return text whose Chinese sentences carry Chinese punctuation.

    >>> mend_punctuation("促进要素集聚,推动转化(责任单位:市科委).引导企业")
    '促进要素集聚，推动转化（责任单位：市科委）。引导企业'
    """
    wide = rf"[{HAN}”’》）】]"
    text = re.sub(rf"\(([^()\n]*[{HAN}][^()\n]*)\)", r"（\1）", text)
    text = re.sub(
        rf"(?<={wide}) ?([,;:!?])(?=\s*[{HAN}“‘《（【\d]|\s*$)", lambda m: _WIDE[m.group(1)], text
    )
    text = re.sub(rf"(?<=[\d%A-Za-z])([,;:])(?=[{HAN}“‘《（])", lambda m: _WIDE[m.group(1)], text)
    return re.sub(rf"(?<={wide})\.(?=[{HAN}“‘《（\d]|$)", "。", text)


_WIDE = {",": "，", ";": "；", ":": "：", "!": "！", "?": "？"}


def _width(text: str) -> int:
    """Return how many half-width columns a text takes; quotation marks count as wide."""
    return sum(2 if unicodedata.east_asian_width(one) in "WFA" else 1 for one in text)


def _paragraphs(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Group lines into paragraphs."""
    if not lines:
        return []
    widths = [_width(line.text) for line in lines]
    double_spaced = sum(line.blanks > 0 for line in lines) * 3 > 2 * len(lines)
    page = _page_width(widths)
    # Where some lines are indented and others are not, an indent begins a paragraph.
    indents = 0.05 < sum(line.indented for line in lines) / len(lines) < 0.9
    blocks: list[list[_Line]] = [[lines[0]]]
    run: list[str] = [lines[0].text]
    for index in range(1, len(lines)):
        line = lines[index]
        flows = line.blanks == 0 or double_spaced or _flows_over(lines[index - 1].text, line.text)
        width = page if double_spaced else _block_width(lines, widths, index - 1) - INDENT
        above = lines[index - 1].text
        first = len(blocks[-1]) == 1
        begins = indents and line.indented
        if (
            not begins
            and flows
            and _wraps(
                above, line.text, widths[index - 1], widths[index], width, first=first, seen=run
            )
        ):
            blocks[-1].append(line)
        else:
            blocks.append([line])
        run.append(line.text)
    return blocks


def _page_width(widths: Sequence[int]) -> int:
    """Return the width that most long lines are wrapped at, 0 where lines are not wrapped so."""
    long = [width for width in widths if width >= 30]
    if not long:
        return 0
    margin, _ = Counter(long).most_common(1)[0]
    near = sum(abs(width - margin) <= INDENT + 1 for width in long)
    return margin if near * 5 >= 2 * len(widths) else 0


def _block_width(lines: Sequence[_Line], widths: Sequence[int], index: int) -> int:
    """Return the widest line among the neighbours of a line that no blank line parts from it."""
    first = last = index
    while first > 0 and lines[first].blanks == 0 and index - first < 6:
        first -= 1
    while last + 1 < len(lines) and lines[last + 1].blanks == 0 and last - index < 6:
        last += 1
    return max(widths[first : last + 1])


def _wraps(
    above: str,
    below: str,
    width: int,
    following: int,
    full: int,
    *,
    first: bool,
    seen: Sequence[str],
) -> bool:
    """Return whether a line is the continuation of the line above it.

    `width` and `following` are the widths of the two lines, `full` the width that lines wrap at;
    `first` says whether the line above is the first of its paragraph.
    """
    ended = above.rstrip(CLOSING)[-1:] in tuple(TERMINAL + ".")
    is_full = 0 < full * 0.8 <= width
    if opening_of(below) and (ended or not is_full or continues(below, seen)):
        return False
    if _has_open_bracket(above):
        return True
    if not ended:
        if _is_heading(above) and not is_full:
            return False
        return is_full or (not full and _inside_sentence(above))
    # A sentence that ends at the right margin goes on below, unless the line below is as narrow
    # as the indented first line of a paragraph.
    if not full or full - INDENT - 2 <= following < full - 2:
        return False
    return width >= full or (first and width >= full - INDENT - 1 and following >= full - 2)


def _flows_over(above: str, below: str) -> bool:
    """Return whether a sentence goes on across blank lines, at the end of a column or a page."""
    if above[-1] in TERMINAL + CLOSING:
        return False
    return below.startswith("（") or _inside_sentence(above)


def _has_open_bracket(text: str) -> bool:
    return any(text.count(left) > text.count(right) for left, right in ("（）", "()", "《》"))


def _inside_sentence(text: str) -> bool:
    """Return whether a line breaks off within a sentence: it has commas, and no end."""
    return bool(re.search(r"[，。；]", text)) and len(text) >= 12


def _is_heading(text: str) -> bool:
    """Return whether a line is a numbered heading: a marker, and no sentence behind it."""
    mark = opening_of(text)
    return (
        bool(mark)
        and mark.level is not Level.ARTICLE
        and len(text) <= 40
        and not re.search(r"[。；]", text)
    )


def _join(texts: Sequence[str]) -> str:
    """Join wrapped lines: Latin words keep a space between them, Han takes none."""
    text = texts[0]
    for following in texts[1:]:
        latin = re.search(r"[A-Za-z0-9,.;]$", text) and re.match(r"[A-Za-z0-9]", following)
        both_digits = text[-1:].isdigit() and following[:1].isdigit()
        text += (" " if latin and not both_digits else "") + following
    return text
