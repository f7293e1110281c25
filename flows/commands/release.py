"""`flawfactory release`: check this version, push its data and tag it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any

import typer
from rich.progress import Progress

from flows.commands.arguments import Wait
from flows.console import console, error_console, say
from flows.release.release import Count, Display, Released, Wanted
from flows.release.release import release as release_version
from stages.engine.workspace import FactoryError, Workspace


def release(
    version: Annotated[str, typer.Argument(help="Name of the release and of its git tag: v1.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, change nothing.")
    ] = False,
    remote: Annotated[
        str | None, typer.Option(help="DVC remote to push to. Default: the default remote.")
    ] = None,
    push: Annotated[bool, typer.Option(help="Push the data before the tag is made.")] = True,
    only_package: Annotated[
        bool,
        typer.Option(
            "--only-package",
            help="Push data/package alone: all that readers need, but not enough to build on.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    wait: Wait = None,
) -> None:
    """Release this version of the data set: checks, changelog, `dvc push`, commit, git tag.

    The tag is made last. After a failure, the same command goes on where it stopped.
    """
    if not push and (remote or only_package):
        raise FactoryError("--remote and --only-package are for a push: leave out --no-push")
    wanted = Wanted(version, remote, push, only_package)
    display = Display(_say_on_stderr if as_json else say, _show, _count_pairs)
    done = release_version(Workspace.find(), wanted, display, dry_run=dry_run, wait_minutes=wait)
    if as_json:
        say(json.dumps(done.as_json()))
        return
    for warning in done.warnings:
        say(f"warning: {warning}")
    if dry_run:
        _print_plan(done)
    else:
        _print_result(done)


def _show(words: str) -> AbstractContextManager[Any]:
    return error_console.status(words)


@contextmanager
def _count_pairs() -> Iterator[Count]:
    with Progress(console=error_console, transient=True) as bar:
        task = bar.add_task("verifying pairs", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _say_on_stderr(words: str) -> None:
    error_console.print(words, markup=False, highlight=False, soft_wrap=True)


def _print_plan(done: Released) -> None:
    say(f"{done.version} can be released: {done.pairs} pairs")
    if done.remote:
        say(f"{done.pushed} files would be pushed to {done.remote}")
    if done.entry:
        console.print(done.entry, markup=False, highlight=False, soft_wrap=True)


def _print_result(done: Released) -> None:
    if done.remote:
        say(f"pushed to {done.remote}: {done.pushed} files")
    else:
        say("not pushed: `dvc push` before others need the data")
    say(f"released {done.version}: {done.pairs} pairs, commit {(done.commit or '')[:12]}")
    say(f"share it: git push origin HEAD {done.version}")
