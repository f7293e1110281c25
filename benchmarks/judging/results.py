"""The rendered results: pictures of the drawn mappings by the factory's own synthesis.

    python -m benchmarks.judging.results [--set test]

renders both sets with the committed params and keeps the pictures in the folder; what was stopped
goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.judging.draw import SETS, SetName, load
from benchmarks.quality import cases, photos
from benchmarks.quality.compare import PROFILE, sections
from benchmarks.quality.renderers import Factory, Models
from benchmarks.quality.renderings import Renderings, Shown
from benchmarks.stopping import UntilStopped
from stages.engine.files import sha256
from stages.filter.case import build_case
from stages.models.protocols import Case
from stages.records.documents import Box, Variant
from stages.records.images import Image, paste, write_png
from stages.records.masks import Mask


@dataclass(frozen=True)
class Result:
    """One flaw that the renderer could show. Pictures are whole photos."""

    shown: Shown

    @property
    def name(self) -> str:
        """``<photo key>-<variant id>``, unique."""
        return self.shown.name

    @property
    def variant(self) -> Variant:
        """Its mapping."""
        return self.shown.variant

    @cached_property
    def case(self) -> Case:
        """What a judge sees."""
        shown = self.shown
        crop = shown.crop
        assert crop is not None  # noqa: S101 - `rendered` leaves the others out
        photo, box = shown.photo, crop.box
        return build_case(
            photo,
            shown.case.window,
            shown.variant,
            control=paste(photo, crop.control, box),
            artifact=paste(photo, crop.artifact, box),
            mask=paste(np.zeros(photo.shape[:2], dtype=bool), crop.mask, box),
        )

    @property
    def target_box(self) -> Box:
        """The bounding box of the target tokens in the photo."""
        assert self.shown.crop is not None  # noqa: S101
        return self.shown.crop.target_box

    @property
    def control(self) -> Image:
        """The photo with the control pasted in."""
        return self.case.control

    @property
    def artifact(self) -> Image:
        """The flawed photo."""
        return self.case.artifact

    @property
    def mask(self) -> Mask:
        """(H, W) the visible flaw."""
        return self.case.mask

    @property
    def sha256(self) -> str:
        """Of the PNG that the factory would write of the flaw."""
        assert self.shown.crop is not None  # noqa: S101
        return sha256(write_png(self.shown.crop.artifact))


def renderings(name: SetName, folder: Path, shards: Path) -> Renderings:
    """A set's pictures by the compact profile with the committed params."""
    drawing = load()
    renderer = Factory("ours", Models(PROFILE, folder), *sections())
    return Renderings(renderer, drawing.of(name), folder, shards)


def rendered(name: SetName, folder: Path, shards: Path) -> Iterator[Result]:
    """Every result of a set in which something can be seen; rendered when first asked for."""
    for shown in renderings(name, folder, shards):
        if shown.crop is not None:
            yield Result(shown)


def arguments(description: str) -> argparse.ArgumentParser:
    """What every command of this folder takes that needs pictures."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--shards", type=Path, default=photos.SHARDS)
    parser.add_argument("--folder", type=Path, default=cases.FOLDER, help="of what is kept")
    parser.add_argument("--set", choices=SETS, nargs="*", default=SETS)
    return parser


def main() -> None:
    """Render all."""
    given = arguments("Render the drawn mappings.").parse_args()
    for name in given.set:
        results = UntilStopped(rendered(name, given.folder, given.shards))
        print(f"{name}: {sum(1 for _ in results)} results")
        results.leave()


if __name__ == "__main__":
    main()
