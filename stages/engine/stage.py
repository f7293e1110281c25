"""The contract between a stage and the engine.

A stage declares what it reads, turns one photo's sample into one output, and never touches files,
DVC or other photos. The engine reads shards, asks the store, calls `process`, writes shards,
manifests and rejects, and closes the stage with its gate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, Field

from stages.engine.codes import RejectCode
from stages.engine.section import Section, Share

DocumentT = TypeVar("DocumentT", bound=BaseModel)


class GateParams(Section):
    """Thresholds a gate's expectations refer to as ``{"$param": "gate.<name>"}``."""

    max_reject_rate: Share = 1.0
    """Largest share of incoming photos that may fall out here, those set aside not counted."""
    max_internal_error_rate: Share = 0.02
    """Largest share of photos on which the stage's own code may raise; the first is not counted."""
    least_photos: int = Field(default=20, ge=1, le=1_000_000)
    """Means and shares over the set are judged from so many photos on: fewer may all be odd."""


class StageParams(Section):
    """Base of every section of params.yaml. `gate` does not change what is computed."""

    gate: GateParams = GateParams()
    layout_only: ClassVar[frozenset[str]] = frozenset()
    """Fields that shape the output folder or what `Stage.sift` lets into it, but no photo's
    result: not in the store's key."""


class BaseParams(Section):
    """Section ``base``: what changes the results of every stage."""

    seed: int = Field(default=0, ge=-(2**63), lt=2**63)
    profile: str = "compact"
    """Names the back ends in stages/models/profiles.yaml."""
    models: dict[str, dict[str, Any] | None] = Field(default_factory=dict)
    """Role to options that take the place of the profile's: an endpoint's address, a folder. None
    leaves the role out: no captions, for one."""
    photos_per_shard: int = Field(default=256, ge=1, le=1_000_000)
    """Shards are ranges of the source list: growth adds shards, rewriting only the last."""


class RejectPhoto(Exception):
    """Raised by `Stage.process` when the whole photo falls out; recorded, never fatal."""

    def __init__(self, code: RejectCode, message: str, **evidence: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.evidence = code, message, evidence


class RejectForNow(RejectPhoto):
    """A photo that falls out for what may be otherwise next time (its file is away): not stored."""


@dataclass(frozen=True)
class Reject:
    """A photo (`variant` None) or a variant that fell out, with the reason."""

    key: str
    variant: str | None
    code: str
    """A `RejectCode`; plain where it was read back."""
    message: str
    """For the reader: what happened, and the remedy if there is one."""
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One photo as a stage sees it: upstream documents and the members it declared to read."""

    key: str
    documents: Mapping[str, dict[str, Any]]
    """Stage name to its JSON document."""
    members: Mapping[str, bytes]
    """``<stage>/<member name>`` to bytes, e.g. ``ingest/photo.png``."""

    def document(self, stage: str, model: type[DocumentT]) -> DocumentT:
        """The validated document that `stage` wrote for this photo."""
        return model.model_validate(self.documents[stage])


@dataclass(frozen=True)
class Output:
    """What a stage found out about one photo."""

    document: BaseModel
    members: dict[str, bytes] = field(default_factory=dict)
    """Member name (without the key, e.g. ``photo.png``) to bytes."""
    rejects: list[Reject] = field(default_factory=list)
    """Variants that fell out here; the photo itself goes on."""


@dataclass(frozen=True)
class SourceEntry:
    """One line of the source list as the first stage's unit."""

    position: int
    key: str
    source: dict[str, Any]
    """Its document: what the photo is. Enters the store's key."""
    place: dict[str, Any] = field(default_factory=dict)
    """Document ``place``: where to find it. Not in the key."""


@dataclass(frozen=True)
class Assembled:
    """One photo's finished output on its way into the stage's folder."""

    position: int
    key: str
    document: dict[str, Any]
    members: dict[str, bytes]


class Stage(ABC):
    """One room of the factory. Subclasses live in ``stages/<name>/stage.py``."""

    name: ClassVar[str]
    reads: ClassVar[Mapping[str, tuple[str, ...]]]
    """Upstream stage to the member name patterns (fnmatch) it reads; ``()`` = the document only.
    The first entry is the direct upstream: its accepted photos are this stage's input."""
    params_model: ClassVar[type[StageParams]]
    own_layout: ClassVar[bool] = False
    """True when `assemble` writes the output folder instead of the engine: the last stage."""
    lists: ClassVar[tuple[str, ...]] = ()
    """Halves of the source list, ``photos`` or ``words``, on which the output folder hangs beside
    the upstreams."""
    code: ClassVar[tuple[str, ...]] = ()
    """Modules beside the stage's own folder whose source enters the store's key,
    e.g. ``stages.models.flow.model``."""
    codes: ClassVar[tuple[type[RejectCode], ...]] = ()
    """Every reason for which photos or variants may fall out here, beside the engine's own; the
    gate fails on any other."""
    sets: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Sets of values that the gate refers to as ``{"$set": "<name>"}``, from where they are
    declared; ``codes`` and ``tools`` are there for every stage."""

    def __init__(self, params: StageParams, base: BaseParams) -> None:
        self.params, self.base = params, base

    def revisions(self) -> dict[str, str]:
        """Model name to revision (a digest of its weights): enters the store's key. Cheap."""
        return {}

    def devices(self) -> frozenset[str]:
        """Torch's names of the devices that its models compute on: how many workers there are by
        default follows them, and the class of GPU enters the store's key. Cheap."""
        return frozenset()

    def setup(self) -> None:  # noqa: B027 - most stages have nothing to load
        """Load models. Called once in each worker before the first `process`."""

    @abstractmethod
    def process(self, sample: Sample) -> Output:
        """Work on one photo. Deterministic: same sample, params and models give the same bytes.

        Raises:
            RejectPhoto: the whole photo falls out here.
        """

    @abstractmethod
    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Manifest rows of one photo's document: scalars only, each with ``key`` and, where a row
        is a variant, ``variant``. Same columns for every row of a stage."""

    def sift(self, result: Assembled) -> tuple[Assembled, list[Reject]]:
        """What of a photo's kept result goes on, by thresholds that recompute nothing (named in
        `StageParams.layout_only`), and the variants that do not. Default: all of it.

        Raises:
            RejectPhoto: the whole photo falls out.
        """
        return result, []

    def entries(self, source_list: Path) -> tuple[list[SourceEntry], list[Reject]]:
        """First stage only: the photos to work on, in list order, and what is refused unopened.

        Every line of the list ends as one entry or one reject, under a key of its own.
        """
        raise NotImplementedError(f"{self.name} reads upstream stages, not the source list")

    def assemble(self, outputs: Iterable[Assembled], folder: Path) -> list[dict[str, Any]]:
        """With `own_layout`: write the shards of `folder`, return the rows of its manifest.

        Outputs come once, lazily, in source order.
        """
        raise NotImplementedError(f"{self.name} leaves its layout to the engine")

    def finish(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Columns that need all photos at once; rows come in source order. Default: as they are."""
        return rows
