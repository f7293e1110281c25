"""Make windows to measure on: from photos by the stages themselves, or synthetic ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from flows.trial import run_stages
from stages.catalogue import build_stage, parse_params, read_params
from stages.engine.files import canonical_json, sha256, sha256_file
from stages.engine.provenance import stage_digest
from stages.engine.stage import Stage
from stages.engine.storage.store import Result, Store
from stages.engine.workspace import FactoryError
from stages.models.protocols import Image
from stages.records.documents import TOKEN, Mapping, Scene, Variant, Window
from stages.records.images import read_png
from stages.records.windows import cut
from stages.tools import TOOLS

_STAGES = ("ingest", "perceive", "map")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Task:
    """A window of a photo and the flaws to put into it."""

    name: str
    photo: Image
    window: Window
    variants: tuple[Variant, ...]
    caption: str = ""
    """The photo's caption from perceive, where the profile has a captioner."""

    @property
    def picture(self) -> Image:
        """The window's pixels at the model's size."""
        return cut(self.photo, self.window)

    @property
    def tokens(self) -> int:
        """Number of image tokens of the window."""
        return self.window.grid[0] * self.window.grid[1]


def make_photo_tasks(root: Path, folder: Path, side: int, count: int, variants: int) -> list[Task]:
    """Make tasks of the photos below `folder`, those with the most tools first, then by path.

    The results of ingest, perceive and map are cached in ``data/.benchmark``.

    Args:
        root: the checkout's root.
        folder: folder of photos.
        side: side of the windows in model pixels.
        count: maximum number of tasks.
        variants: flaws per window, minimum 2; photos with fewer are skipped.
    """
    values = read_params(root)
    values["perceive"] |= {"window": side, "max_windows": 1}
    limit = variants // 2
    values["map"] |= {"variants": variants, "max_per_tool": limit, "max_per_part": limit}
    params = parse_params(values)
    stages = [build_stage(name, params) for name in _STAGES]
    digests = [stage_digest(stage) for stage in stages]
    store = Store(root / "data" / ".benchmark")

    @cache
    def load_stages() -> list[Stage]:
        for stage in stages:
            stage.setup()
        return stages

    def prepare(photo: Path) -> Result | None:
        try:
            outputs = run_stages(photo, load_stages()).outputs
        except FactoryError:
            return None
        documents = {name: outputs[name].document.model_dump(mode="json") for name in _STAGES}
        return Result(documents, outputs["ingest"].members, [])

    def tasks() -> Iterator[Task]:
        for photo in sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES):
            key = sha256(canonical_json([digests, sha256_file(photo)]))
            known = store.get(key) or prepare(photo)
            if known is None or known.document is None:
                continue
            store.put(key, known)
            scene = Scene.model_validate(known.document["perceive"])
            mapping = Mapping.model_validate(known.document["map"])
            if len(mapping.variants) == variants:
                pixels = read_png(known.members["photo.png"])
                found = tuple(mapping.variants)
                yield Task(photo.stem, pixels, scene.windows[0], found, scene.caption)

    return sorted(tasks(), key=lambda task: -len({v.tool for v in task.variants}))[:count]


def make_synthetic_task(side: int, share: float, margin: int, variants: int) -> Task:
    """Make a window of coloured tokens; in every flaw a square takes the appearance of another.

    Args:
        side: side of the window in pixels, a multiple of 16.
        share: active share of the window's tokens, `margin` included.
        margin: tokens around the targets, as in ``inject.margin``.
        variants: number of flaws; the tools take turns.

    Raises:
        ValueError: the square does not fit beside its reference.
    """
    grid = side // TOKEN
    square = max(1, round(math.sqrt(share) * grid) - 2 * margin)
    room = grid - 2 * square - margin
    if room < 0:
        raise ValueError(f"two squares of {square} tokens and margin do not fit a grid of {grid}")
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 256, (grid, grid, 3), dtype=np.uint8)
    photo = tokens.repeat(TOKEN, axis=0).repeat(TOKEN, axis=1)
    row, column = (axis.ravel() for axis in np.mgrid[:square, :square])

    def flaw(number: int) -> Variant:
        place = margin + number * room // max(1, variants - 1)
        targets = (row + place) * grid + column + place
        return Variant(
            id=f"v{number}",
            window="w0",
            tool=TOOLS[number % len(TOOLS)],
            kernel="square",
            entity="e0",
            entity_name="object",
            part="e0.p0",
            part_name="square",
            part_kind="square",
            positional=True,
            seed=number,
            targets=targets.tolist(),
            references=(targets + square).tolist(),
        )

    window = Window(id="w0", box=(0, 0, side, side), size=(side, side), parts=[])
    return Task(f"synthetic, {side} px", photo, window, tuple(map(flaw, range(variants))))
