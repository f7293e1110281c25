"""factory.toml: settings of how the factory runs, which never change its results."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from stages.engine.section import PositiveShare, Section, complaints
from stages.engine.storage.bucket import BucketStore
from stages.engine.storage.s3 import BUCKET_NAME, PROTOCOL
from stages.engine.storage.store import Store
from stages.engine.workspace import FactoryError, Workspace

_Model = TypeVar("_Model", bound=Section)
_ADDRESS = re.compile(r"auto|(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")
_BUCKET = re.compile(rf"{PROTOCOL}{BUCKET_NAME}(?:/[\w.-]+)*/?")


def _count_cores() -> int:
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return found or 1


class ExecutorSettings(Section):
    """The processes in which a stage computes its photos."""

    kind: Literal["inline", "processes", "ray"] = "processes"
    """``inline``: in the stage's own process; ``processes``: in local worker processes; ``ray``: in
    actors of a running Ray cluster."""
    workers: int = Field(default=0, ge=0, le=100_000)
    """Worker processes. 0: one per GPU for a stage whose models compute on GPUs, otherwise one per
    core that the process may use; with ``ray``, as many as the cluster has room for."""
    threads: int = Field(default=1, ge=1, le=1024)
    """Threads that each worker gives to torch and BLAS; with ``ray``, also the CPUs that it
    requests."""
    photo_timeout_minutes: float = Field(default=360.0, gt=0, le=525_600)
    """Time after which a photo is taken to hang and its worker is ended. It counts anew from each
    request to a chat model, which has limits of its own."""
    address: str = "auto"
    """``ray``: ``HOST:PORT`` of the cluster's head, or ``auto``: RAY_ADDRESS, else the cluster that
    this machine belongs to."""
    gpus_per_worker: PositiveShare = 1.0
    """``ray``: share of a GPU that a worker requests for a stage whose models compute on GPUs."""
    wait_minutes: float = Field(default=15.0, gt=0, le=10_080)
    """``ray``: how long to wait for a worker while the cluster runs none."""

    @field_validator("address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        if _ADDRESS.fullmatch(value):
            return value
        if value.startswith("ray://"):
            raise ValueError("Ray Client is not supported: build on a node and give HOST:PORT")
        raise ValueError("Input should be 'auto' or HOST:PORT of the cluster's head")

    def worker_count(self, units: int, gpus: int = 0) -> int:
        """Return the number of workers: at most one per photo, and 1 for ``inline``. For ``ray`` 0
        if it depends on the cluster.

        Args:
            units: photos to compute.
            gpus: GPUs that the stage's models compute on; 0 for the CPU.
        """
        if self.kind == "inline":
            return 1
        if self.kind == "ray" and not self.workers:
            return 0
        return max(1, min(self.workers or gpus or _count_cores(), units))

    def describe_workers(self, units: int, gpus: int = 0) -> str:
        """Return e.g. ``2 workers, one per core``, for the arguments of `worker_count`."""
        count = self.worker_count(units, gpus)
        if self.kind == "inline":
            return "in the stage's own process"
        why = f"of {self.workers} in factory.toml" if self.workers else self._unit(gpus)
        number = f"{count} worker{'s' * (count > 1)}" if count else "workers"
        return f"{number}{' on Ray' * (self.kind == 'ray')}, {why}"

    def _unit(self, gpus: int) -> str:
        if self.kind != "ray":
            return "one per GPU" if gpus else "one per core"
        return f"{self.gpus_per_worker:g} GPU each" if gpus else f"{self.threads} CPU each"


class Settings(Section):
    """The contents of factory.toml."""

    executor: ExecutorSettings = ExecutorSettings()
    store: str = Field(default="data/.store", min_length=1, json_schema_extra={"writeOnly": True})
    """Folder of the store, relative to the project root or absolute (on a larger or shared disk),
    or ``s3://BUCKET/PREFIX``."""
    prefect_home: Path = Field(default=Path("data/.prefect"), strict=False)
    """Folder of the temporary Prefect server that a schedule starts if none is configured; relative
    to the project root, or absolute."""
    calls: dict[str, Any] = Field(default_factory=dict)
    """Limits of calls to models over the network; validated by `stages.models.chat.settings`."""
    urls: dict[str, Any] = Field(default_factory=dict)
    """What lists of URLs may fetch; validated by `stages.ingest.urls.settings`."""
    buckets: dict[str, Any] = Field(default_factory=dict)
    """How much scans of buckets may fetch; validated by `stages.ingest.buckets.settings`."""
    stage_timeout_minutes: float = Field(default=24 * 60, gt=0, le=525_600)
    """Time after which the flow stops a stage; results computed so far stay in the store."""
    check_disk_space: bool = True
    """Whether a build is refused if the disk has no room for what it will write."""

    @field_validator("store")
    @classmethod
    def _check_store(cls, value: str) -> str:
        if "://" in value and not _BUCKET.fullmatch(value):
            raise ValueError("Input should be a folder or s3://BUCKET/PREFIX, without credentials")
        return value


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
    return _validate(workspace, Settings, read_settings(workspace))


def load_section(workspace: Workspace, model: type[_Model], name: str) -> _Model:
    """Read and validate one section of a checkout's factory.toml; missing keys take their defaults.

    Raises:
        FactoryError: a key, a value or the syntax is wrong, or the file cannot be read.
    """
    return _validate(workspace, model, read_settings(workspace).get(name, {}), name)


def _validate(
    workspace: Workspace, model: type[_Model], values: dict[str, Any], *section: str
) -> _Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        path, found = workspace.root / "factory.toml", complaints(error, model, values, *section)
        raise FactoryError("\n".join(f"{path}: {line}" for line in found)) from error


def open_store(workspace: Workspace, settings: Settings) -> Store:
    """Return the store; a relative folder is in the checkout, also for its experiments."""
    if settings.store.startswith(PROTOCOL):
        return BucketStore(settings.store)
    return Store(workspace.home / settings.store)
