"""Pictures kept on disk, so that a figure more costs no rendering more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quality import photos
from benchmarks.quality.cases import Case, EvaluationSet, Sides
from benchmarks.quality.renderers import Crop, Renderer
from stages.engine.files import canonical_json, write_atomically
from stages.inject.window import Unusable
from stages.records.documents import Variant
from stages.records.images import Image, paste, read_mask, read_png, write_png
from stages.records.windows import cut

_READERS = {"artifact": read_png, "control": read_png, "mask": read_mask, "edit": read_mask}


@dataclass(frozen=True)
class Shown:
    """One variant's picture in its place."""

    case: Case
    variant: Variant
    photo: Image
    crop: Crop | None
    """None where nothing could be rendered or seen."""
    reason: str = "ok"
    """Reject code of the inject stage."""

    @property
    def name(self) -> str:
        """Unique in the set."""
        return f"{self.case.key}-{self.variant.id}"

    @property
    def sides(self) -> Sides | None:
        """fuse: the two that meet."""
        return self.case.sides.get(self.variant.id)

    def whole(self, member: str) -> Image:
        """The photo, with `artifact` or `control` in place."""
        if self.crop is None:
            return self.photo
        return paste(self.photo, getattr(self.crop, member), self.crop.box)

    def window(self, member: str) -> Image:
        """The window at the model's size in the `photo`, or with `artifact` or `control`."""
        return cut(self.photo if member == "photo" else self.whole(member), self.case.window)


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
            missing = [v for v in case.variants if not self._path(case, v, "json").is_file()]
            if missing:
                pictures = self.renderer(case.model_copy(update={"variants": missing}), photo)
                for variant in missing:
                    self._write(case, variant, pictures[variant.id])
            for variant in case.variants:
                yield self._read(case, variant, photo)

    def _path(self, case: Case, variant: Variant, kind: str) -> Path:
        return self.folder / f"{case.name}.{variant.id}.{kind}"

    def _write(self, case: Case, variant: Variant, made: Crop | Unusable) -> None:
        """PNGs first: the JSON says that they are all there."""
        if isinstance(made, Unusable):
            facts = {"code": made.code}
        else:
            facts = {"box": made.box, "target_box": made.target_box}
            for member in _READERS:
                data = write_png(getattr(made, member))
                write_atomically(self._path(case, variant, f"{member}.png"), data)
        write_atomically(self._path(case, variant, "json"), canonical_json(facts))

    def _read(self, case: Case, variant: Variant, photo: Image) -> Shown:
        facts = json.loads(self._path(case, variant, "json").read_bytes())
        if "code" in facts:
            return Shown(case, variant, photo, None, facts["code"])
        members = {
            member: reader(self._path(case, variant, f"{member}.png").read_bytes())
            for member, reader in _READERS.items()
        }
        boxes = {name: tuple(facts[name]) for name in ("box", "target_box")}
        return Shown(case, variant, photo, Crop(**boxes, **members))
