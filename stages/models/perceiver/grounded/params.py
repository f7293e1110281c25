"""Options and params of the back end ``grounded``."""

from __future__ import annotations

from collections.abc import Iterator

from stages.engine.section import Band, Section, Share
from stages.models.options import Device, Dtype, Name, Options, find_unknown_model
from stages.models.weights import remote


class GroundedOptions(Options):
    """Options in a profile."""

    detector: Name
    """Grounding DINO: a folder or a pinned hub model."""
    segmenter: Name
    """``sam-vit-b``, ``-l`` or ``-h``; ``sam-hq-vit-b``, ``-l`` or ``-h``; or a folder or pinned
    hub model of SAM-HQ or SAM 2."""
    device: Device = "cpu"
    dtype: Dtype = "float32"
    """``bfloat16`` and ``float16`` mean mixed precision."""

    def find_missing(self) -> Iterator[tuple[str, str]]:
        """Check that the models are on this machine."""
        yield from find_unknown_model("detector", self.detector)
        if self.segmenter not in remote.catalogue():
            accepted = ", ".join(sorted(remote.catalogue()))
            for option, message in find_unknown_model("segmenter", self.segmenter):
                yield option, f"{message}, or one of the checkpoints {accepted}"


class GroundedParams(Section):
    """Section ``perceive.grounded``: thresholds. The defaults are the paper's, except `overlap`."""

    box: Share = 0.3
    """Minimum score of a box."""
    text: Share = 0.25
    """Minimum mean score of a phrase's tokens."""
    overlap: Share = 0.8
    """IoU above which only the better of two boxes is kept."""
    covered: Share = 0.9
    """Minimum share of a part that its entity's mask covers."""
    part_area: Band = (0.005, 0.5)
    """Minimum and maximum share of the photo for a part."""
