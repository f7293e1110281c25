"""Measure the gallery at many pairs: writing it, and using it in Chromium.

    python -m benchmarks.gallery [N ...] [--seconds 5]

Writes a synthetic data set of N pairs (columns only; pictures are hard links to a few), renders its
gallery as the second build does, whose pictures exist already, and opens it from ``file://`` in
headless Chromium with an empty profile: time until the first cards with thumbnails are drawn,
frames and CPU time of the page's process while the list scrolls by 90 px a frame (a third of a row)
and by 2,800 px (ten rows), time of filters, first and later searches, memory of the page's process.
Needs chromium and chromedriver. Figures of frames depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.comparison import read_peak
from benchmarks.stopping import UntilStopped
from flows.gallery.images import KINDS, THUMB, Pictures
from flows.gallery.packaged import picture_names
from flows.gallery.render import render
from stages.engine.storage.tables import PHOTO_COLUMNS, REJECT_COLUMNS, write_table
from stages.records.documents import SCHEMA_VERSION
from stages.tools import TOOLS

SIZES = (1_000, 10_000, 100_000)
PAIRS_PER_PHOTO, LOOKS, SIDE = 4, 24, 512
"""Pairs of a photo, different pictures, and side of a picture in pixels."""
SCROLL = """
const [step, seconds, done] = arguments, box = document.getElementById("grid");
box.scrollTop = 0;
const times = [], start = performance.now();
const frame = (now) => {
  times.push(now);
  box.scrollTop += step;
  if (now - start < 1000 * seconds) requestAnimationFrame(frame);
  else done(times.slice(1).map((time, index) => time - times[index]));
};
requestAnimationFrame(frame);
"""
FILTER = """
const [changes, done] = arguments, start = performance.now();
Filters.set(changes).then(() => requestAnimationFrame(() => requestAnimationFrame(() =>
  done([performance.now() - start, Grid.order.length]))));
"""
OPENED = """
const done = arguments[0];
const wait = () => {
  const shown = [...document.querySelectorAll(".card img")].filter((image) => image.complete);
  if (shown.length) requestAnimationFrame(() => done(performance.now()));
  else setTimeout(wait, 5);
};
wait();
"""


def make_manifest(pairs: int, seed: int = 0) -> pa.Table:
    """Make a manifest of `pairs` pairs with one flaw each, with words and scores like real ones."""
    rng = np.random.default_rng(seed)
    number = np.arange(pairs)
    names = [f"thing {n}" for n in range(200)]
    parts = [f"part {n}" for n in range(60)]
    key = [f"{n // PAIRS_PER_PHOTO:016x}" for n in number]
    entity, part = rng.choice(names, pairs), rng.choice(parts, pairs)
    tool = rng.choice(TOOLS, pairs)
    text = [
        f"The {p} of the {e} is wrong ({t})." for p, e, t in zip(part, entity, tool, strict=True)
    ]
    digest = [f"{n:064x}" for n in number]
    columns: dict[str, Any] = {
        "key": key,
        "variant": [f"v{n % PAIRS_PER_PHOTO}" for n in number],
        "pair": [f"{k}-p{n % PAIRS_PER_PHOTO}" for k, n in zip(key, number, strict=True)],
        "schema_version": np.full(pairs, SCHEMA_VERSION),
        "width": np.full(pairs, SIDE),
        "height": np.full(pairs, SIDE),
        "taken_out": np.zeros(pairs, np.int64),
        "licence": np.full(pairs, "CC0-1.0"),
        "origin": np.full(pairs, "https://example.org/a-photo-of-something-somewhere"),
        "file_name": [f"IMG_{n:06d}.jpg" for n in number],
        "split": rng.choice(["train", "validation", "test"], pairs, p=[0.8, 0.1, 0.1]),
        "label": [f"{t} {p}" for t, p in zip(tool, part, strict=True)],
        "tool": tool,
        "kernel": np.full(pairs, "ring"),
        "entity": entity,
        "part": part,
        "other": np.full(pairs, ""),
        "positional": rng.random(pairs) < 0.3,
        "judge": np.full(pairs, "features"),
        "text": text,
        "author": np.full(pairs, "grammar"),
        "overall_text": [f"{t} A real photo would not look like this." for t in text],
        "clean_text": np.full(pairs, "Nothing is wrong with this photo, as far as one can see."),
        "mask_pixels": rng.lognormal(7.5, 1, pairs).astype(np.int64) % (SIDE * SIDE // 3) + 20,
        "shard": np.full(pairs, "train-00000.tar"),
        "sha256.real.png": [f"{n // PAIRS_PER_PHOTO:064x}" for n in number],
    }
    for name in ("artifact", "control", "flaws", "edit"):
        columns[f"sha256.{name}.png"] = digest
    scores = ("lpips_control", "lpips_real", "probability", *(f"measure_{n}" for n in range(20)))
    columns |= {f"score.{name}": rng.beta(4, 6, pairs) for name in scores}
    return pa.table(columns)


def write_data(data: Path, gallery: Path, pairs: int) -> None:
    """Write the tables of a data set, and the pictures and places of its gallery."""
    manifest = make_manifest(pairs)
    (data / "package").mkdir(parents=True)
    pq.write_table(manifest, data / "package" / "manifest.parquet", compression="zstd")
    columns = manifest.select([n for n in manifest.column_names if n.startswith("sha256.")])
    names = [picture_names(row) for row in columns.to_pylist()]
    link_pictures(gallery / "images", names)
    places = json.dumps([[200, 180, 290, 260], [150, 130, 340, 310], [200, 180, 290, 260]])
    table = pa.table({"name": [pair for _, pair in names], "place": [places] * pairs})
    pq.write_table(table, gallery / "places.parquet")
    members = [f"v{n}" for n in range(PAIRS_PER_PHOTO)]
    rows = [
        {"key": f"{photo:016x}", "position": photo, "shard": "shard-00000.tar", "rows": 1,
         "members": 1, "bytes": 1, "places": json.dumps({
             f"{name}.artifact.png": [0, 1, f"{photo:060x}{number:04x}"]
             for number, name in enumerate(members)})}
        for photo in range(-(-pairs // PAIRS_PER_PHOTO))
    ]  # fmt: skip
    write_table(data / "inject" / "photos.parquet", rows, PHOTO_COLUMNS)
    write_table(data / "filter" / "manifest.parquet", [{"key": "0" * 16}], {"key": str})
    rejects = [
        {"key": f"{n:016x}", "variant": "", "code": f"reason_{n % 7}", "message": "it is so",
         "evidence": "{}"}
        for n in range(pairs // 10)
    ]  # fmt: skip
    write_table(data / "ingest" / "rejects.parquet", rejects, REJECT_COLUMNS)


def link_pictures(folder: Path, names: list[tuple[str, str]]) -> None:
    """Give every pair files of its own: hard links to `LOOKS` noisy pictures of each kind."""
    rng = np.random.default_rng(0)
    sizes = {"photos": (SIDE, SIDE), "thumbs": (2 * THUMB + 4, THUMB), "strips": (190, 588),
             "overlays": (190, 180)}  # fmt: skip
    pictures = Pictures(folder)
    for kind in KINDS:
        looks = []
        for number in range(LOOKS):
            coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            path = folder / f"{kind}-{number}.webp"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(coarse).resize(sizes[kind], Image.Resampling.BICUBIC).save(path)
            looks.append(path)
        wanted = {photo if kind == "photos" else pair for photo, pair in names}
        for number, name in enumerate(sorted(wanted)):
            path = pictures.path(kind, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(looks[number % LOOKS], path)


def measure_rendering(folder: Path) -> dict[str, float]:
    """Render the page of a data set whose pictures exist; in a process of its own."""
    wall, cpu = time.perf_counter(), time.process_time()
    out = folder / "gallery"
    render(folder / "data", out)
    times = time.perf_counter() - wall, time.process_time() - cpu
    scripts = sum(path.stat().st_size for path in (out / "data").rglob("*.js"))
    return {"wall": times[0], "cpu": times[1], "peak": read_peak(), "scripts": scripts}


@contextmanager
def open_browser(profile: Path) -> Iterator[Any]:
    """Start headless Chromium with an empty profile."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--enable-precise-memory-info", "--window-size=1500,950",
             f"--user-data-dir={profile}")  # fmt: skip
    for flag in flags:
        options.add_argument(flag)
    service = webdriver.ChromeService(shutil.which("chromedriver") or "")
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(300)
    try:
        yield driver
    finally:
        driver.quit()


def wait_until_ready(driver: Any) -> None:
    """Wait until the page has read everything that it reads when it is opened."""
    driver.execute_async_script(
        "const done = arguments[0], wait = () => document.documentElement.dataset.ready"
        " ? done() : setTimeout(wait, 10); wait();"
    )


def require_browser() -> None:
    """Exit with a message if there is no browser."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        sys.exit("needs Debian's packages chromium and chromium-driver")


def measure_browser(page: Path, profile: Path, seconds: float) -> dict[str, float]:
    """Open the page and use it."""
    with open_browser(profile) as driver:
        driver.get("about:blank")
        driver.get(page.as_uri())
        opened = driver.execute_async_script(OPENED)
        wait_until_ready(driver)
        found: dict[str, float] = {"opened": opened}
        for name, step in (("slow", 90), ("fast", 2800)):
            before = _cpu_seconds(driver)
            deltas = driver.execute_async_script(SCROLL, step, seconds)
            found[f"{name}_cpu"] = 1000 * (_cpu_seconds(driver) - before) / len(deltas)
            found[f"{name}_fps"] = 1000 / statistics.mean(deltas)
            found[f"{name}_late"] = sum(delta > 34 for delta in deltas) / len(deltas)
        for name, changes in (
            ("filter", {"tool": "fuse", "area-max": "1"}),
            ("sort", {"tool": "fuse", "area-max": "", "order": "lpips"}),
            ("first_search", {"tool": "", "order": "", "q": "thing 17 part"}),
            ("search", {"q": "part 5 wrong"}),
        ):
            found[name], _ = driver.execute_async_script(FILTER, changes)
        found["heap"] = driver.execute_script("return performance.memory.usedJSHeapSize")
        found["memory"] = _memory(driver)
        return found


def _renderers(driver: Any) -> Iterator[psutil.Process]:
    """Yield the browser's processes that show pages."""
    for child in psutil.Process(driver.service.process.pid).children(recursive=True):
        with suppress(psutil.Error):  # a process that ended meanwhile
            if "--type=renderer" in child.cmdline():
                yield child


def _cpu_seconds(driver: Any) -> float:
    times = [process.cpu_times() for process in _renderers(driver)]
    return sum(time.user + time.system for time in times)


def _memory(driver: Any) -> int:
    return max(process.memory_info().rss for process in _renderers(driver))


def run(pairs: int, seconds: float) -> dict[str, float]:
    """Write, render, open."""
    with tempfile.TemporaryDirectory(prefix="gallery-") as name:
        folder = Path(name)
        write_data(folder / "data", folder / "gallery", pairs)
        command = [sys.executable, "-m", "benchmarks.gallery", "--render", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        page = folder / "gallery" / "index.html"
        used = measure_browser(page, folder / "profile", seconds)
        return {"pairs": pairs} | json.loads(done.stdout) | used


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure the gallery at many pairs.")
    parser.add_argument("pairs", nargs="*", type=int, default=SIZES)
    parser.add_argument("--seconds", type=float, default=5, help="of each scroll")
    parser.add_argument("--render", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    require_browser()
    if given.render:
        print(json.dumps(measure_rendering(given.render)))
        return
    table = Table(title=f"gallery ({platform.machine()}, {os.cpu_count()} cores)")
    table.add_column("")
    columns = UntilStopped(run(pairs, given.seconds) for pairs in given.pairs)
    results = []
    for found in columns:
        table.add_column(f"{found['pairs']:,.0f} pairs", justify="right")
        results.append(found)
    for label, field, shape in (
        ("render again: CPU", "cpu", "{:.1f} s"),
        ("render again: peak memory", "peak", "{:,.0f} MB"),
        ("scripts", "scripts", "{:,.0f} MB"),
        ("first cards drawn", "opened", "{:.0f} ms"),
        ("slow scroll: frames a second", "slow_fps", "{:.1f}"),
        ("slow scroll: frames over 34 ms", "slow_late", "{:.1%}"),
        ("slow scroll: CPU a frame", "slow_cpu", "{:.1f} ms"),
        ("fast scroll: frames a second", "fast_fps", "{:.1f}"),
        ("fast scroll: frames over 34 ms", "fast_late", "{:.1%}"),
        ("fast scroll: CPU a frame", "fast_cpu", "{:.1f} ms"),
        ("filter", "filter", "{:.0f} ms"),
        ("sort", "sort", "{:.0f} ms"),
        ("first search (reads the texts)", "first_search", "{:.0f} ms"),
        ("next search", "search", "{:.0f} ms"),
        ("script heap", "heap", "{:,.0f} MB"),
        ("memory of the page's process", "memory", "{:,.0f} MB"),
    ):
        scale = 1e6 if shape.endswith("MB") else 1
        table.add_row(label, *(shape.format(found[field] / scale) for found in results))
    Console().print(table)
    columns.exit_if_stopped()


if __name__ == "__main__":
    main()
