"""The interface between a stage and the engine.

A stage declares what it reads and turns the sample of one photo into one output. It does not access
files, DVC or other photos. The engine reads shards, looks results up in the store, calls
`Stage.process` for those that are missing, applies `Stage.sift` to each photo's result and
`Stage.sift_block` to each block of photos, writes shards, manifests and rejects, and runs the
stage's gate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, Field

from stages.engine.codes import RejectCode
from stages.engine.section import Section, Share
from stages.engine.workspace import Workspace

DocumentT = TypeVar("DocumentT", bound=BaseModel)


class GateParams(Section):
    """Thresholds that a gate's expectations refer to as ``{"$param": "gate.<name>"}``."""

    max_reject_rate: Share = 1.0
    """Maximum share of incoming photos that the stage may reject; those set aside do not count."""
    max_internal_error_rate: Share = 0.02
    """Maximum share of photos on which the stage's own code may fail; the first failure does not
    count."""
    min_photos: int = Field(default=20, ge=1, le=1_000_000)
    """Minimum number of photos for a mean or a share over the set to be judged: fewer photos may
    all be unusual."""


class StageParams(Section):
    """Base of a stage's section of params.yaml. `gate` does not change any result."""

    gate: GateParams = GateParams()
    layout_only: ClassVar[frozenset[str]] = frozenset()
    """Fields that change the layout of the output folder or what `Stage.sift` and
    `Stage.sift_block` let into it, but no photo's result. They do not enter the store's key."""


class BaseParams(Section):
    """Section ``base`` of params.yaml, which applies to every stage."""

    seed: int = Field(default=0, ge=-(2**63), lt=2**63)
    """Seed from which all others are derived."""
    profile: str = "compact"
    """Profile of stages/models/profiles.yaml that names the back ends."""
    models: dict[str, dict[str, Any] | None] = Field(default_factory=dict)
    """Role to options that replace the profile's, such as an endpoint's address or a folder. None
    leaves the role out: ``captioner: null`` means no captions."""
    photos_per_shard: int = Field(default=64, ge=1, le=1_000_000)
    """Lines of the source list per shard, and per block of `Stage.sift_block`. New photos rewrite
    at most the last shard and add others."""


class RejectPhoto(Exception):
    """Raised by `Stage.process` to reject the whole photo. It is recorded and never fatal."""

    def __init__(self, code: RejectCode, message: str, **evidence: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.evidence = code, message, evidence


class RejectForNow(RejectPhoto):
    """Rejects a photo for a reason that may be gone in the next run, such as a file on a disk that
    is not mounted. Nothing is stored, so the next run tries again."""


@dataclass(frozen=True)
class Reject:
    """A rejected photo (`variant` is None) or a rejected variant, with the reason."""

    key: str
    """The photo's key."""
    variant: str | None
    code: str
    """A `RejectCode`; a plain string if it was read from a file."""
    message: str
    """What happened, and the remedy if there is one."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """Numbers and places behind the reason; JSON."""


@dataclass(frozen=True)
class Sample:
    """The input of one photo: upstream documents and the members that the stage declares."""

    key: str
    documents: Mapping[str, dict[str, Any]]
    """Stage name to the stage's JSON document."""
    members: Mapping[str, bytes]
    """``<stage>/<member name>`` to bytes, e.g. ``ingest/photo.png``."""

    def document(self, stage: str, model: type[DocumentT]) -> DocumentT:
        """Validate and return the document that `stage` wrote for this photo."""
        return model.model_validate(self.documents[stage])


@dataclass(frozen=True)
class Output:
    """The output of a stage for one photo."""

    document: BaseModel
    members: dict[str, bytes] = field(default_factory=dict)
    """Member name (without the key, e.g. ``photo.png``) to bytes."""
    rejects: list[Reject] = field(default_factory=list)
    """Variants that the stage rejects; the photo itself is accepted."""


@dataclass(frozen=True)
class SourceEntry:
    """One line of the source list, the input of the first stage."""

    position: int
    """Number of the line, from 0."""
    key: str
    source: dict[str, Any]
    """Document ``source``: what the photo is. Enters the store's key."""
    place: dict[str, Any] = field(default_factory=dict)
    """Document ``place``: where the file is. Does not enter the store's key."""


@dataclass(frozen=True)
class Assembled:
    """One photo's result from the store, to be written into the stage's folder."""

    position: int
    key: str
    document: dict[str, Any]
    members: dict[str, bytes]
    rejects: list[Reject] = field(default_factory=list)
    """The variants that `Stage.process` rejected; `Stage.sift` may replace the list."""


class Stage(ABC):
    """Base class of the stages, each in ``stages/<name>/stage.py``."""

    name: ClassVar[str]
    reads: ClassVar[Mapping[str, tuple[str, ...]]]
    """Upstream stage to the member name patterns (fnmatch) that this stage reads; ``()`` reads the
    document only. The first entry is the direct upstream: the photos that it accepted are this
    stage's input."""
    params_model: ClassVar[type[StageParams]]
    own_layout: ClassVar[bool] = False
    """Whether `assemble` writes the output folder instead of the engine, as in the last stage."""
    lists: ClassVar[tuple[str, ...]] = ()
    """Halves of the source list, ``photos`` or ``words``, that the output folder depends on in
    addition to the upstream stages."""
    codes: ClassVar[tuple[type[RejectCode], ...]] = ()
    """All codes with which the stage may reject photos or variants, apart from the engine's; the
    gate fails on any other."""
    sets: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Sets of values that the gate refers to as ``{"$set": "<name>"}``, from where they are
    declared; ``codes`` is there for every stage."""
    sifts_blocks: ClassVar[bool] = False
    """Whether the stage decides over blocks of photos with `sift_block`."""
    finished_columns: ClassVar[tuple[str, ...]] = ()
    """Columns of the manifest that `finish` adds, because they depend on all photos."""
    counted: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Manifest columns whose values are counted (``tool.add``), with the values that count 0 where
    no row has them."""

    def __init__(self, params: StageParams, base: BaseParams) -> None:
        self.params, self.base = params, base

    def revisions(self) -> dict[str, str]:
        """Return the revision of each model (a digest of its weights) by the model's name; they
        enter the store's key. Cheap."""
        return {}

    def describe_models(self) -> str:
        """Return e.g. ``perceiver mediapipe:e67fb25f7ab8637f``; empty without models."""
        return ", ".join(f"{name} {revision}" for name, revision in self.revisions().items())

    def plugins(self) -> tuple[str, ...]:
        """Return the names of modules chosen at run time (back ends, tools); their import closures
        enter the store's key."""
        return ()

    def devices(self) -> frozenset[str]:
        """Return torch's names of the devices on which the models compute. They determine the
        default number of workers, and the class of a GPU among them enters the store's key.
        Cheap."""
        return frozenset()

    def result_params(self) -> dict[str, Any]:
        """Return the part of the stage's section of params.yaml that changes results, as JSON. It
        enters the store's key."""
        return self.params.model_dump(mode="json", exclude={"gate", *self.params.layout_only})

    def setup(self) -> None:  # noqa: B027 - most stages have nothing to load
        """Load the models. Called once in each worker before the first `process`."""

    def read_files(self, workspace: Workspace) -> Mapping[Path, str]:
        """Read the files of the checkout that `sift` needs beside the upstream stages' outputs;
        return the sha256 of each. Called once, before any work.

        Default: none.

        Raises:
            FactoryError: a file is missing or not valid.
        """
        return {}

    @abstractmethod
    def process(self, sample: Sample) -> Output:
        """Process one photo. The same sample, params and models must give the same bytes.

        Raises:
            RejectPhoto: the whole photo is rejected.
        """

    @abstractmethod
    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the manifest rows of one photo's document.

        A row holds scalars only: ``key``, ``variant`` if the row describes a variant, and the other
        `columns`, apart from those that `finish` or `assemble` adds.
        """

    @abstractmethod
    def columns(self) -> Mapping[str, type]:
        """Return the columns of the manifest with the type of their values: str, int, float or
        bool. They must not depend on the rows: the tables of all builds have the same schema."""

    def sift(self, result: Assembled) -> tuple[Assembled, list[Reject]]:
        """Apply the params in `StageParams.layout_only` and what `read_files` read; changing them
        recomputes nothing.

        Returns what is left of a photo's result and the variants that are rejected now. A variant
        is put back by leaving its reject out of the result's `rejects`. Default: all is left.

        Raises:
            RejectPhoto: the whole photo is rejected.
        """
        return result, []

    def sift_block(self, rows: Sequence[dict[str, Any]]) -> list[Reject]:
        """With `sifts_blocks`: return the rejects of a block of photos, such as variants beyond a
        quota of the data set.

        A block is `BaseParams.photos_per_shard` consecutive lines of the source list. A decision
        depends on the rows of its own block only, so new photos never change earlier blocks, and a
        withdrawal changes one. As in `sift`, the params are in `StageParams.layout_only`.

        Args:
            rows: the manifest rows of the block's photos, in order, after `sift`. The photos'
                documents are not in memory at the same time.

        Returns:
            One reject for each variant to leave out. For a photo with no variant left: one reject
            of the whole photo instead.
        """
        raise NotImplementedError(f"{self.name} decides on each photo alone")

    def leave_out(self, result: Assembled, variants: Collection[str]) -> Assembled:
        """With `sifts_blocks`: return a photo's result without `variants`, at least one of which
        is in it and not all."""
        raise NotImplementedError(f"{self.name} decides on each photo alone")

    def entries(self, source_list: Path) -> tuple[list[SourceEntry], list[Reject]]:
        """First stage only: return the photos to process, in list order, and the rejects of lines
        whose file need not be opened.

        Every line of the list becomes one entry or one reject, with a key of its own.
        """
        raise NotImplementedError(f"{self.name} reads upstream stages, not the source list")

    def assemble(self, outputs: Iterable[Assembled], folder: Path) -> Iterator[dict[str, Any]]:
        """With `own_layout`: write the shards into `folder` and yield the rows of the manifest.

        `outputs` can be iterated once, reads lazily, and is in the order of the source list.
        """
        raise NotImplementedError(f"{self.name} leaves its layout to the engine")

    def describe(self, folder: Path, rows: Sequence[dict[str, Any]]) -> None:  # noqa: B027
        """With `own_layout`: write the files that are about the data set as a whole. Called last,
        when shards and tables are written; only ``metrics.json`` comes later.

        Default: none.

        Args:
            folder: the output folder.
            rows: of the manifest, as in `numbers`.
        """

    def numbers(self, rows: Sequence[dict[str, Any]]) -> Mapping[str, float]:
        """Return further numbers for the gate's table ``summary`` and DVC's metrics, computed from
        the rows of the manifest.

        There may be millions of rows: they are read from disk each time they are iterated, and
        must not be collected. `stages.engine.storage.tables.select_columns` saves time.

        Default: none.
        """
        return {}

    def plots(
        self, rows: Sequence[dict[str, Any]], rejects: Sequence[Reject]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return tables for ``dvc plots`` by file name without suffix, from the rows of the
        manifest and the rejects (`stages.engine.plots`). dvc.yaml names the files.

        Default: none.
        """
        return {}

    def examples(self) -> Mapping[str, list[str]]:
        """Return, for numbers of `numbers`, what was counted, for messages of the gate.

        Default: none.
        """
        return {}

    def finish(self, rows: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """With `finished_columns`: yield the rows, in the same order, with these columns added.

        Args:
            rows: in the order of the source list, read from disk each time they are iterated.
        """
        raise NotImplementedError(f"{self.name} has no columns that depend on all photos")
