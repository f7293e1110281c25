"""The protocols of the roles; ``profiles.yaml`` chooses a back end for each role.

Arguments and results are NumPy arrays: an image is (H, W, 3) uint8 sRGB, a mask is (H, W) bool,
both in photo pixels. Every back end is a class. Its class method ``revision`` returns a digest of
its weights without loading them; it enters the store's key. If its weights are fetched, its class
method ``weights`` names them, for ``flawfactory models``. Both receive the back end's ``options``,
if it has any (`registry.Backend`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from stages.records.documents import (
    Entity,
    Explanation,
    Explanations,
    PictureText,
    Scene,
    Variant,
    Verdict,
    Window,
)
from stages.records.images import Image
from stages.records.masks import Mask
from stages.tools import Tool


class Perceiver(Protocol):
    """Finds entities and their parts (algorithm section 1)."""

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the weights."""
        ...

    def perceive(self, image: Image) -> list[Entity]:
        """Return entities with parts and masks, in photo pixels; empty if nothing is found."""
        ...


@dataclass(frozen=True)
class WantedPart:
    """A part to look for."""

    name: str
    """A noun phrase in lower case, singular: ``left ear``, ``wheel``."""
    kind: str
    """The part without its side: ``ear``."""
    tools: tuple[Tool, ...]
    """Tools that can break the part, in the order of `TOOLS`; never empty. Tools for parts that
    touch others are not listed: they are found from the masks."""


@dataclass(frozen=True)
class WantedEntity:
    """An entity to look for, with its parts."""

    name: str
    """A noun phrase in lower case, singular: ``dog``, ``wine glass``."""
    parts: tuple[WantedPart, ...]
    """May be empty: an entity without parts can still touch another."""


class Vocabulary(Protocol):
    """Names entities and parts to look for in a photo, and the tools that may break them (section
    1)."""

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the weights or of the model's name and the prompt."""
        ...

    def vocabulary(self, image: Image) -> list[WantedEntity]:
        """Return entities by prominence, each name once; empty if there is nothing to break.

        Raises:
            RejectPhoto: no usable list was returned for this photo.
        """
        ...


class Captioner(Protocol):
    """Describes a photo in a sentence: the text condition of the flow model."""

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the weights or of the model's name and the prompt."""
        ...

    def caption(self, image: Image) -> str:
        """Return one or two plain sentences.

        Raises:
            RejectPhoto: no usable caption was returned for this photo.
        """
        ...


SmallCrops = Literal["enlarge", "pad", "plain"]
"""What a metric does with pictures that are small for its network: scale them up, mirror their
edges, or nothing, as far as the network runs on them."""
SMALL_CROPS: SmallCrops = "enlarge"


class PerceptualMetric(Protocol):
    """A distance between two pictures of the same size that follows human judgement (LPIPS). Its
    class receives ``small_crops``, a `SmallCrops`."""

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the weights."""
        ...

    def distance(self, a: Image, b: Image) -> float:
        """Return the distance, 0 for equal pictures. Pictures of any size have one."""
        ...

    def spatial(self, a: Image, b: Image) -> NDArray[np.float32]:
        """Return the distance at each pixel, (H, W)."""
        ...


MEASURED = ("lpips_real", "lpips_control", "lpips_mask")
"""The distances that the filter measures before it asks a judge; scores of every verdict."""


@dataclass(frozen=True)
class Case:
    """A rendered variant to judge. Images have the photo's size, unless noted."""

    real: Image
    control: Image
    """The photo with the identity mapping rendered and pasted in: the model's fingerprints without
    a flaw."""
    artifact: Image
    mask: Mask
    """The visible flaw, as rendered."""
    window: Window
    window_control: Image
    """The window of `control`, at the model's size."""
    window_artifact: Image
    """The window of `artifact`, at the model's size."""
    variant: Variant
    measured: Mapping[str, float] = field(default_factory=dict)
    """The distances `MEASURED`."""


class Judge(Protocol):
    """Decides whether the intended flaw is visible, and in the right place (section 5)."""

    name: str
    """Recorded with each verdict."""
    scores: tuple[str, ...]
    """Names of all scores that its verdicts may have: columns of every data set's manifest."""
    tools: tuple[Tool, ...]
    """Tools whose flaws it can judge; only the LPIPS bounds apply to the others."""

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the weights."""
        ...

    def judge(self, case: Case) -> Verdict:
        """Judge a variant. The verdict's `reason` is ``ok`` or a reject code; its `scores` hold all
        numbers that were used."""
        ...


class Explainer(Protocol):
    """Describes the flaws of a photo (section 6)."""

    looks: bool
    """Whether it needs the pictures."""

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the weights, prompts or grammar."""
        ...

    def explain(
        self,
        scene: Scene,
        variants: Sequence[Variant],
        images: Mapping[str, tuple[Image, Image]],
    ) -> Explanations:
        """Describe `variants` and the untouched photo. A variant for which no usable text was
        returned is listed as unexplained.

        Args:
            scene: what is in the photo.
            variants: the flaws, at least one.
            images: variant id to photo and flawed photo; empty unless `looks`.

        Raises:
            RejectPhoto: no usable text was returned for the untouched photo, which is part of every
                pair.
        """
        ...

    def compose(
        self,
        scene: Scene,
        flaws: Sequence[tuple[Variant, Explanation]],
        images: tuple[Image, Image] | None,
    ) -> PictureText:
        """Describe a picture with several flaws as a whole.

        Args:
            scene: what is in the photo.
            flaws: the picture's flaws that are left, at least two, each with its texts.
            images: photo and flawed picture; None unless `looks`.

        Raises:
            RejectPhoto: no usable text was returned; the picture's flaws are rejected.
        """
        ...
