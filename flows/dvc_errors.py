"""What DVC says, with what to do about it."""

from __future__ import annotations

from stages.engine.workspace import FactoryError

_NO_GIT = (
    "is not a git repository",
    "run `git init` there (versions of the data set are git's), or have DVC do without: "
    "`dvc config --local core.no_scm true`",
)


def as_ours(error: Exception) -> FactoryError:
    """An error of DVC's as one for the person at the keyboard."""
    sign, remedy = _NO_GIT
    words = str(error)
    return FactoryError(f"DVC: {words}: {remedy}" if sign in words else f"DVC: {words}")
