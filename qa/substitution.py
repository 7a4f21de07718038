"""What a topic is about, and something new in its place: 高校的收益怎么分配 + 企业."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qa.text import STOP_WORDS, language_of, normalise, segment, words

ALIKE = 0.3  # likeness from which one thing takes another's place
SAME_ENDING = 0.25  # added where both end alike: 转让合同, 许可合同
SAME_ROLE = 0.4  # added where both can act or hold rights: 高校, 企业

PRONOUN_ZH = re.compile(
    r"[它她]们?|他们|(?<![与及极])其(?![他它中实余次一二三])|[这那][个些种类笔项样次里](?!人)|"
    r"(?<![应本])该(?=[项类种笔资奖])|上述|前述|同样|以上"
)
ASKING = re.compile(
    r"什么|怎么|怎样|如何|多少|多久|多长|多大|为什么|为何|哪|谁|几|吗|何|"
    r"\b(?:how|what|who|when|where|which|why)\b",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"(?:企业|公司|高校|大学|学校|院所|院校|机构|单位|人员|人才|教师|老师|学生|员工|职工|博士|团队|个人|[^记作]者|农民|政府|部门|"
    r"医院|银行|基金|园区|居民|外国人|外籍人士|事业编|科学家|专家|工程师|毕业生|大学生|留学生)$|"
    r"\b(?:compan(?:y|ies)|firms?|enterprises?|universit(?:y|ies)|colleges?|institut(?:e|ion)s?|schools?|"
    r"students?|teachers?|researchers?|scientists?|staff|people|persons?|foreigners?|startups?|start-ups|"
    r"hospitals?|banks?|governments?|individuals?|smes?|soes?|employees?|employers?|graduates?|workers?|"
    r"agenc(?:y|ies)|organi[sz]ations?|bod(?:y|ies)|teams?|experts?|entrepreneurs?|investors?|"
    r"funds?|businesses|residents|nationals|professors?|doctors?)$",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"(?:19|20)\d\d\s*年?(?:\s*[-—－–~至到]\s*(?:19|20)\d\d\s*年?)?|\d+(?:\.\d+)?\s*(?:%|％|万元|亿元|元|人|年|个月|天|日)|"
    r"[今明去后前]年|十[二三四五六]五"
)
# Words that ask for something of whatever the talk is about, and name no subject themselves.
_OF_ANYTHING = """
多久 多长 长 时间 期限 时限 何时 时候 天 日 月 年 现在 今年 负责 审批 批准 批 审核 决定 部门
单位 机构 条件 材料 资料 文件 要求 标准 流程 程序 手续 步骤 办 办理 申请 申报 提交 需要 要
必须 应当 可以 能 会 有 没有 例外 比例 百分之几 百分比 金额 数额 钱 费用 收费 免费 上限 下限
最高 最低 最多 最少 至少 依据 根据 法律 法规 后果 处罚 罚款 罚 违反 不 没 如果 具体 详细 规定
内容 原因 理由 解释 说 说明 继续 更多 还 其他 其它 别的 例子 意思 再 多 大 给 拿 做 交 到 从
开始 结束 生效 出处 来源 哪条 条 款 原文 英文 中文 翻译 由 去 找 来 那么 呢 上面 刚才 long
time deadline period term day month year now decide decides approve approves approval
responsible charge authority department body condition conditions requirement requirements
required document documents material need needed must procedure process step steps apply
application submit exception exceptions percentage percent amount much many money cost costs
fee fees free limit maximum minimum least most basis legal rule consequence penalty penalties
fine happens otherwise not no yes detail details exactly more else other example examples mean
means explain reason start starts begin end ends force source article paragraph original
english chinese translation get pay pays paid where sets exact also still only then so ok say
says happen take takes
"""


class Earlier(Protocol):
    """What completing a question asks of whoever answered those before it."""

    def likeness(self, text: str, others: Sequence[str]) -> NDArray[np.float32]:
        """Return how like each other text is to one, -1 to 1."""

    def names(self, text: str) -> list[tuple[int, int]]:
        """Return the spans of a text that name documents."""

    def confidence(self, question: str) -> float:
        """Return the confidence in the answer to a question, 0 to 1."""

    def article(self, question: str) -> str:
        """Return the document and article that answer a question (《…》第二十五条), or ""."""


def substitute(topic: str, new: str, library: Earlier) -> str:
    """Return a topic with something new in the place of what is most like it."""
    names, said = library.names(topic), library.names(new)
    if said:
        if names:
            return topic[: names[-1][0]] + new[slice(*said[0])] + topic[names[-1][1] :]
        return _before(new, topic)
    when, then = _WHEN.search(new), _WHEN.search(topic)
    if when and then and len(when[0]) == len(new):
        return topic[: then.start()] + new + topic[then.end() :]
    has_role = bool(_ROLE.search(new))
    spans = [
        (start, end)
        for run in _runs(topic, names)
        for start, end in _phrases(run, topic, parts=has_role)
    ]
    if not spans:
        return _before(new, topic)
    texts = [topic[start:end] for start, end in spans]
    alike = library.likeness(new, texts).astype(float)
    alike = alike + SAME_ENDING * np.array([_end_alike(new, text) for text in texts])
    if has_role:
        alike = alike + SAME_ROLE * np.array([bool(_ROLE.search(text)) for text in texts])
    best = int(np.argmax(alike))
    if alike[best] < ALIKE or normalise(new) == normalise(texts[best]):
        return _before(new, topic)
    start, end = spans[best]
    return topic[:start] + new + topic[end:]


def _runs(topic: str, names: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return the spans of words that stand on end and name something, outside document names."""
    runs: list[list[tuple[int, int]]] = [[]]
    at = 0
    for piece in segment(topic):
        start, at = at, at + len(piece)
        if not piece.strip():
            continue
        if _names_something(piece) and not any(start < b and a < at for a, b in names):
            runs[-1].append((start, at))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _phrases(
    run: Sequence[tuple[int, int]], topic: str, *, parts: bool
) -> Iterator[tuple[int, int]]:
    """Yield the whole of a run and, with `parts`, whoever acts at its beginning.

    小微企业 is replaced whole, of 企业创新投入 only 企业.
    """
    start = run[0][0]
    yield start, run[-1][1]
    for _, end in run[:-1] if parts else ():
        if _ROLE.search(topic[start:end]):
            yield start, end


def _names_something(piece: str) -> bool:
    is_long = len(piece) > 1 or language_of(piece) == "en"
    return (
        is_long
        and any(map(str.isalnum, piece))
        and bool(own_words(piece))
        and not ASKING.search(piece)
    )


def _end_alike(one: str, other: str) -> bool:
    if language_of(one) == "zh":
        return one[-1] == other[-1]
    return normalise(one).split()[-1] == normalise(other).split()[-1]


def _before(new: str, topic: str) -> str:
    return f"{new}：{topic}" if language_of(new) == "zh" else f"{new.rstrip(':')}: {topic}"


def own_words(said: str) -> set[str]:
    """Return the words of a text that name a subject; a word and its parts count once."""
    (found,) = words([PRONOUN_ZH.sub(" ", said)])
    own = {word for word in found if word not in _of_anything()}
    return {word for word in own if not any(word != other and word in other for other in own)}


@functools.cache
def _of_anything() -> frozenset[str]:
    (stems,) = words([_OF_ANYTHING])
    return frozenset(stems) | frozenset(_OF_ANYTHING.split()) | STOP_WORDS
