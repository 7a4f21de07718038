"""Several workers: they share one address and one memory, die alone, and stop together."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from qa.web.workers import SHARES

pytestmark = pytest.mark.skipif(not SHARES, reason="workers are forked on Linux alone")
WORKERS = 3


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    index = tmp_path_factory.mktemp("index")
    environ = os.environ | {
        "TIAOWEN_CORPUS": str(ROOT / "corpus"),
        "TIAOWEN_INDEX": str(index),
        "TIAOWEN_WORKERS": str(WORKERS),
    }
    subprocess.run([sys.executable, "-m", "qa", "index"], env=environ, check=True, cwd=ROOT)
    log = index / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "qa", "serve", "--port", "0"],
            env=environ,
            stdout=output,
            stderr=output,
            cwd=ROOT,
        )
        address = _wait_for(lambda: re.search(r"http://127[.0-9]+:\d+", log.read_text("utf-8")))
        _wait_for(lambda: _get(address + "/readyz"))
        yield process, address
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def _wait_for(what: object, seconds: float = 20) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()  # type: ignore[operator]
        if found:
            return found[0] if isinstance(found, re.Match) else str(found)
        time.sleep(0.02)
    raise TimeoutError(str(what))


def _get(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return str(reply.read(), "utf-8")
    except (urllib.error.URLError, ConnectionError):
        return ""


def _ask(address: str) -> str:
    body = json.dumps({"question": "科技成果协议定价要公示吗？"}).encode()
    request = urllib.request.Request(
        address + "/v1/ask", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        return str(json.load(reply)["status"])


def _children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_workers_share_what_was_loaded_before_them(
    service: tuple[subprocess.Popen[bytes], str],
) -> None:
    """By the kernel's own count the processes take less than twice the memory of one."""
    process, address = service
    for _ in range(30):
        assert _ask(address) == "answered"
    family = (process.pid, *_children(process.pid))
    assert len(family) == WORKERS + 1

    def kilobytes(pid: int, what: str) -> int:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        found = re.search(rf"^{what}:\s*(\d+)", text, re.MULTILINE)
        assert found
        return int(found[1])

    together = sum(kilobytes(pid, "Pss") for pid in family)
    assert together < 2 * max(kilobytes(pid, "Rss") for pid in family)


def test_figures_are_of_all_workers(service: tuple[subprocess.Popen[bytes], str]) -> None:
    """Whichever worker is asked for the figures, every answer counts once."""
    _, address = service

    def answers() -> float:
        found = re.search(
            r'tiaowen_answers_total\{status="answered"\} (\S+)', _get(address + "/metrics")
        )
        return float(found[1]) if found else 0.0

    before = answers()
    for _ in range(12):
        _ask(address)
    assert {answers() for _ in range(6)} == {before + 12}


def test_a_killed_worker_is_replaced(service: tuple[subprocess.Popen[bytes], str]) -> None:
    """While one worker is dead the others answer, and soon there are as many as before."""
    process, address = service
    victim = _children(process.pid)[0]
    os.kill(victim, signal.SIGKILL)
    assert _ask(address) == "answered"
    _wait_for(lambda: victim not in _children(process.pid))
    _wait_for(lambda: len(_children(process.pid)) == WORKERS)
    assert _ask(address) == "answered"
