"""Services in processes of their own, and the requests that are sent to them."""

from __future__ import annotations

import http.client
import re
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from time import perf_counter, sleep

HOST = "127.0.0.1"
SECONDS_TO_START = 120
SECONDS_TO_STOP = 15

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TOOK = b'"took_ms":'


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its process, its port, and the seconds from its start to ready."""

    pid: int
    port: int
    seconds: float

    def memory(self) -> float:
        """Return the memory of the service's processes in MiB, shared pages once; 0 without /proc.

        It is what the kernel calls the proportional set size.
        """
        return sum(map(_proportional_size, (self.pid, *_children(self.pid)))) / 1024


@dataclass(slots=True)
class Load:
    """Replies: the seconds that all took, and of each its milliseconds and its bytes.

    `took` are the milliseconds that the service says it took, if it does.
    """

    seconds: float = 0.0
    round_trips: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return the replies in a second."""
        return len(self.round_trips) / self.seconds


@contextmanager
def serving(command: Sequence[str], environ: Mapping[str, str], log: Path) -> Iterator[Service]:
    """Run a Python service until GET /readyz says 200, and stop it at the end.

    `{port}` in the command stands for a free port.
    """
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    arguments = [sys.executable, *(one.format(port=port) for one in command)]
    with log.open("wb") as output:
        started = perf_counter()
        process = subprocess.Popen(arguments, env=environ, stdout=output, stderr=output)
        try:
            while not _is_ready(port):
                if process.poll() is not None or perf_counter() - started > SECONDS_TO_START:
                    sys.exit(f"a service did not start:\n{log.read_text('utf-8')[-2000:]}")
                sleep(0.005)
            yield Service(process.pid, port, perf_counter() - started)
        finally:
            process.terminate()
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def post_of(path: str, body: bytes) -> bytes:
    """Return a request."""
    head = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def drive(
    service: Service, posts: Iterator[bytes], connections: int = 1, seconds: float = 1e9
) -> Load:
    """Send requests over keep-alive connections until there are no more or the time is over."""
    load = Load()
    sent_at: dict[int, float] = {}

    def send(one: socket.socket) -> None:
        post = next(posts, None) if perf_counter() - started < seconds else None
        if post is None:
            selector.unregister(one)
            return
        sent_at[one.fileno()] = perf_counter()
        one.sendall(post)

    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        started = perf_counter()
        for _ in range(connections):
            one = stack.enter_context(socket.create_connection((HOST, service.port)))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(one, selectors.EVENT_READ, (one, bytearray()))
            send(one)
        while selector.get_map():
            for key, _ in selector.select():
                one, reply = key.data
                if _receive(one, reply):
                    _note(load, reply, perf_counter() - sent_at[one.fileno()])
                    reply.clear()
                    send(one)
        load.seconds = perf_counter() - started
    return load


def compare(
    targets: Sequence[tuple[Service, Sequence[bytes]]], connections: int, seconds: float
) -> list[Load]:
    """Drive services by turns, `seconds` each, so that what else runs meets them all."""
    loads = [Load() for _ in targets]
    posts = [cycle(some) for _, some in targets]
    turns = max(2, round(2 * seconds))
    for turn in range(-1, turns):
        for (service, _), load, some in zip(targets, loads, posts, strict=True):
            part = drive(service, some, connections, seconds / turns)
            if turn >= 0:  # the first turn warms up
                load.seconds += part.seconds
                load.round_trips += part.round_trips
                load.took += part.took
    return loads


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in path.read_text().split()] if path.exists() else []


def _proportional_size(pid: int) -> int:
    """Return the kB of a process, each page divided by the number of processes that have it."""
    path = Path(f"/proc/{pid}/smaps_rollup")
    found = re.search(r"^Pss:\s*(\d+)", path.read_text() if path.exists() else "", re.MULTILINE)
    return int(found[1]) if found else 0


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _receive(one: socket.socket, reply: bytearray) -> bool:
    """Take in what has come; return whether the reply is whole."""
    data = one.recv(1 << 18)
    if not data:
        raise ConnectionError("the service closed a connection")
    reply += data
    length = _LENGTH.search(reply)
    end = reply.find(b"\r\n\r\n")
    return end > 0 and length is not None and len(reply) >= end + 4 + int(length[1])


def _note(load: Load, reply: bytearray, seconds: float) -> None:
    if not reply.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(f"the service replied {bytes(reply[:500])!r}")
    load.round_trips.append(seconds * 1000)
    load.sizes.append(len(reply) - reply.find(b"\r\n\r\n") - 4)
    if (at := reply.rfind(_TOOK)) >= 0:
        load.took.append(float(reply[at + len(_TOOK) :].rstrip(b"}")))
