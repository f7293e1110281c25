"""Options and params of the back end ``grounded``."""

from __future__ import annotations

from collections.abc import Iterator

from stages.engine.section import Band, Section, Share
from stages.models.options import Device, Dtype, Name, Options, find_unknown_model
from stages.models.weights import remote


class GroundedOptions(Options):
    """What a profile may set."""

    detector: Name
    """Grounding DINO: a folder or a pinned hub model."""
    segmenter: Name
    """``sam-vit-b``, ``-l`` or ``-h``, or a folder or pinned hub model of SAM 2."""
    device: Device = "cpu"
    dtype: Dtype = "float32"
    """``bfloat16`` and ``float16`` are mixed precision."""

    def find_missing(self) -> Iterator[tuple[str, str]]:
        """The models' folders."""
        yield from find_unknown_model("detector", self.detector)
        if self.segmenter not in remote.catalogue():
            yield from find_unknown_model("segmenter", self.segmenter)


class GroundedParams(Section):
    """Section ``perceive.grounded``: what counts as found. The defaults are the paper's, but for
    `overlap`, which is ours."""

    box: Share = 0.3
    """Minimum score of a box."""
    text: Share = 0.25
    """Minimum mean score of a phrase's tokens."""
    overlap: Share = 0.8
    """Of two boxes with a greater IoU only the better stays."""
    covered: Share = 0.9
    """Minimum share of a part that its entity's mask covers."""
    part_area: Band = (0.005, 0.5)
    """Minimum and maximum share of the photo for a part."""
