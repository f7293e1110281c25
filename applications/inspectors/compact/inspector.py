"""The compact inspector as a back end: probability, regions, heat map and texts."""

from __future__ import annotations

import functools
import math
from pathlib import Path

from applications.inspectors.compact import weights
from applications.inspectors.compact.describe import describe
from applications.inspectors.compact.params import CompactParams
from applications.inspectors.compact.predict import compute_heat, find_regions
from applications.protocols import Finding, Region, Thresholds
from stages.engine.files import sha256
from stages.models.perceiver.mediapipe.params import MediapipeParams
from stages.models.protocols import Perceiver
from stages.records.images import Image


class CompactInspector:
    """Finds flaws with a small network that was trained on published pairs."""

    name = "compact"

    def __init__(self, params: CompactParams) -> None:
        """Load the network.

        Raises:
            FactoryError: the weights are missing or damaged.
        """
        self.params = params
        folder = Path(params.weights) if params.weights else weights.FOLDER
        self.network, self.config = weights.load(folder)
        self.thresholds = Thresholds(
            pixel=self.config.pixel_threshold, region=self.config.region_threshold
        )

    def inspect(self, picture: Image) -> Finding:
        """Inspect one picture (`Inspector.inspect`)."""
        heat = compute_heat(self.network, picture, self.config.short_side)
        calibration = self.config.picture
        logit = calibration.slope * heat.score + calibration.offset
        regions = find_regions(heat, self.config.cut, self.params.min_region)
        entities = self._perceiver.perceive(picture) if regions and self.params.names else []
        key = sha256(picture.tobytes())
        written = [describe(region.box, region.tool, entities, key) for region in regions]
        probability = 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))
        flawed = probability >= self.thresholds.picture
        return Finding(
            probability=probability,
            regions=tuple(
                Region(region.box, region.score, region.tool, local)
                for region, (local, _) in zip(regions, written, strict=True)
            ),
            mask=heat.mask,
            text=written[0][1] if written and flawed else "",
        )

    @functools.cached_property
    def _perceiver(self) -> Perceiver:
        from stages.models.perceiver.mediapipe.perceiver import MediapipePerceiver

        return MediapipePerceiver(MediapipeParams())
