"""Pictures kept on disk, so that a figure more costs no rendering more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality import photos
from benchmarks.quality.cases import Case, EvaluationSet
from benchmarks.quality.renderers import Pictures, Renderer
from stages.engine.files import canonical_json, write_atomically
from stages.engine.record import Variant
from stages.filter.case import paste
from stages.inject.window import Picture, Unusable
from stages.invert.windows import cut, read_png, write_png
from stages.models.protocols import Image

FOLDER = Path("data/.quality")
"""Default folder of everything that these measurements keep; git ignores it."""
_IMAGES, _MASKS = ("artifact", "control"), ("mask", "edit")


@dataclass(frozen=True)
class Shown:
    """One variant's picture in its place."""

    case: Case
    variant: Variant
    photo: Image
    picture: Picture | None
    """None where nothing could be rendered or seen."""
    reason: str = "ok"
    """Reject code of the inject stage."""

    @property
    def name(self) -> str:
        """Unique in the set."""
        return f"{self.case.key}-{self.variant.id}"

    def window(self, member: str) -> Image:
        """The window at the model's size in `photo`, or with `artifact` or `control` in place."""
        whole = self.photo
        if member != "photo" and self.picture is not None:
            whole = paste(self.photo, getattr(self.picture, member), self.picture.box)
        return cut(whole, self.case.window)


class Renderings:
    """What one renderer makes of the set; rendered when first asked for."""

    def __init__(
        self, renderer: Renderer, cases: EvaluationSet, folder: Path, shards: Path
    ) -> None:
        self.renderer, self.cases, self.shards = renderer, cases, shards
        self.folder = folder / "renderings" / renderer.digest

    def __iter__(self) -> Iterator[Shown]:
        """Every variant of the set, in its order."""
        for case in self.cases:
            photo = photos.read(case.photo, self.shards)
            path = self.folder / f"{case.name}.json"
            if not path.is_file():
                self._write(path, self.renderer(case, photo))
            pictures = self._read(path)
            for variant in case.variants:
                picture = pictures[variant.id]
                if isinstance(picture, Unusable):
                    yield Shown(case, variant, photo, None, picture.code)
                else:
                    yield Shown(case, variant, photo, picture)

    def _write(self, path: Path, pictures: Pictures) -> None:
        """PNGs first: the JSON says that they are all there."""
        facts = {}
        for variant, picture in pictures.items():
            if isinstance(picture, Unusable):
                facts[variant] = {"code": picture.code, "message": str(picture)}
                continue
            for member in (*_IMAGES, *_MASKS):
                name = f"{path.stem}.{variant}.{member}.png"
                write_atomically(self.folder / name, write_png(getattr(picture, member)))
            facts[variant] = {"box": picture.box, "target_box": picture.target_box}
        write_atomically(path, canonical_json(facts))

    def _read(self, path: Path) -> Pictures:
        facts, found = json.loads(path.read_bytes()), {}
        for variant, fact in facts.items():
            if "code" in fact:
                found[variant] = Unusable(fact["code"], fact["message"])
                continue
            members = {
                member: read_png((self.folder / f"{path.stem}.{variant}.{member}.png").read_bytes())
                for member in (*_IMAGES, *_MASKS)
            }
            masks = {member: np.asarray(members[member][..., 0] > 0) for member in _MASKS}
            images = {member: members[member] for member in _IMAGES}
            boxes = {name: tuple(fact[name]) for name in ("box", "target_box")}
            found[variant] = Picture(**boxes, **images, **masks, evaluations=0.0)
        return found
