"""A reply → Markdown in which no words of a document or a question are markup."""

from __future__ import annotations

import re

from qa.chat.replies import Reply

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+!|~@-])")
_NUMBER = re.compile(r"(?m)^(\s*\d+)\.")


def escape(text: str) -> str:
    """Return a text in which every character stands for itself.

    Where a reader does not know the backslash it is seen, but a link or a mention is still none.
    """
    return _NUMBER.sub(r"\1\\.", _MARKUP.sub(r"\\\1", text))


def to_markdown(reply: Reply) -> str:
    """Return the heading, the text, each passage as a quotation with its link, and the notes."""
    parts = [f"**{escape(reply.heading)}**"]
    if reply.text:
        parts.append(_lines(escape(reply.text)))
    for one in reply.passages:
        link = f" [{reply.open_words}]({one.link})" if one.link else ""
        parts.append(f"**{escape(one.label)}**{link}")
        parts += [
            f"> {_lines(escape(said), '> ')}" for said in (one.translation, one.quote) if said
        ]
    parts += [_lines(escape(note)) for note in reply.notes]
    return "\n\n".join(parts)


def _lines(text: str, before: str = "") -> str:
    """Return a text whose lines stay lines, each with what has to stand before it."""
    return f"  \n{before}".join(text.splitlines())
