"""Windows to work on: the sample photos' own through the factory's stages, or made up."""

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
from stages.records.documents import TOKEN, TOOLS, Mapping, Scene, Variant, Window
from stages.records.images import read_png
from stages.records.windows import cut

_STAGES = ("ingest", "perceive", "map")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Task:
    """One window of one photo and the flaws to put into it."""

    name: str
    photo: Image
    window: Window
    variants: tuple[Variant, ...]
    caption: str = ""
    """What perceive says of the photo, where the profile has a captioner."""

    @property
    def picture(self) -> Image:
        """The window's pixels at the model's size."""
        return cut(self.photo, self.window)

    @property
    def tokens(self) -> int:
        """Image tokens of the window."""
        return self.window.grid[0] * self.window.grid[1]


def from_photos(root: Path, folder: Path, side: int, count: int, variants: int) -> list[Task]:
    """Windows of the photos below `folder`, those with the most tools first, then by path.

    What ingest, perceive and map make of a photo is kept in ``data/.benchmark``.

    Args:
        root: of the checkout.
        folder: of photos.
        side: of the windows, in model pixels.
        count: photos wanted.
        variants: flaws a window, at least 2; photos with fewer are passed over.
    """
    values = read_params(root)
    values["perceive"] |= {"window": side, "max_windows": 1}
    most = variants // 2
    values["map"] |= {"variants": variants, "max_per_tool": most, "max_per_part": most}
    params = parse_params(values)
    stages = [build_stage(name, params) for name in _STAGES]
    digests = [stage_digest(stage) for stage in stages]
    store = Store(root / "data" / ".benchmark")

    @cache
    def ready() -> list[Stage]:
        for stage in stages:
            stage.setup()
        return stages

    def prepare(photo: Path) -> Result | None:
        try:
            outputs = run_stages(photo, ready()).outputs
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


def made_up(side: int, share: float, margin: int, variants: int) -> Task:
    """A window of coloured tokens in which every flaw is a square that takes after its neighbour.

    Args:
        side: in pixels, a multiple of 16.
        share: of the window's tokens that are active, `margin` included.
        margin: tokens around the targets, as ``inject.margin``.
        variants: flaws, their tools in turn.

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
    return Task(f"made up, {side} px", photo, window, tuple(map(flaw, range(variants))))
