"""What somebody names to be added → the files: a file, a folder, or an archive of these."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from qa.documents import SUFFIXES
from qa.errors import CorpusError

MOST_FILES = 10_000
LARGEST_UNPACKED = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """The files to be added, and those left out."""

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


def gather_files(paths: Sequence[Path], scratch: Path) -> Gathered:
    """Return the files that paths name; archives are unpacked into `scratch`.

    A file named by itself is always taken, so that it fails under its own name. Raises CorpusError
    for an archive that cannot be read, or would be too large.
    """
    files: list[Path] = []
    skipped: list[Skipped] = []
    for number, path in enumerate(paths):
        if path.is_dir():
            found = sorted(one for one in path.rglob("*") if one.is_file())
        elif path.suffix.lower() == ".zip":
            found = list(_unpack(path, scratch / str(number)))
        else:
            files.append(path)
            continue
        for one in found:
            if one.suffix.lower() in SUFFIXES and not one.name.startswith((".", "~$")):
                files.append(one)
            else:
                kinds = ", ".join(SUFFIXES)
                skipped.append(Skipped(one.name, f"is none of {kinds}; save it as one of them"))
    if len(files) > MOST_FILES:
        raise CorpusError(f"{len(files)} files are more than {MOST_FILES}; add them in parts")
    return Gathered(tuple(files), tuple(skipped))


def _unpack(path: Path, folder: Path) -> Iterator[Path]:
    """Unpack the files of an archive under their own names, whatever paths it gives them."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            if len(entries) > MOST_FILES or sum(one.file_size for one in entries) > (
                LARGEST_UNPACKED
            ):
                raise CorpusError(
                    f"{path}: would be {len(entries)} files or too large unpacked; split it"
                )
            for number, entry in enumerate(entries):
                last = PurePosixPath(PureWindowsPath(_name(entry)).name).name or "file"
                target = folder / str(number) / last
                target.parent.mkdir(parents=True)
                with archive.open(entry) as source, target.open("wb") as made:
                    left = entry.file_size
                    while left > 0 and (chunk := source.read(min(left, 1 << 20))):
                        made.write(chunk)
                        left -= len(chunk)
                yield target
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise CorpusError(
            f"{path}: cannot be unpacked ({error}); take its password off, or pack it anew"
        ) from error


def _name(entry: zipfile.ZipInfo) -> str:
    """Return the name of an entry; one that does not say UTF-8 is what Windows writes in China."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return entry.filename
