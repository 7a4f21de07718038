"""What is installed, configured and indexed, and whether anything calls out."""

from __future__ import annotations

import ipaddress
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib import metadata

from qa import __version__
from qa.catalog import load_documents
from qa.clauses import find_gaps, split_clauses
from qa.encoder import open_encoder
from qa.engine import Engine
from qa.errors import QAError
from qa.models import Clause, Document, Question
from qa.settings import PREFIX, Settings
from qa.snapshots import read_snapshot

PACKAGES = (
    *("numpy", "tokenizers", "safetensors", "faiss-cpu", "jieba", "rjieba", "bm25s", "OpenCC"),
    *("fastapi", "uvicorn", "pydantic", "python-multipart", "prometheus-client", "openpyxl"),
    *("python-calamine", "typer", "rich", "tomlkit", "charset-normalizer", "filelock"),
    *("rapidfuzz", "httpx2", "mcp", "cryptography", "PyJWT", "slack-sdk"),
    *("pypdfium2", "python-docx", "beautifulsoup4", "lxml"),
)
OPTIONAL_PACKAGES = ("sentence-transformers", "torch")
_QUESTION = "科技成果转化的收益怎么分配？"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; a text that is not ok ends with the cure."""

    name: str
    text: str
    ok: bool = True


def examine(environ: Mapping[str, str]) -> Iterator[Check]:
    """Yield every check, each as soon as it is done."""
    yield Check("tiaowen", f"{__version__}, Python {platform.python_version()}, {_machine()}")
    yield _packages()
    try:
        settings = Settings.from_env(environ)
    except QAError as error:
        yield Check("settings", str(error), ok=False)
        return
    yield from _settings(settings, environ)
    for name, check in (("encoder", _encoder), ("corpus", _corpus), ("index", _index)):
        yield _guarded(name, check, settings)
    yield _guarded("network", _network, settings)


def _guarded(name: str, check: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return check(settings)
    except QAError as error:
        return Check(name, str(error), ok=False)


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"


def _packages() -> Check:
    found, missing = [], []
    for package in (*PACKAGES, *OPTIONAL_PACKAGES):
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            if package in PACKAGES:
                missing.append(package)
            else:
                found.append(f"{package} not installed (optional)")
    if missing:
        text = f"missing: {', '.join(missing)}; run `pip install {' '.join(missing)}`"
        return Check("packages", text, ok=False)
    return Check("packages", ", ".join(found))


def _settings(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    for one in fields(settings):
        name = PREFIX + one.name.upper()
        origin = "environment" if environ.get(name, "").strip() else "default"
        value = getattr(settings, one.name)
        shown = value if one.repr or not value else "(kept to itself)"
        yield Check("setting", f"{name}={shown} ({origin})")
    known = {PREFIX + one.name.upper() for one in fields(settings)}
    for name in sorted(set(environ) - known):
        if name.startswith(PREFIX):
            yield Check("setting", f"{name} is no setting; unset it or mend its name", ok=False)


def _encoder(settings: Settings) -> Check:
    encoder = open_encoder(settings.encoder)
    text = f"{encoder.name}, {encoder.dimensions} dimensions, fingerprint {encoder.fingerprint}"
    return Check("encoder", text)


def _corpus(settings: Settings) -> Check:
    documents = load_documents(settings.corpus)
    gaps = [gap for one in documents for gap in find_gaps(one, split_clauses(one))]
    clauses = _clauses_of(documents)
    text = f"{settings.corpus}: {len(documents)} documents, {len(clauses)} clauses"
    if gaps:
        text += f"; numbering to look at: {'; '.join(gaps)}"
    if not documents:
        return Check("corpus", f"{text}; add one with `tiaowen add FILE`", ok=False)
    return Check("corpus", text)


def _clauses_of(documents: Sequence[Document]) -> list[Clause]:
    """Return the clauses that are indexed: not the headings without a text."""
    found = [clause for document in documents for clause in split_clauses(document)]
    return [clause for clause in found if clause.paragraphs]


def _index(settings: Settings) -> Check:
    snapshot = read_snapshot(settings.index, open_encoder(settings.encoder).fingerprint)
    manifest = snapshot.manifest
    text = (
        f"{settings.index}: snapshot {snapshot.id}, built {manifest.created} by encoder "
        f"{manifest.encoder}: {manifest.documents} documents, {manifest.clauses} clauses"
    )
    documents = load_documents(settings.corpus)
    if list(snapshot.documents) != documents or list(snapshot.clauses) != _clauses_of(documents):
        text += "; the corpus has changed since; run `tiaowen index`"
        return Check("index", text, ok=False)
    return Check("index", f"{text}; it matches the corpus and the encoder")


def _network(settings: Settings) -> Check:
    with watched_sockets() as attempts:
        try:
            answer = Engine.open(settings).ask(Question(_QUESTION))
        except OSError as error:
            if not attempts:
                raise QAError(f"not checked, no question could be asked: {error}") from error
    if attempts:
        text = f"it tries to reach {', '.join(sorted(set(attempts)))}; report it, with this output"
        return Check("network", text, ok=False)
    return Check(
        "network",
        "index opened and one question asked with Python's sockets watched: "
        f"nothing calls out ({answer.status})",
    )


_attempts: list[str] | None = None
_hooked = False


@contextmanager
def watched_sockets() -> Iterator[list[str]]:
    """Yield a list of the machines that this process tries to reach; each try is refused.

    Python tells of its own sockets only; a library's native sockets would not be seen.
    """
    global _attempts, _hooked  # noqa: PLW0603
    if not _hooked:  # an audit hook can never be taken off
        sys.addaudithook(_refuse)
        _hooked = True
    attempts: list[str] = []
    _attempts = attempts
    try:
        yield attempts
    finally:
        _attempts = None


def _refuse(event: str, details: tuple[object, ...]) -> None:
    if _attempts is None or not event.startswith("socket."):
        return
    host: object = None
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = details[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = details[0]
    if host and not _is_here(str(host)):
        _attempts.append(str(host))
        raise OSError(f"doctor lets nothing reach {host}")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
