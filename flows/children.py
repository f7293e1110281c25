"""Child processes that end with this one: each leads a group of its own and is on a leash."""

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
    """Run ``python -m COMMAND`` in `folder`; what it says goes to `output`, errors too.

    A terminal's Ctrl-C does not reach it. It ends with this process, however that ends.
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
    """Hand on each line that is not empty, in a thread."""

    def read() -> None:
        for line in process.stdout or ():
            if text := line.rstrip():
                on_line(text)

    reader = Thread(target=read, daemon=True)
    reader.start()
    return reader


def end(process: subprocess.Popen[str]) -> None:
    """End the child and its group: asked first, killed after a short time."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
