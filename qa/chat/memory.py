"""What the bot remembers for a while: the messages it has seen, the last questions of a talk.

A file of SQLite, so that all the processes of a service remember the same. It holds no name of
a person or a group, only hashes of them.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

FILE = "chat.sqlite"
KEPT_QUESTIONS = 10
SEEN_SECONDS = 8 * 3600.0  # Feishu repeats a message for six hours
ASKED_SECONDS = 2 * 3600.0
MOST_SEEN = 20_000
MOST_ASKED = 20_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
CREATE TABLE IF NOT EXISTS asked (
    number INTEGER PRIMARY KEY, talk TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS asked_talk ON asked (talk, number);
"""


class Memory:
    """The store in a file; one that cannot be read or written forgets, and says so in the log."""

    def __init__(self, path: Path) -> None:
        """Use a file that `open_memory` has made."""
        self._path = path

    def claim(self, message: str, now: float) -> bool:
        """Say whether a message is new, and remember that it is not any more."""
        try:
            with self._opened() as store:
                store.execute("DELETE FROM seen WHERE at < ?", (now - SEEN_SECONDS,))
                store.execute(
                    "DELETE FROM seen WHERE id IN (SELECT id FROM seen ORDER BY at DESC "
                    "LIMIT -1 OFFSET ?)",
                    (MOST_SEEN - 1,),
                )
                done = store.execute(
                    "INSERT OR IGNORE INTO seen VALUES (?, ?)", (_key(message), now)
                )
                return done.rowcount == 1
        except sqlite3.Error as error:
            logger.warning("%s: a message cannot be remembered (%s)", self._path, error)
            return True

    def questions(self, talk: str, now: float) -> tuple[str, ...]:
        """Return the last questions of a talk, the oldest first."""
        try:
            with self._opened() as store:
                rows = store.execute(
                    "SELECT text FROM asked WHERE talk = ? AND at >= ? "
                    "ORDER BY number DESC LIMIT ?",
                    (_key(talk), now - ASKED_SECONDS, KEPT_QUESTIONS),
                ).fetchall()
        except sqlite3.Error as error:
            logger.warning("%s: earlier questions cannot be read (%s)", self._path, error)
            return ()
        return tuple(text for (text,) in reversed(rows))

    def add(self, talk: str, question: str, now: float) -> None:
        """Remember a question of a talk, and no more than the last ones."""
        key = _key(talk)
        try:
            with self._opened() as store:
                store.execute(
                    "INSERT INTO asked (talk, at, text) VALUES (?, ?, ?)", (key, now, question)
                )
                store.execute(
                    "DELETE FROM asked WHERE talk = ? AND number NOT IN "
                    "(SELECT number FROM asked WHERE talk = ? ORDER BY number DESC LIMIT ?)",
                    (key, key, KEPT_QUESTIONS),
                )
                store.execute(
                    "DELETE FROM asked WHERE at < ? OR number <= "
                    "(SELECT MAX(number) FROM asked) - ?",
                    (now - ASKED_SECONDS, MOST_ASKED),
                )
        except sqlite3.Error as error:
            logger.warning("%s: a question cannot be remembered (%s)", self._path, error)

    def forget(self, talk: str) -> None:
        """Forget the questions of a talk."""
        try:
            with self._opened() as store:
                store.execute("DELETE FROM asked WHERE talk = ?", (_key(talk),))
        except sqlite3.Error as error:
            logger.warning("%s: questions cannot be forgotten (%s)", self._path, error)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection of this moment: none is shared by threads or forked processes."""
        with closing(sqlite3.connect(self._path, timeout=2, isolation_level=None)) as store:
            store.execute("PRAGMA synchronous = OFF")
            store.execute("BEGIN IMMEDIATE")
            yield store
            store.execute("COMMIT")


def open_memory(folder: Path) -> Memory:
    """Return the memory in a folder, or in a temporary one where that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _made(folder / FILE)
    except (OSError, sqlite3.Error) as error:
        other = Path(tempfile.mkdtemp(prefix="tiaowen-chat-"))
        logger.warning(
            "%s: cannot be written (%s); chats are remembered in %s", folder, error, other
        )
        return _made(other / FILE)


def _made(path: Path) -> Memory:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(path, timeout=5)) as store:
        store.executescript(_SCHEMA)
    return Memory(path)


def _key(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
