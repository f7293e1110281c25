"""Measure `flawfactory diff` on synthetic manifests of many rows.

    python -m benchmarks.comparison [ROWS ...]

Writes two manifests per size, in which 1 % of the pairs are added, 1 % removed and 5 % changed, and
compares them in a process of its own. Prints rows, CPU seconds, wall seconds and peak memory of
that process, and what it found. Default sizes: 10,000, 100,000 and 1,000,000 rows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.stopping import UntilStopped
from flows.comparison.report import make_report
from flows.comparison.versions import open_version
from stages.package.members import list_members
from stages.records.documents import SCHEMA_VERSION
from stages.tools import TOOLS

SIZES = (10_000, 100_000, 1_000_000)
FLAWS_PER_PHOTO = 4


def make_manifest(rows: int, seed: int, shift: int) -> pa.Table:
    """Make a manifest of `rows` pairs of one flaw; `shift` moves the range of photos.

    The same photo and seed give the same row, but for 5 % of the rows, which depend on `shift`.
    """
    number = np.arange(rows) + shift
    photo, variant = number // FLAWS_PER_PHOTO, number % FLAWS_PER_PHOTO
    key = np.char.mod("%016x", photo)
    rng = np.random.default_rng(seed)
    noise = rng.random((4, rows + 1_000_000))[:, shift : shift + rows]
    changed = (noise[0] < 0.05) & (shift > 0)
    texts = np.where(changed, f"text {shift}", "text")
    digests = {
        f"sha256.{name}": np.char.add(np.char.mod("%060x", number), np.where(changed, "-", ""))
        for name in list_members()
    }
    return pa.table(
        {
            "key": key,
            "variant": np.char.mod("v%d", variant),
            "pair": np.char.add(key, np.char.mod("-p%d", variant)),
            "picture": np.char.mod("p%d", variant),
            "schema_version": np.full(rows, SCHEMA_VERSION),
            "tool": np.array(TOOLS)[variant % len(TOOLS)],
            "kernel": np.array(["ring", "clone", "swirl"])[number % 3],
            "entity": np.char.mod("thing %d", number % 300),
            "part_kind": np.char.mod("part %d", number % 900),
            "width": np.full(rows, 640),
            "height": np.full(rows, 480),
            "mask_pixels": (noise[1] * 30_000).astype(np.int64),
            "licence": np.full(rows, "CC0-1.0"),
            "split": np.array(["train", "validation", "test"])[photo % 3],
            "shard": np.char.mod("train-%05d.tar", photo // 64),
            "text": texts,
            "overall_text": texts,
            "score.lpips_control": noise[2],
            "score.lpips_real": noise[3],
            **digests,
        }
    )


def measure(before: Path, after: Path) -> dict[str, float]:
    """Compare two folders in this process; return seconds, bytes and counts."""
    started = time.perf_counter()
    found = make_report(open_version(None, str(before)), open_version(None, str(after))).changes
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - started,
        "peak": read_peak(),
        "added": len(found.added),
        "removed": len(found.removed),
        "changed": len(found.changed),
    }


def read_peak() -> int:
    """Return this process's peak memory in bytes (Linux); getrusage would report the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024  # pyright: ignore[reportOptionalSubscript]


def run(rows: int) -> dict[str, float]:
    """Write two manifests and compare them in another process."""
    with tempfile.TemporaryDirectory() as folder:
        for name, shift in (("before", 0), ("after", rows // 100)):
            path = Path(folder) / name / "manifest.parquet"
            path.parent.mkdir()
            pq.write_table(make_manifest(rows, 0, shift), path, compression="zstd")
        command = [sys.executable, "-m", "benchmarks.comparison", "--measure", folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return {"rows": rows} | json.loads(done.stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, default=SIZES)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure / "before", given.measure / "after")))
        return
    table = Table(title=f"diff ({platform.machine()}, {os.cpu_count()} cores)")
    for name in ("rows", "CPU s", "wall s", "peak MB", "added", "removed", "changed"):
        table.add_column(name, justify="right")
    results = UntilStopped(run(rows) for rows in given.rows)
    for found in results:
        table.add_row(
            f"{found['rows']:,}",
            f"{found['cpu']:.1f}",
            f"{found['wall']:.1f}",
            f"{found['peak'] / 1e6:.0f}",
            *(f"{found[name]:,.0f}" for name in ("added", "removed", "changed")),
        )
    Console().print(table)
    results.exit_if_stopped()


if __name__ == "__main__":
    main()
