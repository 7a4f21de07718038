"""An answer → what a chat shows of it: a status in words, passages with their quotes and links."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from qa.answers import quoted_text
from qa.models import Answer, Citation, Language, Status

Form = TypeVar("Form")

_HEADINGS: dict[Status, tuple[str, str]] = {
    "answered": ("已找到依据", "Basis found"),
    "closest": ("最接近的条款", "Nearest clauses"),
    "no_basis": ("无依据", "No basis found"),
}
_LENGTHS = (2000, 1000, 500, 250, 120, 60, 30)  # characters of one quote, tried in turn
_SHORTEST_LABEL = 40
_UNSEEN = {"Cc", "Cf", "Cs"}


@dataclass(frozen=True, slots=True)
class Passage:
    """One citation: where it stands, its own words, their translation, the address to read on."""

    label: str
    quote: str
    translation: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said in a chat, before it takes the form of a platform."""

    language: Language
    heading: str
    text: str = ""
    passages: tuple[Passage, ...] = ()
    notes: tuple[str, ...] = ()
    found: bool = False

    @property
    def open_words(self) -> str:
        """Return the words on a link to a document."""
        return "查看原文" if self.language == "zh" else "Read in the document"


def reply_of(answer: Answer, public_url: str) -> Reply:
    """Return what a chat shows of an answer; without a public address there are no links."""
    several = len(answer.citations) > 1
    return Reply(
        language=answer.language,
        heading=_HEADINGS[answer.status][answer.language == "en"],
        text=visible(_own_words(answer)),
        passages=tuple(
            _passage(one, f"{number}. " if several else "", answer.language, public_url)
            for number, one in enumerate(answer.citations, 1)
        ),
        notes=tuple(visible(note) for note in answer.notes),
        found=answer.status == "answered",
    )


def _own_words(answer: Answer) -> str:
    """Return what an answer says beside its quotes, which stand in the passages."""
    quoted = quoted_text(answer.language, answer.status, answer.citations)
    written = answer.text.removesuffix(quoted).strip()
    if answer.status == "answered":
        return written
    return "\n".join(one for one in (written, quoted.partition("\n")[0]) if one)


def _passage(citation: Citation, number: str, language: Language, public_url: str) -> Passage:
    in_english = language == "en" and bool(citation.title_en)
    label = (
        f"{citation.label_en}, “{citation.title_en}”"
        if in_english
        else f"《{citation.title}》{citation.label}"
    )
    return Passage(
        label=visible(number + label),
        quote=visible(citation.quote),
        translation=visible(citation.quote_translation) if language == "en" else "",
        link=f"{public_url.rstrip('/')}{citation.url}" if public_url else "",
    )


def visible(text: str) -> str:
    """Return a text without the characters nobody sees, which no platform takes; lines stay."""
    return "".join(one for one in text if one == "\n" or unicodedata.category(one) not in _UNSEEN)


def shorten(text: str, most: int) -> str:
    """Return the first `most` characters of a text, the last of them … where more follow."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def fit(
    reply: Reply, form: Callable[[Reply], Form], size: Callable[[Form], int], most: int
) -> Form:
    """Return a reply in a form that is no larger than `most`, its quotes cut to what is needed."""
    made = form(reply)
    for length in _LENGTHS:
        if size(made) <= most:
            break
        made = form(_cut(reply, length))
    return made


def _cut(reply: Reply, length: int) -> Reply:
    return replace(
        reply,
        text=shorten(reply.text, 2 * length),
        notes=tuple(shorten(note, length) for note in reply.notes),
        passages=tuple(
            replace(
                one,
                label=shorten(one.label, max(length, _SHORTEST_LABEL)),
                quote=shorten(one.quote, length),
                translation=shorten(one.translation, length),
            )
            for one in reply.passages
        ),
    )
