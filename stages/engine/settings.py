"""factory.toml: settings of how the factory runs, which never change its results."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from stages.engine.section import Section, complaints
from stages.engine.workspace import FactoryError, Workspace


def _count_cores() -> int:
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return found or 1


class ExecutorSettings(Section):
    """The processes in which a stage computes its photos."""

    kind: Literal["inline", "processes"] = "processes"
    """``inline``: in the stage's own process; ``processes``: in local worker processes."""
    workers: int = Field(default=0, ge=0, le=1024)
    """Worker processes. 0: one per GPU for a stage whose models compute on GPUs, otherwise one per
    core that the process may use."""
    threads: int = Field(default=1, ge=1, le=1024)
    """Threads that each worker gives to torch and BLAS."""

    def worker_count(self, units: int, gpus: int = 0) -> int:
        """Return the number of workers: at most one per photo, and 1 for ``inline``.

        Args:
            units: photos to compute.
            gpus: GPUs that the stage's models compute on; 0 for the CPU.
        """
        if self.kind == "inline":
            return 1
        return max(1, min(self.workers or gpus or _count_cores(), units))

    def describe_workers(self, units: int, gpus: int = 0) -> str:
        """Return e.g. ``2 workers, one per core``, for the arguments of `worker_count`."""
        count = self.worker_count(units, gpus)
        if self.kind == "inline":
            return "in the stage's own process"
        if self.workers:
            why = f"of {self.workers} in factory.toml"
        else:
            why = "one per GPU" if gpus else "one per core"
        return f"{count} worker{'s' * (count > 1)}, {why}"


class Settings(Section):
    """The contents of factory.toml."""

    executor: ExecutorSettings = ExecutorSettings()
    store: Path = Field(default=Path("data/.store"), strict=False)
    """Folder of the store: relative to the project root, or absolute (on a larger disk)."""
    prefect_home: Path = Field(default=Path("data/.prefect"), strict=False)
    """Folder of the temporary Prefect server that a schedule starts if none is configured; relative
    to the project root, or absolute."""
    calls: dict[str, Any] = Field(default_factory=dict)
    """Limits of calls to models over the network; validated by `stages.models.chat.settings`."""
    urls: dict[str, Any] = Field(default_factory=dict)
    """What lists of URLs may fetch; validated by `stages.ingest.urls.settings`."""
    stage_timeout_minutes: float = Field(default=24 * 60, gt=0, le=525_600)
    """Time after which the flow stops a stage; results computed so far stay in the store."""


def read_settings(workspace: Workspace) -> dict[str, Any]:
    """Read a checkout's factory.toml without validating it; empty if there is no file.

    Raises:
        FactoryError: the file cannot be read or is not TOML.
    """
    path = workspace.root / "factory.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except OSError as error:
        raise FactoryError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, a number too long
        raise FactoryError(f"{path}: {error}") from error


def load_settings(workspace: Workspace) -> Settings:
    """Read and validate a checkout's factory.toml; missing keys take their defaults.

    Raises:
        FactoryError: a key, a value or the syntax is wrong, or the file cannot be read.
    """
    values = read_settings(workspace)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        path, found = workspace.root / "factory.toml", complaints(error, Settings, values)
        raise FactoryError("\n".join(f"{path}: {line}" for line in found)) from error


def store_root(workspace: Workspace, settings: Settings) -> Path:
    """Return the store's folder; a relative one is in the checkout, also for its experiments."""
    return workspace.home / settings.store
