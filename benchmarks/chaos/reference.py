"""The uninterrupted build that the others are compared with, and what each part of it made."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.chaos.checkout import Checkout
from benchmarks.chaos.run import read_log
from stages import STAGES

SCAN = "scan"
"""The part of a build before its first stage: scanning, asking DVC."""
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Part:
    """A part of the build: from the start of a stage's process to that of the next one."""

    name: str
    seconds: float
    working: float
    """Seconds until the stage has written its report; after that DVC stores its output."""
    made: frozenset[str]
    """Files that did not exist before."""


@dataclass(frozen=True)
class Reference:
    """A finished build."""

    checkout: Checkout
    parts: dict[str, Part]
    files: frozenset[str]
    digests: dict[str, str]


def build_reference(checkout: Checkout) -> Reference:
    """Build without interruption, and note what each part makes.

    Raises:
        RuntimeError: the build fails.
    """
    starts, listings = [(SCAN, time.time())], [checkout.files()]
    process = checkout.start("reference", "build", "--source", str(checkout.folder / "photos"))
    while process.poll() is None:
        events = [e for e in read_log(checkout.log) if e["event"] == "stage"]
        for event in events[len(starts) - 1 :]:
            starts.append((event["stage"], event["time"]))
            listings.append(checkout.files())
        time.sleep(_POLL_SECONDS)
    starts.append(("end", time.time()))
    listings.append(checkout.files())
    if process.returncode != 0 or [name for name, _ in starts] != [SCAN, *STAGES, "end"]:
        raise RuntimeError(f"the reference build failed:\n{checkout.output()}")
    parts = {
        name: Part(
            name,
            starts[i + 1][1] - start,
            _report_time(checkout, name, starts[i + 1][1]) - start,
            frozenset(listings[i + 1] - listings[i]),
        )
        for i, (name, start) in enumerate(starts[:-1])
    }
    return Reference(checkout, parts, frozenset(listings[-1]), checkout.digests())


def _report_time(checkout: Checkout, stage: str, end: float) -> float:
    report = checkout.root / "data" / ".report" / f"{stage}.json"
    return report.stat().st_mtime if report.exists() else end


def copy_without(reference: Reference, part: str, folder: Path) -> Checkout:
    """Copy the finished build without what one part made: a build of the copy does that part again.

    Later outputs stay. They are stale if the part's output comes out differently.
    """
    shutil.rmtree(folder, ignore_errors=True)
    source = reference.checkout
    (folder / "tmp").mkdir(parents=True)
    shutil.copytree(source.root, folder / "checkout", symlinks=True)
    (folder / "photos").symlink_to(source.folder / "photos")
    made = Checkout(folder)
    shown = {f"checkout/data/{name}" for name in (".report/shown", "gallery/index.html")}
    lost = (reference.parts[part].made | shown) & reference.files
    for name in lost - {"checkout/dvc.lock"}:  # ingest made it, the later stages need it
        (folder / name).unlink()
    for path in sorted((made.root / ".dvc" / "cache").rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    if part != SCAN:
        shutil.rmtree(made.root / "data" / part)
        lock = made.root / "dvc.lock"
        content = yaml.safe_load(lock.read_text())
        del content["stages"][part]
        lock.write_text(yaml.safe_dump(content, sort_keys=False))
    return made
