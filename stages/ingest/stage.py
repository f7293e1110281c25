"""ingest: from an entry of the source list to a decoded, cleaned photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from stages.engine.workspace import Workspace
from stages.ingest.codes import IngestAside, IngestCode
from stages.ingest.damage import look_for_damage
from stages.ingest.decode import FORMATS, Limits, decode, perceptual_hash
from stages.ingest.files import FileProblem, read_capped
from stages.ingest.near_duplicates import groups
from stages.ingest.places import Places
from stages.ingest.sources import ScanError, units
from stages.records.documents import Document, Photo
from stages.records.images import write_png


class IngestGate(GateParams):
    """What the photos as a whole must be."""

    max_reject_rate: Share = 0.5


class IngestParams(StageParams):
    """Section ``ingest``: what is accepted as a photo, and how large it goes on."""

    layout_only: ClassVar[frozenset[str]] = frozenset({"near_duplicate_distance"})
    max_bytes: int = Field(default=64 << 20, ge=100, le=1 << 30)
    max_pixels: int = Field(default=100_000_000, ge=256, le=178_000_000)
    """As the header declares; Pillow refuses twice its own 89 million whatever is set here."""
    min_side: int = Field(default=128, ge=16, le=16384)
    max_side: int = Field(default=1536, ge=16, le=16384)
    """Longer photos are scaled down."""
    near_duplicate_distance: int = Field(default=6, ge=0, le=31)
    """Differing bits of two perceptual hashes that still count as the same picture."""
    gate: IngestGate = IngestGate()  # pyright: ignore[reportIncompatibleVariableOverride]

    @model_validator(mode="after")
    def _photos_can_pass(self) -> IngestParams:
        if self.max_pixels < self.min_side**2:
            words = f"must not be below the square of `min_side`, {self.min_side**2}"
            raise refusal("max_pixels", self.max_pixels, words)
        return self


class Listed(Document):
    """What the source list says a photo is."""

    sha256: str
    bytes: int


class Place(Document):
    """Where the source list says it lies (`stages.ingest.places`)."""

    folder: str | None
    path: str


class IngestStage(Stage):
    """Decodes photos. The only stage that opens files: its input is the source list."""

    name: ClassVar[str] = "ingest"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    lists: ClassVar[tuple[str, ...]] = ("photos",)
    params_model: ClassVar[type[StageParams]] = IngestParams
    codes: ClassVar[tuple[type[RejectCode], ...]] = (IngestCode, IngestAside)
    sets: ClassVar[Mapping[str, Sequence[str]]] = {"formats": FORMATS}
    params: IngestParams

    def entries(self, source_list: Path) -> tuple[list[SourceEntry], list[Reject]]:
        """Lines of the source list; duplicates, withdrawn and unreadable files are refused.

        Raises:
            ScanError: there is no list.
            SourceListError: it is damaged.
        """
        if not exists(source_list):
            raise ScanError(f"{source_list} is not here: `dvc pull` it, or scan a folder of photos")
        return units(read_list(source_list))

    def process(self, sample: Sample) -> Output:
        """One entry of the source list (documents ``source`` and ``place``) to document and PNG.

        Raises:
            ScanError: the folder it lies in is not on this machine.
            RejectForNow: the file is not there, not readable, or no longer as listed.
            RejectPhoto: it is no photo within the limits.
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
        """The bytes the list speaks of; checked, since the folder may have changed since."""
        path = Places(Workspace.find()).path(place.folder, place.path)
        if path is None:
            raise ScanError(
                f"{place.folder}/{place.path} is asked for, but its folder is not on this machine: "
                "say where it lies with `flawfactory locate FOLDER`"
            )
        try:
            data = read_capped(path, self.params.max_bytes)
        except FileProblem as problem:
            kind = RejectPhoto if problem.code == IngestCode.TOO_LARGE else RejectForNow
            raise kind(problem.code, problem.message) from problem
        if sha256(data) != source.sha256:
            raise RejectForNow(
                IngestCode.CHANGED_SINCE_SCAN,
                "has other bytes than when it was scanned: scan again",
                listed_bytes=source.bytes,
                found_bytes=len(data),
            )
        return data

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """One row a photo."""
        photo = Photo.model_validate(document)
        columns = photo.model_dump(exclude={"schema_version", "scaled_from", "notes"})
        return [
            {**columns, "scaled": photo.scaled_from is not None, "notes": " ".join(photo.notes)}
        ]

    def finish(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add ``group``: the key of the first photo that looks the same."""
        keys = [row["key"] for row in rows]
        found = groups(keys, [row["phash"] for row in rows], self.params.near_duplicate_distance)
        return [{**row, "group": found[row["key"]]} for row in rows]
