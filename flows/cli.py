"""The command `flawfactory`: one file a command in `flows.commands`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import typer

from flows.commands import (
    build,
    diff,
    gc,
    models,
    plan,
    samples,
    schedule,
    status,
    try_one,
    verify,
    view,
)
from flows.commands import scan as scanning
from flows.console import errors
from flows.stopping import Stopped, farewell, stoppable
from stages.engine.faults import save_traceback, user_message

app = typer.Typer(
    name="flawfactory",
    help="Makes paired real / flawed images with masks and explanations from ordinary photos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

EXPECTED, UNEXPECTED = 2, 70
"""Exit codes: something that the person can mend; a fault of ours (as sysexits.h has it)."""


def _guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """One line instead of a traceback: what the person can mend, or where the traceback is."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with stoppable():
                return command(*args, **kwargs)
        except Stopped as stopped:
            farewell(stopped)
            sys.exit(stopped.exit_code)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:  # `flawfactory diff v1 | head`
            sys.stdout = None
            sys.exit(EXPECTED)
        except Exception as error:
            line = user_message(error)
            words = f"flawfactory: {line or save_traceback(error)}"
            errors.print(words, style="red", highlight=False, markup=False, soft_wrap=True)
            sys.exit(UNEXPECTED if line is None else EXPECTED)

    return run


for name, command in {
    "build": build.build,
    "scan": scanning.scan,
    "locate": scanning.locate,
    "withdraw": scanning.withdraw,
    "plan": plan.plan,
    "status": status.status,
    "try": try_one.try_one,
    "view": view.view,
    "verify": verify.verify,
    "diff": diff.diff,
    "models": models.models,
    "samples": samples.samples,
    "schedule": schedule.schedule,
    "gc": gc.gc,
}.items():
    app.command(name)(_guarded(command))
