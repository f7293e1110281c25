"""Run child processes that end with this one: each leads its own process group and reads a pipe
from this process on its standard input, which closes with it (`stages.engine.execution.leash`)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import IO

_GRACE_SECONDS = 2.0


def start(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    output: int | IO[str] = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """Start ``python -m COMMAND`` in `folder`, with stdout and stderr going to `output`.

    Ctrl-C in the terminal does not reach it. It ends with this process, however that ends.
    """
    return subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, "-m", "flows.leashed", *command],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def forward(process: subprocess.Popen[str], on_line: Callable[[str], None]) -> Thread:
    """Pass each non-empty line of the output to `on_line`, in a thread."""

    def read() -> None:
        for line in process.stdout or ():
            if text := line.rstrip():
                on_line(text)

    reader = Thread(target=read, daemon=True)
    reader.start()
    return reader


def end(process: subprocess.Popen[str]) -> None:
    """End the child and its process group: SIGTERM first, SIGKILL after two seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
