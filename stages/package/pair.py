"""One pair as published: what its JSON says, and its pictures at the photo's full size."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from stages.engine.codes import RejectCode
from stages.engine.files import canonical_json, sha256
from stages.records.documents import (
    SCHEMA_VERSION,
    Box,
    Document,
    Explanation,
    Explanations,
    Outcome,
    Photo,
    Scene,
    Tool,
    Variant,
    Verdict,
)
from stages.records.images import Image
from stages.records.masks import Mask, bounding_box

MEMBERS = ("artifact.png", "control.png", "edit.png", "json", "mask.png", "real.png")
"""Every sample's members, sorted."""


class PackageCode(RejectCode):
    """Why something cannot be published."""

    NO_PAIRS = "no_pairs"
    BACKGROUND_CHANGED = "background_changed"
    EMPTY_MASK = "empty_mask"
    MASK_OUTSIDE_EDIT = "mask_outside_edit"


class Score(Document):
    """One number of the filter. A list of these reads the same for every tool, a mapping whose
    names differ from tool to tool would not: `datasets` infers a schema from the first samples."""

    name: str
    value: float


class Texts(Document):
    """The words for a pair."""

    author: str
    local: str
    overall: str
    clean: str


class MappingRecord(Document):
    """Where the flaw came from, short: the full index vector stays with the map stage."""

    sha256: str
    """Of the canonical JSON of targets and references."""
    targets: int
    seed: str
    """Decimal: 63 bits do not fit a JSON number everywhere."""
    facts: str
    """JSON text, since its keys differ from tool to tool."""


class Pair(Document):
    """All that one photo's records know of a pair. Boxes are (x0, y0, x1, y1) in pixels of the
    published pictures, half-open. No field is null or of a type that changes between pairs."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: int = SCHEMA_VERSION
    pair: str
    """``<photo>-<variant>``, the sample's key."""
    photo: str
    variant: str
    tool: Tool
    kernel: str
    entity: str
    part: str
    part_kind: str
    positional: bool
    other: str
    """fuse: name of the second entity or part, else empty."""
    within_entity: bool
    width: int
    height: int
    edit_box: Box
    """Bounds of every pixel that may differ from the photo."""
    mask_box: Box
    """Bounds of the visible flaw."""
    target_box: Box
    entity_box: Box
    part_box: Box
    window_box: Box
    window_size: tuple[int, int]
    """Width and height at which the model worked."""
    caption: str
    """What the photo shows, told to the flow model too; empty where no caption was had."""
    mask_pixels: int
    edit_pixels: int
    judge: str
    scores: list[Score]
    explanation: Texts
    prompts: str
    """Questions asked of models that named what is there, captioned, judged or explained: name,
    version and digest of each, comma-separated; empty where none was asked."""
    mapping: MappingRecord
    source_sha256: str
    source_format: str
    phash: str


class Pictures(BaseModel):
    """A pair's pictures beside ``real.png``, all of the photo's size."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)
    artifact: Image
    """(H, W, 3)"""
    control: Image
    mask: Mask
    """(H, W)"""
    edit: Mask


def problem(photo: Image, pictures: Pictures) -> tuple[PackageCode, str] | None:
    """Reject code and message of what a published pair promises and this one breaks, else None."""
    outside = ~pictures.edit
    for name in ("artifact", "control"):
        changed = (getattr(pictures, name) != photo).any(axis=-1) & outside
        if changed.any():
            where = f"{int(changed.sum())} pixels of {name} outside `edit`"
            return PackageCode.BACKGROUND_CHANGED, f"{where} differ from the photo"
    if not pictures.mask.any():
        return PackageCode.EMPTY_MASK, "no pixel is marked as flawed"
    if (pictures.mask & outside).any():
        return PackageCode.MASK_OUTSIDE_EDIT, "the mask marks pixels that were not edited"
    return None


def mapping_record(variant: Variant) -> MappingRecord:
    """The mapping's digest and facts."""
    index = canonical_json({"targets": variant.targets, "references": variant.references})
    return MappingRecord(
        sha256=sha256(index),
        targets=len(variant.targets),
        seed=str(variant.seed),
        facts=canonical_json(variant.facts).decode(),
    )


def describe(
    photo: Photo,
    scene: Scene,
    variant: Variant,
    outcome: Outcome,
    verdict: Verdict,
    texts: Explanations,
    explanation: Explanation,
    pictures: Pictures,
) -> Pair:
    """The record of one pair."""
    entity = next(e for e in scene.entities if e.id == variant.entity)
    part = next((p for p in entity.parts if p.id == variant.part), entity)
    window = next(w for w in scene.windows if w.id == variant.window)
    return Pair(
        pair=f"{photo.key}-{variant.id}",
        photo=photo.key,
        variant=variant.id,
        tool=variant.tool,
        kernel=variant.kernel,
        entity=variant.entity_name,
        part=variant.part_name,
        part_kind=variant.part_kind,
        positional=variant.positional,
        other=variant.other_name or "",
        within_entity=variant.within_entity,
        width=photo.width,
        height=photo.height,
        edit_box=bounding_box(pictures.edit),
        mask_box=bounding_box(pictures.mask),
        target_box=outcome.target_box,
        entity_box=entity.box,
        part_box=part.box,
        window_box=window.box,
        window_size=window.size,
        caption=scene.caption,
        mask_pixels=int(pictures.mask.sum()),
        edit_pixels=int(pictures.edit.sum()),
        judge=verdict.judge,
        scores=[Score(name=n, value=float(v)) for n, v in sorted(verdict.scores.items())],
        explanation=Texts(
            author=texts.author,
            local=explanation.local,
            overall=explanation.overall,
            clean=texts.clean,
        ),
        prompts=", ".join(
            filter(None, (*scene.prompts.values(), verdict.prompt, *texts.prompts.values()))
        ),
        mapping=mapping_record(variant),
        source_sha256=photo.source_sha256,
        source_format=photo.source_format,
        phash=photo.phash,
    )
