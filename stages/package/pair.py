"""Define a published pair: its JSON, and its pictures at the photo's full size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stages.engine.codes import RejectCode
from stages.engine.files import canonical_json, sha256
from stages.package.rights import UNKNOWN
from stages.records.documents import (
    SCHEMA_VERSION,
    Box,
    Document,
    Explanation,
    Explanations,
    ModelCalls,
    Outcome,
    Photo,
    Scene,
    Variant,
    Verdict,
)
from stages.records.images import Image
from stages.records.masks import Mask, bounding_box
from stages.tools import Tool


class PackageCode(RejectCode):
    """Reasons why a photo or a pair cannot be published."""

    NO_PAIRS = "no_pairs"
    BACKGROUND_CHANGED = "background_changed"
    EMPTY_MASK = "empty_mask"
    MASK_OUTSIDE_EDIT = "mask_outside_edit"
    FLAWS_OVERLAP = "flaws_overlap"


class Usage(Document):
    """Requests to chat models that were answered, and their cost."""

    requests: int = 0
    input_tokens: int = 0
    """Tokens sent; requests whose server does not report them count 0."""
    output_tokens: int = 0
    cost: float = 0.0
    """At the prices when the answers were paid for, in the currency of these prices."""
    unpriced: int = 0
    """Number of requests of unknown price, which are not in `cost`."""


class Calls(Document):
    """The questions to chat models behind a pair; all numbers are 0 if none was asked."""

    photo: Usage
    """About the photo: asked once for all its pairs."""
    pair: Usage
    """About this pair: its flaws that are left, and its picture."""
    questions: str
    """JSON text: a list of `ModelCalls`, those about the photo first. Text because an empty list
    would have no type."""


class Score(Document):
    """One score of the filter.

    Scores are a list because `datasets` infers a schema from the first samples: a mapping would
    have other keys for every tool.
    """

    name: str
    value: float


class Texts(Document):
    """The texts about a pair as a whole; those about its flaws are in `Flaw`."""

    author: str
    overall: str
    """Why the flawed picture as a whole is flawed: it mentions every flaw."""
    clean: str
    """Why the photo is free of flaws."""


class MappingRecord(Document):
    """A summary of the mapping; the full index vector is stored by the map stage."""

    sha256: str
    """Digest of the canonical JSON of targets and references."""
    targets: int
    seed: str
    """Decimal string: not every JSON parser reads 63-bit numbers exactly."""
    facts: str
    """JSON text, because its keys differ from tool to tool."""


class Flaw(Document):
    """One flaw of a pair. Boxes as in `Pair`."""

    id: str
    """``v<n>``, unique in the photo."""
    index: int
    """Value of the flaw's pixels in ``flaws.png``, from 1: its place in `Pair.flaws`."""
    label: str
    tool: Tool
    kernel: str
    entity: str
    part: str
    part_kind: str
    positional: bool
    other: str
    """fuse: name of the second entity or part; else empty."""
    within_entity: bool
    edit_box: Box
    """Bounds of the pixels that the flaw may change."""
    mask_box: Box
    """Bounds of the visible flaw."""
    target_box: Box
    entity_box: Box
    part_box: Box
    window_box: Box
    window_size: tuple[int, int]
    """Width and height of the window at the model's size."""
    mask_pixels: int
    edit_pixels: int
    judge: str
    pixels_sha256: str
    """Digest of the flaw's rendered crop: the key under which people mark it
    (`stages.filter.reviews`)."""
    verdict_by: str
    """``judge``, or ``review`` if the people who marked the flaw decided."""
    judge_verdict: str
    """The filter's own verdict: ``ok``, or the reject code that people overruled."""
    accepted_by: str
    rejected_by: str
    """Reviewers who accept and who reject the flaw: 16 hex digits each, comma-separated."""
    scores: list[Score] = Field(min_length=1)
    text: str
    """What is wrong and where."""
    mapping: MappingRecord


class Pair(Document):
    """The fields of a pair that come from its photo's records.

    Boxes are (x0, y0, x1, y1) in pixels of the published pictures, half-open. No field is null, no
    list is empty, and no field changes its type between pairs.
    """

    schema_version: int = SCHEMA_VERSION
    pair: str
    """``<photo>-<picture>``: the sample's key."""
    photo: str
    picture: str
    """``p<n>``, unique in the photo."""
    width: int
    height: int
    edit_box: Box
    """Bounds of the pixels that may differ from the photo."""
    mask_box: Box
    """Bounds of all visible flaws."""
    mask_pixels: int
    edit_pixels: int
    caption: str
    """The photo's caption, which is also the flow model's prompt; empty without a captioner."""
    flaws: list[Flaw] = Field(min_length=1)
    taken_out: int
    """Number of flaws that were rendered and then replaced by the control, because the filter or
    the explainer rejected them."""
    explanation: Texts
    prompts: str
    """Prompts of the models that named the contents, captioned, judged or explained: name, version
    and digest of each, comma-separated; empty where no prompt was used."""
    calls: Calls
    source_sha256: str
    source_format: str
    phash: str


class StageRecord(Document):
    """The version of a stage that took part in the pair."""

    stage: str
    code_sha256: str
    """Digest of the source files that can change the stage's results; ``provenance.json`` lists
    them."""
    params: str
    """JSON text: the stage's params that can change the pair."""


class ModelRecord(Document):
    """A model, or a set of weights, that was used to make the pair."""

    stage: str
    role: str
    """``perceiver``, ``flow``, ``judge`` ..."""
    back_end: str
    revision: str
    """What the store's keys contain: back end and digest of its options and models."""
    options: str
    """JSON text: the back end's options, such as the dtype."""
    weights: str
    """Name of the weights, or of the model at its endpoint; empty for rules."""
    source: str
    """Package and version, address, or repository and commit; ``folder``; ``endpoint``."""
    sha256: str
    """Of the archive, file or folder; empty if there is none or the commit is the pin."""


class PublishedPair(Pair):
    """The record of a published pair: its fields and those of the data set it is in."""

    licence: str
    """Of the photo; ``unknown`` if its source list does not say."""
    origin: str
    creator: str = UNKNOWN
    """Who made the photo; ``unknown`` if the source list does not say."""
    title: str = ""
    """The photo's title; empty if the source list does not say."""
    batch: str
    file_name: str
    split: str
    group: str
    """Key of the first photo of the near-duplicate group."""
    profile: str
    seed: str
    """Decimal string, as in `MappingRecord`."""
    stages: list[StageRecord] = Field(min_length=1)
    models: list[ModelRecord] = Field(min_length=1)
    params_sha256: str
    """Digest of the params of all stages."""
    code_sha256: str
    """Digest of the code of all stages."""


class Pictures(BaseModel):
    """The pictures of one flaw, all of the photo's size."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)
    artifact: Image
    """(H, W, 3)"""
    control: Image
    mask: Mask
    """(H, W)"""
    edit: Mask


class PairPictures(BaseModel):
    """A pair's pictures other than the photo, all of the photo's size."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)
    artifact: Image
    """(H, W, 3)"""
    control: Image
    edit: Mask
    """(H, W)"""
    mask: Mask
    flaws: Image
    """(H, W) uint8: 0, or the flaw's `Flaw.index`."""


def join_pictures(
    photo: Image, flaws: Sequence[Pictures], taken_out: Sequence[Pictures]
) -> PairPictures:
    """Join the pictures of a pair's flaws; those that were taken out show their controls.

    Args:
        photo: (H, W, 3).
        flaws: the flaws that are left, in the order of `Pair.flaws`. Their ``edit`` masks and those
            of `taken_out` are disjoint.
        taken_out: the flaws that were rendered and then rejected.
    """
    artifact, control = photo.copy(), photo.copy()
    edit, numbers = np.zeros(photo.shape[:2], dtype=bool), np.zeros(photo.shape[:2], dtype=np.uint8)
    for flaw in (*flaws, *taken_out):
        control[flaw.edit] = flaw.control[flaw.edit]
        edit |= flaw.edit
    for flaw in flaws:
        artifact[flaw.edit] = flaw.artifact[flaw.edit]
    for flaw in taken_out:
        artifact[flaw.edit] = flaw.control[flaw.edit]
    for number, flaw in enumerate(flaws, start=1):
        numbers[flaw.mask] = number
    return PairPictures(
        artifact=artifact, control=control, edit=edit, mask=numbers > 0, flaws=numbers
    )


def find_problem(
    photo: Image, flaws: Sequence[Pictures], taken_out: Sequence[Pictures]
) -> tuple[PackageCode, str] | None:
    """Check the guarantees of a published pair; return the reject code and message, or None."""
    for pictures in (*flaws, *taken_out):
        for name in ("artifact", "control"):
            changed = (getattr(pictures, name) != photo).any(axis=-1) & ~pictures.edit
            if changed.any():
                where = f"{int(changed.sum())} pixels of {name} outside `edit`"
                return PackageCode.BACKGROUND_CHANGED, f"{where} differ from the photo"
    for pictures in flaws:
        if not pictures.mask.any():
            return PackageCode.EMPTY_MASK, "no pixel is marked as flawed"
        if (pictures.mask & ~pictures.edit).any():
            return PackageCode.MASK_OUTSIDE_EDIT, "the mask marks pixels that were not edited"
    edits = np.sum([pictures.edit for pictures in (*flaws, *taken_out)], axis=0)
    if (edits > 1).any():
        return PackageCode.FLAWS_OVERLAP, f"{int((edits > 1).sum())} pixels belong to two flaws"
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


def make_calls(photo: Sequence[ModelCalls], pair: Sequence[ModelCalls]) -> Calls:
    """Sum up the questions about a photo and those about one of its pairs."""
    questions = [call.model_dump(mode="json") for call in (*photo, *pair)]
    return Calls(
        photo=_sum_usage(photo),
        pair=_sum_usage(pair),
        questions=canonical_json(questions).decode(),
    )


def _sum_usage(calls: Sequence[ModelCalls]) -> Usage:
    return Usage(
        requests=sum(call.requests for call in calls),
        input_tokens=sum(call.input_tokens for call in calls),
        output_tokens=sum(call.output_tokens for call in calls),
        cost=sum((call.cost for call in calls), 0.0),
        unpriced=sum(call.unpriced for call in calls),
    )


@dataclass(frozen=True)
class FlawRecords:
    """What the stages recorded about one flaw, and its pictures."""

    variant: Variant
    outcome: Outcome
    verdict: Verdict
    explanation: Explanation
    pictures: Pictures


def make_flaw(index: int, scene: Scene, records: FlawRecords) -> Flaw:
    """Make the record of one flaw of a pair."""
    variant, pictures, verdict = records.variant, records.pictures, records.verdict
    entity = next(e for e in scene.entities if e.id == variant.entity)
    part = next((p for p in entity.parts if p.id == variant.part), entity)
    window = next(w for w in scene.windows if w.id == variant.window)
    return Flaw(
        id=variant.id,
        index=index,
        label=records.explanation.label,
        tool=variant.tool,
        kernel=variant.kernel,
        entity=variant.entity_name,
        part=variant.part_name,
        part_kind=variant.part_kind,
        positional=variant.positional,
        other=variant.other_name or "",
        within_entity=variant.within_entity,
        edit_box=bounding_box(pictures.edit),
        mask_box=bounding_box(pictures.mask),
        target_box=records.outcome.target_box,
        entity_box=entity.box,
        part_box=part.box,
        window_box=window.box,
        window_size=window.size,
        mask_pixels=int(pictures.mask.sum()),
        edit_pixels=int(pictures.edit.sum()),
        judge=verdict.judge,
        pixels_sha256=verdict.pixels_sha256,
        verdict_by=verdict.verdict_by,
        judge_verdict=verdict.judge_verdict,
        accepted_by=verdict.accepted_by,
        rejected_by=verdict.rejected_by,
        scores=[Score(name=n, value=float(v)) for n, v in sorted(verdict.scores.items())],
        text=records.explanation.local,
        mapping=make_mapping_record(variant),
    )


def make_pair(
    photo: Photo,
    scene: Scene,
    flaws: Sequence[FlawRecords],
    texts: Explanations,
    pictures: PairPictures,
    taken_out: int,
) -> Pair:
    """Make the record of one pair.

    Args:
        photo: the photo's record.
        scene: what is in the photo.
        flaws: the flaws that are left, at least one, all of one picture.
        texts: all texts of the photo.
        pictures: the pair's pictures.
        taken_out: number of flaws that were rendered and then rejected.
    """
    picture = flaws[0].variant.picture
    whole = next(text for text in texts.pictures if text.picture == picture)
    asked = (*(flaw.verdict.prompt for flaw in flaws), *texts.prompts.values(), whole.prompt)
    prompts = dict.fromkeys((*scene.prompts.values(), *asked))
    return Pair(
        pair=f"{photo.key}-{picture}",
        photo=photo.key,
        picture=picture,
        width=photo.width,
        height=photo.height,
        edit_box=bounding_box(pictures.edit),
        mask_box=bounding_box(pictures.mask),
        mask_pixels=int(pictures.mask.sum()),
        edit_pixels=int(pictures.edit.sum()),
        caption=scene.caption,
        flaws=[make_flaw(index, scene, flaw) for index, flaw in enumerate(flaws, start=1)],
        taken_out=taken_out,
        explanation=Texts(author=texts.author, overall=whole.overall, clean=texts.clean),
        prompts=", ".join(filter(None, prompts)),
        calls=make_calls(
            [*scene.calls, *texts.calls],
            [
                *(call for flaw in flaws for call in flaw.verdict.calls),
                *(call for flaw in flaws for call in flaw.explanation.calls),
                *whole.calls,
            ],
        ),
        source_sha256=photo.source_sha256,
        source_format=photo.source_format,
        phash=photo.phash,
    )
