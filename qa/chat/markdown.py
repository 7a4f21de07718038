"""A reply → Markdown in which no words of a document or a question are markup."""

from __future__ import annotations

import re

from qa.chat.replies import Reply

_MARKUP = re.compile(r"([\\`*_\[\]<~])")
_LINE = re.compile(r"(?m)^(\s*)(?:([#>+=-])|(\d+)([.)]))")
_EVERYBODY = re.compile(r"@(?=all|here|channel|everyone|所有人|\d{5})", re.IGNORECASE)


def escape(text: str) -> str:
    """Return a text in which every character stands for itself, also at the beginning of a line.

    Where a reader does not know the backslash it is seen, but a link or a mention is still none.
    """

    def begin(match: re.Match[str]) -> str:
        space, mark, number, after = match.groups()
        return f"{space}\\{mark}" if mark else f"{space}{number}\\{after}"

    return _LINE.sub(begin, _inline(text))


def _inline(text: str) -> str:
    """Return a text without markup that stands behind something of ours on its line."""
    return _EVERYBODY.sub("@\u2060", _MARKUP.sub(r"\\\1", text))


def to_markdown(reply: Reply) -> str:
    """Return the heading, the text, each passage as a quotation with its link, and the notes."""
    parts = [f"**{_inline(reply.heading)}**"]
    if reply.text:
        parts.append(_lines(escape(reply.text)))
    for one in reply.passages:
        link = f" [{reply.open_words}]({one.link})" if one.link else ""
        parts.append(f"**{_inline(one.label)}**{link}")
        parts += [
            f"> {_lines(escape(said), '> ')}" for said in (one.translation, one.quote) if said
        ]
    parts += [_lines(escape(note)) for note in reply.notes]
    return "\n\n".join(parts)


def _lines(text: str, before: str = "") -> str:
    """Return a text whose lines stay lines, each with what has to stand before it."""
    return f"  \n{before}".join(text.splitlines())
