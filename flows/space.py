"""Refuse a build for which the disk has no room, before it computes anything."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from flows.cache import ObjectCache
from flows.pipeline import StaleStages
from flows.planning import StagePlan, plan_build
from flows.report import StageReport, read_reports
from stages.engine.settings import load_settings, open_store
from stages.engine.storage.bucket import BucketStore
from stages.engine.workspace import FactoryError, Workspace

_SAMPLE_BUILD = {
    "ingest": (350_000, 350_000),
    "perceive": (19_000, 12_000),
    "map": (10_000, 6_000),
    "invert": (1_290_000, 1_290_000),
    "inject": (450_000, 440_000),
    "filter": (10_000, 7_000),
    "explain": (10_000, 4_000),
    "package": (3_390_000, 4_580_000),
}
"""Bytes per photo in the store and in the output, of stages that were not measured here yet: those
of the sample photos with the compact profile."""


@dataclass(frozen=True)
class Need:
    """The bytes that a build writes below a folder."""

    folder: Path
    size: float


def require_space(workspace: Workspace, stale: StaleStages) -> None:
    """Check that the disks have room for what the stale stages will write.

    The estimate is a lower bound: the photos that the first stale stage computes, at each stage's
    bytes per photo of its last run here. `check_disk_space` in factory.toml switches it off.

    Raises:
        FactoryError: a disk has less space; gives the numbers.
    """
    if not load_settings(workspace).check_disk_space:
        return
    try:
        plans = plan_build(workspace, stale)
    except FactoryError:  # the stage itself will say what is wrong
        return
    known = {report.stage: report for report in read_reports(workspace)}
    complain_of_space(estimate_needs(workspace, plans, known), measured=bool(known))


def estimate_needs(
    workspace: Workspace, plans: Sequence[StagePlan], known: Mapping[str, StageReport]
) -> list[Need]:
    """Estimate what a build writes to the store, to the outputs and to DVC's cache."""
    photos = plans[0].to_compute if plans else 0
    stored = outputs = 0.0
    for plan in plans:
        a, b = _bytes_a_photo(plan.stage, known.get(plan.stage))
        stored, outputs = stored + photos * a, outputs + photos * b
    if not photos:
        return []
    needs = [Need(workspace.data, outputs), Need(ObjectCache.of(workspace).root, outputs)]
    store = open_store(workspace, load_settings(workspace))
    return needs if isinstance(store, BucketStore) else [Need(store.root, stored), *needs]


def _bytes_a_photo(stage: str, report: StageReport | None) -> tuple[float, float]:
    if report is None or not report.photos_in or not report.disk_bytes:
        return _SAMPLE_BUILD.get(stage, (0, 0))
    stored = report.disk_bytes - 2 * report.output_bytes
    return stored / report.photos_in, report.output_bytes / report.photos_in


def complain_of_space(needs: Sequence[Need], *, measured: bool) -> None:
    """Compare needs with the free space of the file systems that the folders are on.

    Raises:
        FactoryError: one has less.
    """
    by_disk: dict[int, list[Need]] = {}
    for need in needs:
        folder = next(f for f in (need.folder, *need.folder.parents) if f.exists())
        by_disk.setdefault(folder.stat().st_dev, []).append(Need(folder, need.size))
    for found in by_disk.values():
        size, free = sum(need.size for need in found), shutil.disk_usage(found[0].folder).free
        if size > free:
            source = "the last build's" if measured else "the sample build's"
            raise FactoryError(
                f"not enough disk space: the build will write about {decimal(round(size))} (at "
                f"{source} size of a photo) to the disk of {found[0].folder}, which has "
                f"{decimal(free)} free; free some space, let `store` in factory.toml name a folder "
                "on a larger disk, or set `check_disk_space = false` there if the estimate is wrong"
            )
