"""What the bot says: answers, help, and errors in words that a person understands."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from qa.chat.channel import IncomingMessage
from qa.chat.memory import Memory
from qa.chat.replies import Reply, reply_of
from qa.engine import Engine, uses_model
from qa.errors import QAError, QuestionError, QuestionTooLongError
from qa.models import Answer, Language, Question
from qa.settings import Settings
from qa.text import language_of

logger = logging.getLogger(__name__)

_HELP = {"帮助", "使用说明", "怎么用", "你好", "您好", "在吗", "help", "hello", "hi", "start"}
_AFRESH = {"新话题", "重新开始", "清空", "reset", "new topic", "start over"}
_EDGES = re.compile(r"^[\s/@]+|[\s。！!？.~]+$")

_HELP_ZH = """直接用中文或英文提问，例如：
· 职务科技成果协议定价要不要公示？
· 条例第二十五条第二款是怎么规定的？
答案都引自政策文件原文，附条款和链接；没有依据时会直说。
可以接着追问（如“那企业呢？”）；发送“新话题”则不再联系上文。群里请先@我。"""
_HELP_EN = """Ask in English or Chinese, for example:
· Must a negotiated price of a service invention be made public?
· What does Article 25 of the Regulations say?
Every answer quotes the policy documents, with clause and link; where they say nothing, I say so.
You can follow up (“and for companies?”); send “new topic” to leave what went before. In a group, \
mention me first."""
_WORDS: dict[str, tuple[str, str]] = {
    "help": ("条问 · 使用说明", "Tiaowen · how to ask"),
    "afresh": ("好的，换个话题。请提问。", "All right, a new topic. Please ask."),
    "sorry": ("暂时无法回答", "No answer for now"),
    "long": (
        "问题太长（最多{most}字）。请只问一件事，说得短一些。",
        "The question is too long (at most {most} characters). Please ask one thing, in short.",
    ),
    "closed": (
        "服务正在准备或维护中，请几分钟后再问；若一直如此，请告诉管理员。",
        "The service is being set up or mended. Please ask again in a few minutes, and tell the "
        "administrator if it stays so.",
    ),
}


class Dialogue:
    """The talk with everybody on every platform; safe to share between threads."""

    def __init__(
        self,
        engine: Callable[[], Engine],
        settings: Settings,
        memory: Memory,
        note: Callable[[Answer], None],
    ) -> None:
        """Take the engine of the moment, and what is told of each answer."""
        self._engine = engine
        self._settings = settings
        self._memory = memory
        self._note = note

    def is_new(self, channel: str, message: IncomingMessage, now: float) -> bool:
        """Say whether a message has not come before; platforms repeat what they think is lost."""
        return self._memory.claim(f"{channel} {message.id}", now)

    def answer(self, channel: str, message: IncomingMessage, now: float, *, at_once: bool) -> Reply:
        """Return what to say; `at_once` leaves out what waits for a language model."""
        text = message.text.strip()
        talk = f"{channel} {message.conversation} {message.user}"
        word = _EDGES.sub("", text).lower()
        language = language_of(text) if word else "zh"
        if not word or word in _HELP:
            return _help(word, language)
        if word in _AFRESH:
            self._memory.forget(talk)
            return Reply(language, _said("afresh", language))
        question = Question(text, history=self._memory.questions(talk, now))
        try:
            engine = self._engine()
            ask = engine.ask
            if uses_model(self._settings) and not at_once:
                ask = engine.ask_and_write
            answer = ask(question)
        except QuestionError as error:
            return self._refusal(error, language)
        except QAError as error:
            logger.warning("a question in %s is not answered: %s", channel, error)
            return Reply(language, _said("sorry", language), _said("closed", language))
        self._memory.add(talk, text, now)
        self._note(answer)
        return reply_of(answer, self._settings.public_url)

    def _refusal(self, error: QuestionError, language: Language) -> Reply:
        if not isinstance(error, QuestionTooLongError):
            return _help("", language)
        most = self._settings.max_question_chars
        return Reply(language, _said("sorry", language), _said("long", language, most=most))


def _help(word: str, language: Language) -> Reply:
    """Return the help in the language it was asked in, in both where nothing was said."""
    if not any(map(str.isalpha, word)):
        return Reply("zh", _WORDS["help"][0], f"{_HELP_ZH}\n\n{_HELP_EN}")
    return Reply(language, _said("help", language), _HELP_ZH if language == "zh" else _HELP_EN)


def _said(name: str, language: Language, **values: object) -> str:
    return _WORDS[name][language == "en"].format(**values)
