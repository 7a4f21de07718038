"""What a long run has done so far, in a file that outlives the process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from qa.errors import WorkbookError


class Journal:
    """Records by key, one JSON object a line; those of another snapshot are not seen.

    Records stay on the disk: in memory is only where each begins.
    """

    def __init__(self, path: Path, snapshot: str) -> None:
        self.path = path
        self._snapshot = snapshot
        self._places: dict[bytes, int] = {}
        self._cut_short = False
        if path.is_file():
            self._read()

    def __contains__(self, key: str) -> bool:
        return _digest(key) in self._places

    def get(self, key: str) -> dict[str, object] | None:
        """Return the record of a key, None where there is none."""
        place = self._places.get(_digest(key))
        if place is None:
            return None
        with self.path.open("rb") as file:
            file.seek(place)
            record: dict[str, object] = json.loads(file.readline())["answer"]
        return record

    def add(self, records: Mapping[str, Mapping[str, object]]) -> None:
        """Append the records of keys; they are on the disk when this returns."""
        try:
            with self.path.open("ab") as file:
                if self._cut_short:
                    file.write(b"\n")
                self._cut_short = False
                for key, record in records.items():
                    digest = _digest(key)
                    line = {"question": digest.hex(), "snapshot": self._snapshot, "answer": record}
                    place = file.tell()
                    text = json.dumps(line, ensure_ascii=False)
                    file.write(text.encode("utf-8", "replace") + b"\n")
                    self._places[digest] = place
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
        place = 0
        with self.path.open("rb") as file:
            for line in file:
                self._cut_short = not line.endswith(b"\n")
                try:
                    entry = json.loads(line)
                    key, snapshot, record = entry["question"], entry["snapshot"], entry["answer"]
                    digest = bytes.fromhex(key)
                except (ValueError, TypeError, KeyError):  # the last line of a killed run
                    digest, snapshot, record = b"", "", None
                if snapshot == self._snapshot and isinstance(record, dict):
                    self._places[digest] = place
                place += len(line)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
