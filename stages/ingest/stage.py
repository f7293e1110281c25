"""Decode and clean the photos of the source list: the ingest stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from stages.engine.codes import RejectCode
from stages.engine.files import sha256
from stages.engine.section import Share, refusal
from stages.engine.stage import (
    GateParams,
    Output,
    Reject,
    RejectForNow,
    RejectPhoto,
    Sample,
    SourceEntry,
    Stage,
    StageParams,
)
from stages.engine.storage.source_list import exists, read_list
from stages.engine.storage.tables import read_column
from stages.engine.workspace import Workspace
from stages.ingest.codes import IngestAside, IngestCode
from stages.ingest.damage import look_for_damage
from stages.ingest.decode import FORMATS, Limits, decode, perceptual_hash
from stages.ingest.files import FileProblem, read_capped
from stages.ingest.near_duplicates import group_photos
from stages.ingest.places import Places
from stages.ingest.sources import ScanError, make_units
from stages.records.documents import Document, Photo
from stages.records.images import WEBP_MAX_SIDE, write_png


class IngestGate(GateParams):
    """Thresholds of the ingest gate."""

    max_reject_rate: Share = 0.5


class IngestParams(StageParams):
    """Section ``ingest``: which files are accepted as photos, and how large photos may be."""

    layout_only: ClassVar[frozenset[str]] = frozenset({"near_duplicate_distance"})
    max_bytes: int = Field(default=64 << 20, ge=100, le=1 << 30)
    max_pixels: int = Field(default=100_000_000, ge=256, le=178_000_000)
    """Maximum that the header may declare; Pillow always refuses twice its own 89 million."""
    min_side: int = Field(default=128, ge=16, le=WEBP_MAX_SIDE)
    max_side: int = Field(default=1536, ge=16, le=WEBP_MAX_SIDE)
    """Longer photos are scaled down."""
    near_duplicate_distance: int = Field(default=6, ge=0, le=31)
    """Maximum number of differing bits of the perceptual hashes of near duplicates."""
    gate: IngestGate = IngestGate()  # pyright: ignore[reportIncompatibleVariableOverride]

    @model_validator(mode="after")
    def _photos_can_pass(self) -> IngestParams:
        if self.max_pixels < self.min_side**2:
            allowed = f"must not be below the square of `min_side`, {self.min_side**2}"
            raise refusal("max_pixels", self.max_pixels, allowed)
        return self


class Listed(Document):
    """A photo's digest and size in the source list."""

    sha256: str
    bytes: int


class Place(Document):
    """A photo's place in the source list (`stages.ingest.places`)."""

    folder: str | None
    path: str


class IngestStage(Stage):
    """Decode photos. The only stage that opens files, because its input is the source list."""

    name: ClassVar[str] = "ingest"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    lists: ClassVar[tuple[str, ...]] = ("photos",)
    params_model: ClassVar[type[StageParams]] = IngestParams
    codes: ClassVar[tuple[type[RejectCode], ...]] = (IngestCode, IngestAside)
    sets: ClassVar[Mapping[str, Sequence[str]]] = {"formats": FORMATS}
    finished_columns: ClassVar[tuple[str, ...]] = ("group",)
    params: IngestParams

    def entries(self, source_list: Path) -> tuple[list[SourceEntry], list[Reject]]:
        """Read the source list; duplicates, withdrawn and unreadable files become rejects.

        Raises:
            ScanError: there is no list.
            SourceListError: the list is damaged.
        """
        if not exists(source_list):
            raise ScanError(f"{source_list} is missing: `dvc pull` it, or scan a folder of photos")
        return make_units(read_list(source_list))

    def process(self, sample: Sample) -> Output:
        """Turn an entry of the source list (documents ``source``, ``place``) into document and PNG.

        Raises:
            ScanError: the file's folder is not on this machine.
            RejectForNow: the file is missing, unreadable, or differs from the list.
            RejectPhoto: the file is not a photo within the limits.
        """
        source = sample.document("source", Listed)
        data = self._read(source, sample.document("place", Place))
        params = self.params
        limits = Limits(params.max_pixels, params.min_side, params.max_side)
        decoded = decode(data, limits)
        notes = {*decoded.notes, *look_for_damage(np.asarray(decoded.image))}
        document = Photo(
            key=sample.key,
            source_sha256=source.sha256,
            source_bytes=source.bytes,
            source_format=decoded.format,
            width=decoded.image.width,
            height=decoded.image.height,
            scaled_from=decoded.scaled_from,
            phash=perceptual_hash(decoded.image),
            notes=sorted(notes),
        )
        return Output(document, {"photo.png": write_png(np.asarray(decoded.image))})

    def _read(self, source: Listed, place: Place) -> bytes:
        """Read the file and verify its digest, because the folder may have changed."""
        path = Places(Workspace.find()).path(place.folder, place.path)
        if path is None:
            raise ScanError(
                f"{place.folder}/{place.path} is needed, but its folder is not on this machine: "
                "set its place with `flawfactory locate FOLDER`"
            )
        try:
            data = read_capped(path, self.params.max_bytes)
        except FileProblem as problem:
            kind = RejectPhoto if problem.code == IngestCode.TOO_LARGE else RejectForNow
            raise kind(problem.code, problem.message) from problem
        if sha256(data) != source.sha256:
            raise RejectForNow(
                IngestCode.CHANGED_SINCE_SCAN,
                "has changed since it was scanned: scan again",
                listed_bytes=source.bytes,
                found_bytes=len(data),
            )
        return data

    def columns(self) -> Mapping[str, type]:
        """Return the columns of the manifest."""
        return {
            "key": str,
            "source_sha256": str,
            "source_bytes": int,
            "source_format": str,
            "width": int,
            "height": int,
            "phash": str,
            "scaled": bool,
            "notes": str,
            "group": str,
        }

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per photo."""
        photo = Photo.model_validate(document)
        columns = photo.model_dump(exclude={"schema_version", "scaled_from", "notes"})
        return [
            {**columns, "scaled": photo.scaled_from is not None, "notes": " ".join(photo.notes)}
        ]

    def finish(self, rows: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """Add the column ``group``: the key of the first photo that looks the same."""
        keys, phashes = read_column(rows, "key"), read_column(rows, "phash")
        found = group_photos(keys, phashes, self.params.near_duplicate_distance)
        return ({**row, "group": found[row["key"]]} for row in rows)
