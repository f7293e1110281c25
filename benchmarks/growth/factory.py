"""A factory of null models that builds in this process, and what its files are afterwards."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from benchmarks.chaos import nulls
from benchmarks.chaos.checkout import ROOT, make_checkout
from benchmarks.growth.evaluations import counted
from flows import steps
from flows.cache import md5
from flows.gallery.render import write_gallery
from flows.sources import track_source_list, update_source_list
from stages import STAGES
from stages.catalogue import stage_of
from stages.engine import runner
from stages.engine.storage.source_list import Source, read_list
from stages.engine.workspace import Workspace
from stages.ingest.sources import withdraw

SIDE = 128
_TILE = 16


@dataclass(frozen=True)
class StageFiles:
    """A stage's output folder."""

    shards: Mapping[str, str]
    """Name of a shard to the md5 of its bytes."""
    shard_bytes: Mapping[str, int]
    bytes: int
    """Of all files, among them tables, index and metrics."""


@dataclass
class Build:
    """What a build did."""

    evaluations: Counter[str] = field(default_factory=Counter[str])
    """Of back ends, by the names of `evaluations.METHODS`."""
    computed: dict[str, int] = field(default_factory=dict[str, int])
    """Photos that each stage computed; stages that did not run are absent."""
    cached: dict[str, int] = field(default_factory=dict[str, int])
    """Bytes that each stage added to DVC's cache."""
    files: dict[str, StageFiles] = field(default_factory=dict[str, StageFiles])


class Factory:
    """A checkout of null models below `folder`, in which this process works.

    Builds take the same steps as `flawfactory build`, without a process for each stage. All photos
    are made here: coloured tiles that differ in every photo.
    """

    def __init__(self, folder: Path, photos_per_shard: int | None = None) -> None:
        self.made = make_checkout(folder, "null", [], SIDE)
        self.workspace = Workspace(self.made.root)
        # The estimate of disk space is that of real photos.
        settings = 'check_disk_space = false\n[executor]\nkind = "inline"\n'
        (self.made.root / "factory.toml").write_text(settings)
        path = self.made.root / "params.yaml"
        params: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())
        own = yaml.safe_load((ROOT / "params.yaml").read_text())
        params["map"]["quotas"] = own["map"]["quotas"]
        params["explain"]["gate"]["min_distinct"] = 0.0  # all photos show the same two parts
        if photos_per_shard is not None:
            params["base"]["photos_per_shard"] = photos_per_shard
            params["package"]["photos_per_shard"] = photos_per_shard
        path.write_text(yaml.safe_dump(params))

    @property
    def photos(self) -> Path:
        """The folder of photos."""
        return self.made.folder / "photos"

    @property
    def cache(self) -> Path:
        """DVC's cache."""
        return self.made.root / ".dvc" / "cache"

    def add_photos(self, count: int) -> None:
        """Add `count` photos to the folder."""
        first = sum(1 for _ in self.photos.iterdir())
        for number in range(first, first + count):
            tiles = np.random.default_rng(number).integers(0, 256, (SIDE // _TILE,) * 2 + (3,))
            pixels = tiles.astype(np.uint8).repeat(_TILE, 0).repeat(_TILE, 1)
            Image.fromarray(pixels).save(self.photos / f"picture-{number:06d}.png")

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work in the checkout: its folder, its environment, null models."""
        environment, folder = dict(os.environ), Path.cwd()
        nulls.register()
        os.environ.update(self.made.environment("growth"))
        os.chdir(self.made.root)
        try:
            yield
        finally:
            nulls.unregister()
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)

    def build(self) -> Build:
        """Scan the photos and run what is stale; return what was done."""
        done = Build()

        def run_stage(root: Path, stage: str, wait_minutes: float | None) -> None:
            before = count_bytes(self.cache)
            done.computed[stage] = self._run_stage(stage)
            done.cached[stage] = count_bytes(self.cache) - before

        with counted() as done.evaluations:
            update_source_list(self.workspace, [self.photos])
            steps.run_stale(self.workspace, run_stage)
        write_gallery(self.workspace)
        done.files = {stage: read_files(self.workspace.stage(stage)) for stage in STAGES}
        return done

    def _run_stage(self, stage: str) -> int:
        """Run a stage as DVC does; return the number of photos that it computed.

        Raises:
            RuntimeError: its gate failed.
        """
        from dvc.repo import Repo

        verdict = runner.run(stage_of(stage, self.workspace.root), self.workspace)
        if not verdict.success:
            raise RuntimeError(f"{stage}: {verdict.failures}")
        with Repo(str(self.workspace.root)) as repo:
            repo.scm_context.quiet = True
            repo.commit(stage, force=True)
        report = yaml.safe_load((self.workspace.reports / f"{stage}.json").read_text())
        return report["computed"]

    def entries(self) -> list[Source]:
        """Return the source list."""
        return read_list(self.workspace.sources)

    def withdraw(self, key: str) -> None:
        """Withdraw a photo, as `flawfactory withdraw` does."""
        withdraw(self.workspace, key, "for the benchmark")
        track_source_list(self.workspace)


def count_bytes(folder: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def read_files(folder: Path) -> StageFiles:
    """Hash a stage's shards."""
    shards = sorted(folder.glob("*.tar"))
    return StageFiles(
        {path.name: md5(path) for path in shards},
        {path.name: path.stat().st_size for path in shards},
        count_bytes(folder),
    )
