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
from stages.engine.workspace import FactoryError

app = typer.Typer(
    name="flawfactory",
    help="Makes paired real / flawed images with masks and explanations from ordinary photos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """One line instead of a traceback for what the person can mend."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with stoppable():
                return command(*args, **kwargs)
        except FactoryError as error:
            errors.print(
                f"flawfactory: {error}", style="red", highlight=False, markup=False, soft_wrap=True
            )
            sys.exit(2)
        except Stopped as stopped:
            farewell(stopped)
            sys.exit(stopped.exit_code)

    return run


for name, command in {
    "build": build.build,
    "scan": scanning.scan,
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
