"""factory.toml: how the factory runs, never what comes out of it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal

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


class Price(Section):
    """What a model's tokens cost, in the currency of the budget."""

    input: float = Field(ge=0, le=1_000_000)
    """A million tokens that are sent."""
    output: float = Field(ge=0, le=1_000_000)
    """A million tokens that come back."""

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Of one call."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


class CallSettings(Section):
    """How fast, and for how much money, back ends may ask services over the network."""

    requests_per_minute: int = Field(default=0, ge=0, le=1_000_000)
    """Over all workers together; 0 = no bound."""
    tokens_per_minute: int = Field(default=0, ge=0, le=10**12)
    """Sent and returned, as estimated beforehand; 0 = no bound."""
    concurrency: int = Field(default=8, ge=1, le=1_000_000)
    """Requests under way at once, all workers together."""
    timeout_seconds: float = Field(default=120.0, gt=0, le=86_400)
    attempts: int = Field(default=6, ge=1, le=100)
    """Of one request, before its photo is left for the next build."""
    image_tokens: int = Field(default=1600, ge=0, le=1_000_000)
    """Assumed of an image before the first answer tells."""
    budget: float | None = Field(default=None, ge=0, le=1_000_000_000)
    """The build ends before the checkout's ledger passes this; None = no bound."""
    budget_days: float | None = Field(default=None, gt=0, le=36_500)
    """Only calls of so many last days count against the budget; None = all."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """By the model's name; a model that is not here has an unknown price."""

    def counted_from(self, now: float) -> float:
        """Since when calls count against the budget; `now` and this in seconds since the epoch."""
        return 0.0 if self.budget_days is None else now - self.budget_days * 86_400


class Settings(Section):
    """All of factory.toml."""

    executor: ExecutorSettings = ExecutorSettings()
    store: Path = Field(default=Path("data/.store"), strict=False)
    """Relative to the project root, or absolute (a larger disk)."""
    prefect_home: Path = Field(default=Path("data/.prefect"), strict=False)
    """Of the temporary Prefect server that a schedule starts where none is configured; relative to
    the project root, or absolute."""
    calls: CallSettings = CallSettings()
    stage_timeout_minutes: float = Field(default=24 * 60, gt=0, le=525_600)
    """After this the flow ends a stage; what it computed stays in the store."""


def load_settings(workspace: Workspace) -> Settings:
    """factory.toml of a checkout; defaults where it is silent.

    Raises:
        FactoryError: wrong key, value or syntax, or a file that cannot be read.
    """
    path = workspace.root / "factory.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except OSError as error:
        raise FactoryError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FactoryError(f"{path}: {error}") from error
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        found = complaints(error, Settings, values)
        raise FactoryError("\n".join(f"{path}: {line}" for line in found)) from error


def store_root(workspace: Workspace, settings: Settings) -> Path:
    """The store's folder; a relative one lies in the checkout, for its experiments too."""
    return workspace.home / settings.store
