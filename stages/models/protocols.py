"""What a stage may ask of a model. Back ends are swapped by name in ``profiles.yaml``.

NumPy at the border: an image is (H, W, 3) uint8 sRGB, a mask is (H, W) bool, both in photo pixels.
Every back end is a class with a ``revision`` class method: a digest of its weights that costs no
loading, since it enters the store's key. One with weights that are fetched names them in a
``weights`` class method, for ``flawfactory models``. Both get the back end's ``options``, if it has
any (`registry.Backend`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stages.records.documents import Entity, Explanations, Scene, Variant, Verdict, Window
from stages.records.images import Image
from stages.records.masks import Mask
from stages.tools import Tool


class Perceiver(Protocol):
    """Finds entities and their parts (algorithm section 1)."""

    @classmethod
    def revision(cls) -> str:
        """Digest of the weights."""
        ...

    def perceive(self, image: Image) -> list[Entity]:
        """Entities with parts and masks, in photo pixels; empty when nothing was found."""
        ...


@dataclass(frozen=True)
class WantedPart:
    """A part to look for."""

    name: str
    """A noun phrase in lower case, singular: ``left ear``, ``wheel``."""
    kind: str
    """The part without its side: ``ear``."""
    tools: tuple[Tool, ...]
    """Of add, remove and distort, in that order; never empty. Whether a part can be fused depends
    on what it touches, which masks tell."""


@dataclass(frozen=True)
class WantedEntity:
    """A thing to look for, with its parts."""

    name: str
    """A noun phrase in lower case, singular: ``dog``, ``wine glass``."""
    parts: tuple[WantedPart, ...]
    """May be empty: a thing without parts can still touch another."""


class Vocabulary(Protocol):
    """Names what is worth looking for in a photo, and which tool may break it (section 1)."""

    @classmethod
    def revision(cls) -> str:
        """Digest of the weights or of the model's name and the prompt."""
        ...

    def vocabulary(self, image: Image) -> list[WantedEntity]:
        """Entities by prominence, each name once; empty when there is nothing to break.

        Raises:
            RejectPhoto: no usable list could be had for this photo.
        """
        ...


class Captioner(Protocol):
    """Says in a sentence what a photo shows: the text condition of the flow model."""

    @classmethod
    def revision(cls) -> str:
        """Digest of the weights or of the model's name and the prompt."""
        ...

    def caption(self, image: Image) -> str:
        """One or two plain sentences.

        Raises:
            RejectPhoto: no usable caption could be had for this photo.
        """
        ...


class PerceptualMetric(Protocol):
    """A distance between two pictures of one size that follows human judgement (LPIPS)."""

    @classmethod
    def revision(cls) -> str:
        """Digest of the weights."""
        ...

    def distance(self, a: Image, b: Image) -> float:
        """0 for equal pictures; any size, padded where the network needs more pixels."""
        ...

    def spatial(self, a: Image, b: Image) -> NDArray[np.float32]:
        """(H, W) distance at each pixel."""
        ...


@dataclass(frozen=True)
class Case:
    """One rendered variant before a judge. Images are whole photos of one size."""

    real: Image
    control: Image
    """The photo with the identity mapping pasted in: the model's fingerprints, no flaw."""
    artifact: Image
    mask: Mask
    """The visible flaw, as rendered."""
    window: Window
    window_control: Image
    """`control` cut to the window, at the model's size."""
    window_artifact: Image
    variant: Variant
    measured: Mapping[str, float] = field(default_factory=dict)
    """What the filter's bounds have measured before: ``lpips_real``, ``lpips_control``,
    ``lpips_mask``."""


class Judge(Protocol):
    """Decides whether the intended flaw is perceptible and where it should be (section 5)."""

    name: str
    """Recorded with each verdict."""
    tools: tuple[Tool, ...]
    """Tools it can judge; the filter's own bounds alone decide on the others."""

    @classmethod
    def revision(cls) -> str:
        """Digest of the weights."""
        ...

    def judge(self, case: Case) -> Verdict:
        """`reason` is ``ok`` or a reject code; `scores` holds every number that was used."""
        ...


class Explainer(Protocol):
    """Puts the flaws of a photo into words (section 6)."""

    looks: bool
    """Whether it wants to see the pictures."""

    @classmethod
    def revision(cls) -> str:
        """Digest of the weights, prompts or grammar."""
        ...

    def explain(
        self,
        scene: Scene,
        variants: Sequence[Variant],
        images: Mapping[str, tuple[Image, Image]],
    ) -> Explanations:
        """Words for `variants`; a flaw without usable ones is listed as unexplained.

        Args:
            scene: what is in the photo.
            variants: the flaws, at least one.
            images: variant id to photo and flawed photo; empty unless the author `looks`.

        Raises:
            RejectPhoto: no words for the untouched photo, which every pair carries.
        """
        ...
