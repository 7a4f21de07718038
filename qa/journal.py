"""What a long run has done so far, in a file that outlives the process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from qa.errors import WorkbookError


class Journal:
    """Records by question, one JSON object a line; those of another snapshot are not seen."""

    def __init__(self, path: Path, snapshot: str) -> None:
        self.path = path
        self._snapshot = snapshot
        self._records: dict[str, dict[str, object]] = {}
        self._cut_short = False
        if path.is_file():
            self._read()

    def get(self, question: str) -> dict[str, object] | None:
        """Return the record of a question, None where there is none."""
        return self._records.get(_hash(question))

    def add(self, records: Mapping[str, Mapping[str, object]]) -> None:
        """Append the records of questions; they are on the disk when this returns."""
        lines = ["\n"] if self._cut_short else []
        self._cut_short = False
        for question, record in records.items():
            line = {"question": _hash(question), "snapshot": self._snapshot, "answer": record}
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise WorkbookError(
                f"{self.path}: cannot be written: {error.strerror}; free space or choose another "
                "folder for the answers"
            ) from error

    def remove(self) -> None:
        """Delete the file: all of it stands in the workbook now."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        raw = self.path.read_bytes()
        self._cut_short = not raw.endswith(b"\n")
        for line in raw.splitlines():
            try:
                entry = json.loads(line)
                question, snapshot, record = entry["question"], entry["snapshot"], entry["answer"]
            except (ValueError, TypeError, KeyError):  # the last line of a killed run
                continue
            if snapshot == self._snapshot and isinstance(record, dict):
                self._records[question] = record


def _hash(question: str) -> str:
    return hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()
