"""Read published pairs into memory as photos and the crops in which they differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.exports.options import Options
from flows.exports.samples import Sample, read_samples
from stages.records.documents import Box
from stages.records.images import Image
from stages.tools import TOOLS


@dataclass(frozen=True)
class Pair:
    """A photo with one flawed picture of it; outside `box` all three pictures are equal."""

    key: str
    photo: str
    real: Image
    """(H, W, 3), shared by the pairs of a photo."""
    box: Box
    artifact: Image
    """(h, w, 3): the crop `box` of the flawed picture."""
    control: Image
    labels: NDArray[np.uint8]
    """(h, w): 0 = no flaw, otherwise 1 + the index of the flaw's tool in `TOOLS`."""
    flaw_boxes: tuple[Box, ...] = ()
    """Bounds of each visible flaw."""

    def picture(self, role: str) -> Image:
        """Return the complete picture `role`: real, artifact or control."""
        if role == "real":
            return self.real
        x0, y0, x1, y1 = self.box
        picture = self.real.copy()
        picture[y0:y1, x0:x1] = self.artifact if role == "artifact" else self.control
        return picture

    def full_labels(self) -> NDArray[np.uint8]:
        """Return the labels at the size of the photo."""
        x0, y0, x1, y1 = self.box
        labels = np.zeros(self.real.shape[:2], np.uint8)
        labels[y0:y1, x0:x1] = self.labels
        return labels


def load_pairs(
    folder: Path, splits: tuple[str, ...], keys: Collection[str] | None = None
) -> list[Pair]:
    """Load the pairs of the splits (empty = all), sorted by key.

    Takes about the size of the photos plus three times that of the edited boxes.

    Args:
        folder: a published data set.
        splits: names of splits.
        keys: load only these pairs; None = all.

    Raises:
        FactoryError: the folder holds no data set, not these splits, or a damaged shard.
    """
    samples = read_samples(folder, Options(splits=splits))
    wanted = (sample for sample in samples if keys is None or sample.record.pair in keys)
    return sorted(_to_pairs(wanted), key=lambda pair: pair.key)


def _to_pairs(samples: Iterable[Sample]) -> Iterator[Pair]:
    photos: dict[str, Image] = {}
    for sample in samples:
        record = sample.record
        real = photos.setdefault(record.photo, sample.real)
        x0, y0, x1, y1 = record.edit_box
        tools = np.zeros(256, np.uint8)
        for flaw in record.flaws:
            tools[flaw.index] = 1 + TOOLS.index(flaw.tool)
        yield Pair(
            key=record.pair,
            photo=record.photo,
            real=real,
            box=record.edit_box,
            artifact=sample.artifact[y0:y1, x0:x1].copy(),
            control=sample.control[y0:y1, x0:x1].copy(),
            labels=tools[sample.labels[y0:y1, x0:x1]],
            flaw_boxes=tuple(flaw.mask_box for flaw in record.flaws),
        )
