"""factory.toml: how the factory runs, never what comes out of it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from stages.engine.section import Section, complaints
from stages.engine.workspace import FactoryError, Workspace


def _cores() -> int:
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return found or 1


class ExecutorSettings(Section):
    """Who computes the photos."""

    kind: Literal["inline", "processes"] = "processes"
    """``inline``: in the stage's own process; ``processes``: local worker processes."""
    workers: int = Field(default=0, ge=0, le=1024)
    """Worker processes; 0 = one a GPU for a stage whose models compute there, one a core that the
    process may use for the others."""
    threads: int = Field(default=1, ge=1, le=1024)
    """Threads a worker gives to torch and BLAS."""

    def worker_count(self, units: int, gpus: int = 0) -> int:
        """Never more workers than photos, and one for a stage in its own process.

        Args:
            units: photos to work on.
            gpus: that the stage's models compute on; 0 = on the CPU.
        """
        if self.kind == "inline":
            return 1
        return max(1, min(self.workers or gpus or _cores(), units))

    def words(self, units: int, gpus: int = 0) -> str:
        """``2 workers, one a core``; the arguments are those of `worker_count`."""
        count = self.worker_count(units, gpus)
        if self.kind == "inline":
            return "in the stage's own process"
        if self.workers:
            why = f"of {self.workers} in factory.toml"
        else:
            why = "one a GPU" if gpus else "one a core"
        return f"{count} worker{'s' * (count > 1)}, {why}"


class Settings(Section):
    """All of factory.toml."""

    executor: ExecutorSettings = ExecutorSettings()
    store: Path = Field(default=Path("data/.store"), strict=False)
    """Relative to the project root, or absolute (a larger disk)."""
    prefect_home: Path = Field(default=Path("data/.prefect"), strict=False)
    """Of the temporary Prefect server that a schedule starts where none is configured; relative to
    the project root, or absolute."""
    calls: dict[str, Any] = Field(default_factory=dict)
    """How models over the network are asked; checked by `stages.models.chat.settings`."""
    stage_timeout_minutes: float = Field(default=24 * 60, gt=0, le=525_600)
    """After this the flow ends a stage; what it computed stays in the store."""


def read_settings(workspace: Workspace) -> dict[str, Any]:
    """The unchecked values of a checkout's factory.toml; empty without the file.

    Raises:
        FactoryError: the file cannot be read or is not TOML.
    """
    path = workspace.root / "factory.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except OSError as error:
        raise FactoryError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FactoryError(f"{path}: {error}") from error


def load_settings(workspace: Workspace) -> Settings:
    """Read and check a checkout's factory.toml, with defaults for what it leaves out.

    Raises:
        FactoryError: wrong key, value or syntax, or a file that cannot be read.
    """
    values = read_settings(workspace)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        path, found = workspace.root / "factory.toml", complaints(error, Settings, values)
        raise FactoryError("\n".join(f"{path}: {line}" for line in found)) from error


def store_root(workspace: Workspace, settings: Settings) -> Path:
    """The store's folder; a relative one lies in the checkout, for its experiments too."""
    return workspace.home / settings.store
