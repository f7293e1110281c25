"""Cache pictures on disk, so that further figures need no further rendering."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quality import photos
from benchmarks.quality.cases import Case, EvaluationSet, Sides
from benchmarks.quality.renderers import Crop, Renderer
from stages.engine.files import canonical_json, write_atomically
from stages.inject.window import UnusableVariant
from stages.records.documents import Variant
from stages.records.images import Image, paste, read_mask, read_png, write_png
from stages.records.windows import cut

_READERS = {"artifact": read_png, "control": read_png, "mask": read_mask, "edit": read_mask}


@dataclass(frozen=True)
class RenderedVariant:
    """A variant's pictures and their place in the photo."""

    case: Case
    variant: Variant
    photo: Image
    crop: Crop | None
    """None where the variant could not be rendered or is not visible."""
    reason: str = "ok"
    """Reject code of the inject stage."""

    @property
    def name(self) -> str:
        """Name that is unique in the set."""
        return f"{self.case.key}-{self.variant.id}"

    @property
    def sides(self) -> Sides | None:
        """fuse: the two sides that meet."""
        return self.case.sides.get(self.variant.id)

    def photo_with(self, member: str) -> Image:
        """Return the photo with `artifact` or `control` pasted in."""
        if self.crop is None:
            return self.photo
        return paste(self.photo, getattr(self.crop, member), self.crop.box)

    def window(self, member: str) -> Image:
        """Return the window of `photo`, `artifact` or `control` at the model's size."""
        image = self.photo if member == "photo" else self.photo_with(member)
        return cut(image, self.case.window)


class Renderings:
    """The pictures of one renderer for the set; each is rendered on the first use."""

    def __init__(
        self, renderer: Renderer, cases: EvaluationSet, folder: Path, shards: Path
    ) -> None:
        self.renderer, self.cases, self.shards = renderer, cases, shards
        self.folder = folder / "renderings" / renderer.digest

    def __iter__(self) -> Iterator[RenderedVariant]:
        """Yield every variant of the set, in its order."""
        for case in self.cases:
            photo = photos.read_photo(case.photo, self.shards)
            missing = [v for v in case.variants if not self._path(case, v, "json").is_file()]
            if missing:
                pictures = self.renderer(case.model_copy(update={"variants": missing}), photo)
                for variant in missing:
                    self._write(case, variant, pictures[variant.id])
            for variant in case.variants:
                yield self._read(case, variant, photo)

    def _path(self, case: Case, variant: Variant, kind: str) -> Path:
        return self.folder / f"{case.name}.{variant.id}.{kind}"

    def _write(self, case: Case, variant: Variant, made: Crop | UnusableVariant) -> None:
        """Write the PNGs first: the JSON means that all of them exist."""
        if isinstance(made, UnusableVariant):
            facts = {"code": made.code}
        else:
            facts = {"box": made.box, "target_box": made.target_box}
            for member in _READERS:
                data = write_png(getattr(made, member))
                write_atomically(self._path(case, variant, f"{member}.png"), data)
        write_atomically(self._path(case, variant, "json"), canonical_json(facts))

    def _read(self, case: Case, variant: Variant, photo: Image) -> RenderedVariant:
        facts = json.loads(self._path(case, variant, "json").read_bytes())
        if "code" in facts:
            return RenderedVariant(case, variant, photo, None, facts["code"])
        members = {
            member: reader(self._path(case, variant, f"{member}.png").read_bytes())
            for member, reader in _READERS.items()
        }
        boxes = {name: tuple(facts[name]) for name in ("box", "target_box")}
        return RenderedVariant(case, variant, photo, Crop(**boxes, **members))
