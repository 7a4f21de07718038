"""The requests with a question, checked as they cross the border."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from qa import models

DEFAULT_TOP_K = 5
MOST_EARLIER = 100  # questions of one conversation; the last ones count
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def readable(text: str) -> str:
    """Return text with a space for each control character and each lone surrogate."""
    return _UNREADABLE.sub(" ", text)


Text = Annotated[str, AfterValidator(readable)]
Name = Annotated[str, Field(max_length=200), AfterValidator(readable)]


class Limits(BaseModel):
    """What a question may be limited to; every request with a question takes these fields."""

    model_config = ConfigDict(strict=True, extra="ignore")

    top_k: Annotated[int, Field(ge=1, description="How many hits at most.")] = DEFAULT_TOP_K
    documents: Annotated[
        tuple[Name, ...] | None,
        Field(max_length=1000, description="Only these documents, by id; all where left out."),
    ] = None
    kinds: Annotated[
        tuple[Name, ...] | None,
        Field(max_length=1000, description="Only documents of these kinds; all where left out."),
    ] = None
    as_of: Annotated[
        date | None, Field(description="The day whose law counts; today where left out.")
    ] = None

    @field_validator("top_k")
    @classmethod
    def _within_settings(cls, value: int, info: ValidationInfo) -> int:
        most = (info.context or {}).get("max_top_k")
        if most is not None and value > most:
            raise PydanticCustomError("less_than_equal", "too large", {"le": most})
        return value

    def as_question(
        self,
        text: str,
        max_top_k: int,
        language: models.AnswerLanguage = "auto",
        history: tuple[str, ...] = (),
    ) -> models.Question:
        """Return the question that the engine takes; the default of top_k may be too many."""
        return models.Question(
            text=text,
            top_k=min(self.top_k, max_top_k),
            documents=self.documents or (),
            kinds=self.kinds or (),
            as_of=self.as_of,
            language=language,
            history=history,
        )


QUESTION = "科技成果转化专项资金由谁设立？"


class SearchRequest(Limits):
    """A question whose nearest clauses are wanted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"question": QUESTION, "top_k": 5}]})

    question: Annotated[Text, Field(description="The question, in Chinese or English.")]


class AskRequest(SearchRequest):
    """A question whose answer is wanted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question": QUESTION},
                {
                    "question": "Who sets up the fund for commercialising research results?",
                    "language": "en",
                    "documents": ["sti-center-regulations"],
                    "as_of": "2026-11-20",
                },
            ]
        }
    )

    language: Annotated[
        models.AnswerLanguage,
        Field(description="The language of the answer; auto: that of the question."),
    ] = "auto"
    history: Annotated[
        tuple[Text, ...],
        Field(
            max_length=MOST_EARLIER,
            description="The questions asked before in this conversation, the oldest first; "
            "a follow-up (那企业呢？) is completed from them.",
        ),
    ] = ()

    stream: Annotated[
        bool,
        Field(
            description="Server-sent events: `sentence` for each that a language model wrote and "
            "was verified, then `answer`, which is the reply."
        ),
    ] = False


class FeedbackRequest(BaseModel):
    """What somebody thought of an answer."""

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        json_schema_extra={
            "examples": [{"question": QUESTION, "verdict": "up", "status": "answered"}]
        },
    )

    question: Annotated[Text, Field(max_length=20_000, description="The question as asked.")]
    verdict: Literal["up", "down"]
    status: Literal["answered", "closest", "no_basis"]
    clause_id: Annotated[Name, Field(description="The first clause that was cited.")] = ""
    comment: Annotated[Text, Field(max_length=20_000, description="What was wrong.")] = ""


class VerifyRequest(BaseModel):
    """A text whose citations, quotations and numbers are to be checked."""

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "text": "根据《上海市推进科技创新中心建设条例》第二十五条第二款，协议定价的，"
                    "“应当在本单位公示科技成果名称和拟交易价格”。"
                }
            ]
        },
    )

    text: Annotated[Text, Field(description="A draft, in Chinese or English.")]
    as_of: Annotated[
        date | None, Field(description="The day whose law counts; today where left out.")
    ] = None


class ChatPart(BaseModel):
    """One part of a message; only parts with text are read."""

    model_config = ConfigDict(strict=True, extra="ignore")

    type: str
    text: Text | None = None


class ChatMessage(BaseModel):
    """One message of a conversation in OpenAI's form."""

    model_config = ConfigDict(strict=True, extra="ignore")

    role: str
    content: Text | tuple[ChatPart, ...] | None = None

    @property
    def text(self) -> str:
        """Return the text of the message, that of its parts joined by line breaks."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "\n".join(part.text for part in self.content if part.text)


class StreamOptions(BaseModel):
    """What a stream carries besides the answer."""

    model_config = ConfigDict(strict=True, extra="ignore")

    include_usage: bool | None = False


class ChatRequest(Limits):
    """A conversation in OpenAI's form: its last user message is the question."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "tiaowen", "messages": [{"role": "user", "content": QUESTION}]},
            ]
        }
    )

    model: Annotated[str, Field(description="Always `tiaowen`.")] = "tiaowen"
    messages: Annotated[tuple[ChatMessage, ...], Field(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Annotated[int | None, Field(ge=1, le=1)] = 1
    language: models.AnswerLanguage = "auto"

    @property
    def question(self) -> str:
        """Return the last user message, empty where there is none."""
        return self._asked[-1] if self._asked else ""

    @property
    def history(self) -> tuple[str, ...]:
        """Return the user messages before the last."""
        return self._asked[:-1][-MOST_EARLIER:]

    @property
    def _asked(self) -> tuple[str, ...]:
        return tuple(message.text for message in self.messages if message.role == "user")
