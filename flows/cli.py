"""The command `flawfactory`; each subcommand has a file of its own in `flows.commands`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import typer

from flows.commands import (
    build,
    diff,
    evaluate,
    export,
    gc,
    inspect,
    judge,
    models,
    plan,
    release,
    samples,
    schedule,
    status,
    try_one,
    verify,
    view,
)
from flows.commands import scan as scanning
from flows.console import error_console
from flows.stopping import Stopped, print_stop_message, raise_on_signals
from stages.engine.faults import save_traceback, user_message

app = typer.Typer(
    name="flawfactory",
    help="Makes paired real / flawed images with masks and explanations from ordinary photos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

USER_ERROR, INTERNAL_ERROR = 2, 70
"""Exit codes: an error that the user can fix; a bug in flawfactory (EX_SOFTWARE of sysexits.h)."""


def _report_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Print one line instead of a traceback: what to fix, or the file that holds the traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with raise_on_signals():
                return command(*args, **kwargs)
        except Stopped as stopped:
            print_stop_message(stopped)
            sys.exit(stopped.exit_code)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:  # `flawfactory diff v1 | head`
            sys.stdout = None
            sys.exit(USER_ERROR)
        except Exception as error:
            line = user_message(error)
            words = f"flawfactory: {line or save_traceback(error)}"
            error_console.print(words, style="red", highlight=False, markup=False, soft_wrap=True)
            sys.exit(INTERNAL_ERROR if line is None else USER_ERROR)

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
    "export": export.export,
    "release": release.release,
    "evaluate": evaluate.evaluate,
    "models": models.models,
    "samples": samples.samples,
    "schedule": schedule.schedule,
    "inspect": inspect.inspect,
    "gc": gc.gc,
}.items():
    app.command(name)(_report_errors(command))

judging = typer.Typer(
    help="Compare the judge with people's verdicts, or fit the compact judge to them.",
    no_args_is_help=True,
)
for name, command in {"agreement": judge.agreement, "fit": judge.fit}.items():
    judging.command(name)(_report_errors(command))
app.add_typer(judging, name="judge")
