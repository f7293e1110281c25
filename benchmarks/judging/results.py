"""Render the drawn mappings by the project's own synthesis.

    python -m benchmarks.judging.results [--set test]

Renders both sets with the committed params and caches the pictures in the folder; a run that was
stopped continues where it stopped.
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
from benchmarks.quality.compare import PROFILE, load_sections
from benchmarks.quality.renderers import Models, SynthesisRenderer
from benchmarks.quality.renderings import RenderedVariant, Renderings
from benchmarks.stopping import UntilStopped
from stages.engine.files import sha256
from stages.filter.case import build_case
from stages.models.protocols import Case
from stages.records.documents import Box, Variant
from stages.records.images import Image, paste, write_png
from stages.records.masks import Mask


@dataclass(frozen=True)
class Result:
    """One flaw that is visible in its picture. All pictures are whole photos."""

    rendered: RenderedVariant

    @property
    def name(self) -> str:
        """``<photo key>-<variant id>``; unique."""
        return self.rendered.name

    @property
    def variant(self) -> Variant:
        """The mapping."""
        return self.rendered.variant

    @cached_property
    def case(self) -> Case:
        """The input of a judge."""
        rendered = self.rendered
        crop = rendered.crop
        assert crop is not None  # noqa: S101 - `render` leaves the others out
        photo, box = rendered.photo, crop.box
        return build_case(
            photo,
            rendered.case.window,
            rendered.variant,
            control=paste(photo, crop.control, box),
            artifact=paste(photo, crop.artifact, box),
            mask=paste(np.zeros(photo.shape[:2], dtype=bool), crop.mask, box),
        )

    @property
    def target_box(self) -> Box:
        """The bounding box of the target tokens in the photo."""
        assert self.rendered.crop is not None  # noqa: S101
        return self.rendered.crop.target_box

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
        """(H, W): the visible flaw."""
        return self.case.mask

    @property
    def sha256(self) -> str:
        """Digest of the PNG that the inject stage would write of the flaw."""
        assert self.rendered.crop is not None  # noqa: S101
        return sha256(write_png(self.rendered.crop.artifact))


def make_renderings(name: SetName, folder: Path, shards: Path) -> Renderings:
    """Make the renderings of a set by the compact profile with the committed params."""
    renderer = SynthesisRenderer("ours", Models(PROFILE, folder), *load_sections())
    return Renderings(renderer, load().evaluation_set(name), folder, shards)


def render(name: SetName, folder: Path, shards: Path) -> Iterator[Result]:
    """Yield every result of a set with a visible flaw; render those that are not cached."""
    for rendered in make_renderings(name, folder, shards):
        if rendered.crop is not None:
            yield Result(rendered)


def make_parser(description: str) -> argparse.ArgumentParser:
    """Make a parser with the options of every command of this folder that needs pictures."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--shards", type=Path, default=photos.SHARDS)
    parser.add_argument("--folder", type=Path, default=cases.FOLDER, help="cache folder")
    parser.add_argument("--set", choices=SETS, nargs="*", default=SETS)
    return parser


def main() -> None:
    """Render the sets."""
    args = make_parser("Render the drawn mappings.").parse_args()
    for name in args.set:
        results = UntilStopped(render(name, args.folder, args.shards))
        print(f"{name}: {sum(1 for _ in results)} results")
        results.exit_if_stopped()


if __name__ == "__main__":
    main()
