"""Push the data of this version to a DVC remote."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flows.repository import UnusableCheckout, translate_errors
from stages.engine.workspace import FactoryError, Workspace

PACKAGE = "data/package"
_LOGGERS = ("dvc", "dvc_data", "dvc_objects")


def find_remote(workspace: Workspace, name: str | None) -> str:
    """Return the name of the remote to push to: `name`, or the default remote.

    Raises:
        FactoryError: there is no such remote, or no default one.
    """
    from dvc.repo import Repo

    with translate_errors(workspace), Repo(str(workspace.root)) as repo:
        known = sorted(repo.config["remote"])
        chosen = name or repo.config["core"].get("remote")
    if chosen and chosen in known:
        return chosen
    if name:
        raise FactoryError(f"no DVC remote {name}; known: {', '.join(known) or 'none'}")
    choose = f", or name one with --remote ({', '.join(known)})" if known else ""
    raise FactoryError(
        "no default DVC remote: add one with `dvc remote add --default NAME URL`"
        f"{choose}, or leave the data here with --no-push"
    )


def push(workspace: Workspace, remote: str, *, only_package: bool) -> int:
    """Push the outputs and the source list, or data/package only; return the number of files that
    the remote did not have.

    Raises:
        FactoryError: the remote lacks something afterwards.
    """
    from dvc.repo import Repo

    targets = [PACKAGE] if only_package else None
    with _explain(workspace, remote), Repo(str(workspace.root)) as repo:
        count = repo.push(targets=targets, remote=remote)
        if left := _list_missing(repo, remote, targets):
            raise FactoryError(
                f"{len(left)} files of this version are neither in DVC's cache nor in the remote: "
                "`flawfactory verify --repair`"
            )
    return count


def count_missing(workspace: Workspace, remote: str, *, only_package: bool) -> int:
    """Count the files that the remote lacks.

    Raises:
        FactoryError: the remote cannot be asked.
    """
    from dvc.repo import Repo

    targets = [PACKAGE] if only_package else None
    with _explain(workspace, remote), Repo(str(workspace.root)) as repo:
        return len(_list_missing(repo, remote, targets))


def _list_missing(repo: Any, remote: str, targets: list[str] | None) -> list[str]:
    config = repo.config["remote"][remote]
    if config.get("worktree") or config.get("version_aware"):
        return []  # DVC cannot compare these remotes
    status = repo.status(targets=targets, cloud=True, remote=remote)
    return [name for name, state in status.items() if state in ("new", "missing")]


@contextmanager
def _explain(workspace: Workspace, remote: str) -> Iterator[None]:
    """Turn any failure of a remote's client into one line, with the first error that DVC logs."""
    logged = _Collector()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(logged)
        logger.propagate = False
    try:
        with translate_errors(workspace):
            yield
    except UnusableCheckout:
        raise
    except Exception as error:  # clients of remotes raise types of their own
        words = logged.first or " ".join(str(error).split()) or type(error).__name__
        raise FactoryError(f"remote {remote}: {words}") from error
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(logged)
            logger.propagate = propagate


class _Collector(logging.Handler):
    """Keeps the first error that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error behind a record, or its message."""
        error = record.exc_info[1] if record.exc_info else None
        words = " ".join(str(error or record.getMessage()).split())
        self.first = self.first or words
