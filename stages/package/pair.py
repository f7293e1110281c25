"""Define a published pair: its JSON, and its pictures at the photo's full size."""

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
    Variant,
    Verdict,
)
from stages.records.images import Image
from stages.records.masks import Mask, bounding_box
from stages.tools import Tool

MEMBERS = ("artifact.png", "control.png", "edit.png", "json", "mask.png", "real.png")
"""The members of every sample, sorted."""


class PackageCode(RejectCode):
    """Reasons why a photo or a pair cannot be published."""

    NO_PAIRS = "no_pairs"
    BACKGROUND_CHANGED = "background_changed"
    EMPTY_MASK = "empty_mask"
    MASK_OUTSIDE_EDIT = "mask_outside_edit"


class Score(Document):
    """One score of the filter.

    Scores are a list because `datasets` infers a schema from the first samples: a mapping would
    have other keys for every tool.
    """

    name: str
    value: float


class Texts(Document):
    """The explanation texts of a pair."""

    author: str
    local: str
    overall: str
    clean: str


class MappingRecord(Document):
    """A summary of the mapping; the full index vector is stored by the map stage."""

    sha256: str
    """Digest of the canonical JSON of targets and references."""
    targets: int
    seed: str
    """Decimal string: not every JSON parser reads 63-bit numbers exactly."""
    facts: str
    """JSON text, because its keys differ from tool to tool."""


class Pair(Document):
    """The fields of a pair that come from its photo's records.

    Boxes are (x0, y0, x1, y1) in pixels of the published pictures, half-open. No field is null or
    changes its type between pairs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: int = SCHEMA_VERSION
    pair: str
    """``<photo>-<variant>``: the sample's key."""
    photo: str
    variant: str
    tool: Tool
    kernel: str
    entity: str
    part: str
    part_kind: str
    positional: bool
    other: str
    """fuse: name of the second entity or part; else empty."""
    within_entity: bool
    width: int
    height: int
    edit_box: Box
    """Bounds of the pixels that may differ from the photo."""
    mask_box: Box
    """Bounds of the visible flaw."""
    target_box: Box
    entity_box: Box
    part_box: Box
    window_box: Box
    window_size: tuple[int, int]
    """Width and height of the window at the model's size."""
    caption: str
    """The photo's caption, which is also the flow model's prompt; empty without a captioner."""
    mask_pixels: int
    edit_pixels: int
    judge: str
    scores: list[Score]
    explanation: Texts
    prompts: str
    """Prompts of the models that named the contents, captioned, judged or explained: name, version
    and digest of each, comma-separated; empty where no prompt was used."""
    mapping: MappingRecord
    source_sha256: str
    source_format: str
    phash: str


class Pictures(BaseModel):
    """A pair's pictures other than ``real.png``, all of the photo's size."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)
    artifact: Image
    """(H, W, 3)"""
    control: Image
    mask: Mask
    """(H, W)"""
    edit: Mask


def find_problem(photo: Image, pictures: Pictures) -> tuple[PackageCode, str] | None:
    """Check the guarantees of a published pair; return the reject code and message, or None."""
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


def make_mapping_record(variant: Variant) -> MappingRecord:
    """Make the summary of a variant's mapping."""
    index = canonical_json({"targets": variant.targets, "references": variant.references})
    return MappingRecord(
        sha256=sha256(index),
        targets=len(variant.targets),
        seed=str(variant.seed),
        facts=canonical_json(variant.facts).decode(),
    )


def make_pair(
    photo: Photo,
    scene: Scene,
    variant: Variant,
    outcome: Outcome,
    verdict: Verdict,
    texts: Explanations,
    explanation: Explanation,
    pictures: Pictures,
) -> Pair:
    """Make the record of one pair."""
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
        mapping=make_mapping_record(variant),
        source_sha256=photo.source_sha256,
        source_format=photo.source_format,
        phash=photo.phash,
    )
