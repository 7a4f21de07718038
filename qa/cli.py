"""The command line: `tiaowen`, also `python -m qa`; every error becomes one line and a code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from qa.commands import app
from qa.errors import QAError, code_of

INTERRUPTED = 130
BROKEN_PIPE = 141
# One thread a process: pools of threads that wait by spinning slow each other down.
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 some inputs failed, 2 an error."""
    _speak_utf8()
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)
    try:
        app(args=None if argv is None else list(argv), prog_name="tiaowen")
    except QAError as error:
        print("error:", str(error).replace("\n", " "), file=sys.stderr)
        return code_of(error)[2]
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _after_broken_pipe()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):
            return _after_broken_pipe()
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            return _after_broken_pipe()
        return code
    return 0


def _speak_utf8() -> None:
    """Write UTF-8 whatever the machine's code page is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _after_broken_pipe() -> int:
    """Let nothing be flushed into a pipe that nobody reads."""
    if sys.__stdout__ is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
    return BROKEN_PIPE
