"""What git and DVC hold in people's checkouts; their failures in one line with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from stages.engine.workspace import FactoryError, Workspace

LOCK = Path("dvc.lock")
SOURCES = Path("data") / "sources.dvc"
"""What git knows of the source list, relative to the project: DVC's pointer to it."""


class NotUsable(FactoryError):
    """The checkout as it is cannot be asked: a merge is not done, git does not trust its owner, or
    there is no git."""


def locked_stages(root: Path) -> dict[str, dict[str, Any]]:
    """Stage to what dvc.lock says of it; empty before the first build.

    Raises:
        FactoryError: git's conflict markers are in it, or it is no lock file; an empty one is none.
    """
    try:
        text = (root / LOCK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise FactoryError(f"{LOCK} cannot be read: {error}") from error
    require_merged(root)
    damaged = f"{LOCK} is empty or damaged: `git checkout {LOCK}` brings back the committed one"
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FactoryError(damaged) from error
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict) or not all(isinstance(s, dict) for s in stages.values()):
        raise FactoryError(damaged)
    return stages


def require_merged(root: Path) -> None:
    """Files that name versions of data are one version's.

    Raises:
        NotUsable: a merge is not done; says how to end it.
    """
    for name in (LOCK, SOURCES):
        try:
            lines = (root / name).read_bytes().splitlines()
        except OSError:
            continue
        if any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in lines):
            raise NotUsable(
                f"{name} has git's conflict markers: keep one side (`git checkout --ours {name}`, "
                "or --theirs), `dvc checkout`, then scan the other side's folders again and build"
            )


@contextmanager
def told_in_a_line(workspace: Workspace) -> Iterator[None]:
    """Run what asks DVC and git.

    Raises:
        NotUsable: the checkout has to be put right first.
        FactoryError: in place of their other errors.
    """
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    require_merged(workspace.root)
    try:
        yield
    except Exception as error:  # git's libraries have errors of their own
        words = " ".join(str(error).split())
        if "not owned by current user" in words or "dubious ownership" in words:
            raise NotUsable(
                f"git does not trust {workspace.root}, which belongs to another user; if you do: "
                f"`git config --global --add safe.directory {workspace.root}`"
            ) from error
        if "is not a git repository" in words:
            raise NotUsable(
                f"DVC: {words}: run `git init` there (versions of the data set are git's), or have "
                "DVC do without: `dvc config --local core.no_scm true`"
            ) from error
        if isinstance(error, DvcException | SCMError):
            raise FactoryError(f"DVC: {words}") from error
        raise
