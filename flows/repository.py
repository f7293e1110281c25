"""Read what git and DVC keep in a checkout, and turn their errors into one line with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from stages.engine.workspace import FactoryError, Workspace

LOCK = Path("dvc.lock")
SOURCES = Path("data") / "sources.dvc"
"""DVC's pointer to the source list, which git tracks; relative to the checkout."""


class UnusableCheckout(FactoryError):
    """The checkout cannot be used as it is: a merge is unfinished, git does not trust its owner, or
    there is no git repository."""


def locked_stages(root: Path) -> dict[str, dict[str, Any]]:
    """Read the entries of dvc.lock by stage; empty before the first build.

    Raises:
        FactoryError: the file contains git's conflict markers, is empty, or is not a lock file.
    """
    try:
        text = (root / LOCK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise FactoryError(f"{LOCK} cannot be read: {error}") from error
    require_no_conflicts(root)
    damaged = (
        f"{LOCK} is empty or damaged: `git checkout {LOCK}` brings back the committed one; if "
        "there is none, remove the file and type `flawfactory build`: results are in the store"
    )
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FactoryError(damaged) from error
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict) or not all(isinstance(s, dict) for s in stages.values()):
        raise FactoryError(damaged)
    return stages


def require_no_conflicts(root: Path) -> None:
    """Require that dvc.lock and sources.dvc have no conflict markers.

    Raises:
        UnusableCheckout: a merge is unfinished; says how to finish it.
    """
    for name in (LOCK, SOURCES):
        try:
            lines = (root / name).read_bytes().splitlines()
        except OSError:
            continue
        if any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in lines):
            raise UnusableCheckout(
                f"{name} has git's conflict markers: keep one side (`git checkout --ours {name}`, "
                "or --theirs), `dvc checkout`, then scan the other side's folders again and build"
            )


@contextmanager
def translate_errors(workspace: Workspace) -> Iterator[None]:
    """Translate errors of DVC and git inside the context.

    Raises:
        UnusableCheckout: the checkout has to be repaired first; says how.
        FactoryError: in place of any other error of DVC or git.
    """
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    require_no_conflicts(workspace.root)
    try:
        yield
    except Exception as error:  # git's libraries raise types of their own
        words = " ".join(str(error).split())
        if "not owned by current user" in words or "dubious ownership" in words:
            raise UnusableCheckout(
                f"git does not trust {workspace.root}, which belongs to another user; if you do: "
                f"`git config --global --add safe.directory {workspace.root}`"
            ) from error
        if "is not a git repository" in words:
            raise UnusableCheckout(
                f"DVC: {words}: run `git init` there (git keeps the data set's versions), or let "
                "DVC do without: `dvc config --local core.no_scm true`"
            ) from error
        if isinstance(error, DvcException | SCMError):
            raise FactoryError(f"DVC: {words}") from error
        raise
