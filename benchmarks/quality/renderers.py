"""Render mappings in three ways, with one interface and one composite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from benchmarks.quality.cases import Case
from stages.engine.files import canonical_json, sha256, write_atomically
from stages.engine.provenance import code_digest
from stages.engine.stage import BaseParams
from stages.inject.codes import InjectCode
from stages.inject.composite import blend, composite, visible_mask
from stages.inject.params import InjectParams
from stages.inject.render import Plan, Rendering
from stages.inject.stage import InjectStage
from stages.inject.tokens import grow
from stages.inject.window import RenderedVariant, UnusableVariant, WindowJob
from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.models import registry
from stages.models.flow.model import Flow
from stages.models.flow.trajectory import Trajectory
from stages.models.judge.features.patches import copy_patches
from stages.models.protocols import Image
from stages.records.documents import Box, Variant
from stages.records.masks import Mask, bounding_box, from_grid
from stages.records.windows import cut

SEED = 0


@dataclass(frozen=True)
class Crop:
    """The finished pictures of one variant, as in the data set: crops of the photo at `box`."""

    box: Box
    target_box: Box
    artifact: Image
    control: Image
    mask: Mask
    edit: Mask


Pictures = Mapping[str, Crop | UnusableVariant]
"""Variant id to its pictures, or the reason why there are none."""


class Renderer(Protocol):
    """Render the variants of one window."""

    @property
    def name(self) -> str:
        """Name for tables."""
        ...

    @property
    def digest(self) -> str:
        """Digest of everything but photo and mapping that the pictures depend on."""
        ...

    def __call__(self, case: Case, photo: Image) -> Pictures:
        """Render every variant."""
        ...


def _digest(*facts: Any) -> str:
    code = code_digest(InjectStage(InjectParams(), BaseParams()))
    return sha256(canonical_json([*facts, code]))[:12]


@dataclass(frozen=True)
class PixelPaste:
    """Paste the references' 16 x 16 patches on the targets; the control is the photo."""

    params: InjectParams
    name: str = "pixel paste"

    @property
    def digest(self) -> str:
        """Digest of the composite's params."""
        return _digest(self.name, self.params.model_dump(mode="json", exclude={"gate"}))

    def __call__(self, case: Case, photo: Image) -> Pictures:
        """Render every variant; `invisible` where nothing changes visibly."""
        return {variant.id: self._paste(case, photo, variant) for variant in case.variants}

    def _paste(self, case: Case, photo: Image, variant: Variant) -> Crop | UnusableVariant:
        window, shape = case.window, (photo.shape[0], photo.shape[1])
        targets = np.zeros(window.grid, dtype=bool)
        targets.ravel()[variant.targets] = True
        weights = blend(grow(targets, self.params.margin), window, shape, self.params.feather)
        pasted = copy_patches(cut(photo, window), variant.targets, variant.references)
        flawed = composite(photo, pasted.astype(np.float32), window.box, weights)
        x0, y0, x1, y1 = box = bounding_box(weights.edit)
        crop = np.s_[y0:y1, x0:x1]
        mask = visible_mask(flawed[crop], photo[crop], weights.edit[crop], self.params.mask)
        if not mask.any():
            return UnusableVariant(
                InjectCode.INVISIBLE, "the pasted patches make no visible difference"
            )
        aimed = bounding_box(from_grid(targets, window.box, shape))
        return Crop(box, aimed, flawed[crop], photo[crop], mask, weights.edit[crop])


class _LatentPasteJob(WindowJob):
    """`WindowJob` without its transformer: decode the gathered latents of the photo."""

    def render(self, plans: Sequence[Plan]) -> list[Rendering]:
        photo = self.trajectory.at(0.0)
        return [Rendering(photo[torch.from_numpy(plan.index)], photo, 0.0, 1) for plan in plans]


@dataclass(frozen=True)
class SynthesisRenderer:
    """Render by the project's synthesis; ``transformer=False`` pastes and decodes latents."""

    name: str
    models: Models
    invert: InvertParams
    inject: InjectParams
    transformer: bool = True

    @property
    def digest(self) -> str:
        """Digest of params, weights and code."""
        sections = (self.invert, self.inject)
        params = [section.model_dump(mode="json", exclude={"gate"}) for section in sections]
        return _digest("synthesis", *params, self.transformer, self.models.revision)

    def __call__(self, case: Case, photo: Image) -> Pictures:
        """Render every variant."""
        trajectory = self.models.trajectory(case, photo, self.invert)
        make = WindowJob if self.transformer else _LatentPasteJob
        job = make(
            self.models.flow, photo, case.window, trajectory, self.invert.solver, self.inject
        )
        pictures = job.run(case.variants, SEED, case.key)
        return {
            name: picture if isinstance(picture, UnusableVariant) else _to_crop(picture)
            for name, picture in pictures.items()
        }


def _to_crop(picture: RenderedVariant) -> Crop:
    return Crop(**{field.name: getattr(picture, field.name) for field in fields(Crop)})


@dataclass(frozen=True)
class Models:
    """A profile's flow model, loaded on the first use, and the cache of inversions on disk."""

    profile: str
    folder: Path

    @cached_property
    def flow(self) -> Flow:
        """The flow model."""
        return registry.create("flow", self.profile)

    @cached_property
    def revision(self) -> str:
        """Digest of the model's weights."""
        return registry.revision("flow", self.profile)

    def trajectory(self, case: Case, photo: Image, params: InvertParams) -> Trajectory:
        """Return the window's inversion, in the precision that the invert stage stores."""
        numbers = params.model_dump(mode="json", exclude={"gate"})
        path = (
            self.folder
            / "inversions"
            / _digest("inversion", numbers, self.revision)
            / f"{case.name}.latents"
        )
        if not path.is_file():
            found = invert(self.flow, cut(photo, case.window), params)
            write_atomically(path, found.to_bytes(params.dtype))
        return Trajectory.from_bytes(path.read_bytes())
