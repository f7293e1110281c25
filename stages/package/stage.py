"""Package the pairs that passed every gate into a data set: the package stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from datetime import date
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from stages.engine.codes import RejectCode
from stages.engine.files import pretty_json
from stages.engine.section import Count
from stages.engine.stage import (
    Assembled,
    GateParams,
    Output,
    Reject,
    RejectPhoto,
    Sample,
    Stage,
    StageParams,
)
from stages.engine.storage.source_list import read_list
from stages.engine.storage.tables import MANIFEST, read_columns, select_columns
from stages.engine.workspace import Workspace
from stages.package import assemble, attribution, card, croissant, plots
from stages.package.members import ImageFormat, member_name
from stages.package.pair import (
    FlawRecords,
    PackageCode,
    Pair,
    Pictures,
    find_problem,
    join_pictures,
    make_pair,
)
from stages.package.provenance import PROVENANCE, Provenance, collect_provenance
from stages.package.rights import LicencePolicy
from stages.package.rows import make_rows, manifest_columns
from stages.package.split import SPLITS, Ratios
from stages.package.terms import collect_terms
from stages.records.crops import paste_mask, paste_picture
from stages.records.documents import (
    SCHEMA_VERSION,
    Curation,
    Document,
    Explanations,
    Injection,
    Mapping,
    Outcome,
    Photo,
    PictureText,
    Scene,
)
from stages.records.images import Image, read_png, write_png, write_webp
from stages.tools import TOOLS

MAX_VERSION = 100
JOINED = ("artifact", "control", "edit", "flaws", "mask")
"""The pictures of a pair, but for the photo, which the pairs of a photo share."""


class PackageGate(GateParams):
    """Thresholds of the package gate."""

    min_pairs: Count = 1
    """Minimum number of pairs."""


def _read_date(value: Any) -> Any:
    """Return the ISO form of a date; YAML reads 2026-11-26 without quotes as one.

    Raises:
        ValueError: text that is neither empty nor a date.
    """
    if isinstance(value, str) and value:
        value = date.fromisoformat(value)
    return value.isoformat() if isinstance(value, date) else value


PublicationDate = Annotated[str, BeforeValidator(_read_date), Field(max_length=10)]


class PackageParams(StageParams):
    """Section ``package`` of params.yaml."""

    layout_only: ClassVar[frozenset[str]] = frozenset(
        {"version", "published", "licences", "photos_per_shard", "splits"}
    )
    version: str = Field(default="", max_length=MAX_VERSION, pattern=r"^[^\x00-\x20\x7f]*$")
    """Name of the last release, which `flawfactory release` sets; the card repeats it."""
    published: PublicationDate = ""
    """Date of publication, for Croissant; empty: none."""
    licences: LicencePolicy = LicencePolicy()
    photos_per_shard: int = Field(default=64, ge=1, le=1_000_000)
    """Lines of the source list that share a shard (and split)."""
    splits: Ratios = Ratios()
    image_format: ImageFormat = "png"
    """File format of photo, artifact and control; ``webp`` is lossless."""
    gate: PackageGate = PackageGate()  # pyright: ignore[reportIncompatibleVariableOverride]


class Pairs(Document):
    """The pairs of a photo: the document of the package stage.

    Members are ``real.png`` and ``<picture>.{artifact,control,edit,flaws,mask}.png``, all of the
    photo's size; with `PackageParams.image_format` ``webp``, photo, artifact and control end in
    ``.webp``.
    """

    schema_version: int = SCHEMA_VERSION
    key: str
    pairs: list[Pair]


def read_pictures(photo: Image, outcome: Outcome, members: ReadOnly[str, bytes]) -> Pictures:
    """Paste a variant's crops into pictures of the photo's size.

    Raises:
        ValueError: a crop does not match `outcome`.
    """
    shape = photo.shape[:2]
    return Pictures(
        artifact=paste_picture(photo, outcome, members, "artifact"),
        control=paste_picture(photo, outcome, members, "control"),
        edit=paste_mask(shape, outcome, members, "edit"),
        mask=paste_mask(shape, outcome, members, "mask"),
    )


def read_flaws(
    sample: Sample, photo: Image, text: PictureText
) -> tuple[list[FlawRecords], list[Pictures]]:
    """Read the flaws of a picture that are left, and the pictures of those that were rejected after
    rendering.

    Raises:
        ValueError: a crop does not match its outcome.
    """
    variants = {v.id: v for v in sample.document("map", Mapping).variants}
    verdicts = {v.variant: v for v in sample.document("filter", Curation).verdicts}
    explanations = {e.variant: e for e in sample.document("explain", Explanations).explanations}
    flaws: list[FlawRecords] = []
    taken_out: list[Pictures] = []
    for outcome in sample.document("inject", Injection).outcomes:
        name = outcome.variant
        if variants[name].picture != text.picture:
            continue
        pictures = read_pictures(photo, outcome, sample.members)
        if name in text.variants:
            records = (variants[name], outcome, verdicts[name], explanations[name])
            flaws.append(FlawRecords(*records, pictures))
        else:
            taken_out.append(pictures)
    return flaws, taken_out


def _encode(member: str, pixels: Image) -> bytes:
    return write_webp(pixels) if member.endswith(".webp") else write_png(pixels)


class PackageStage(Stage):
    """Write pairs, shards, manifest, index and card."""

    name: ClassVar[str] = "package"
    reads: ClassVar[ReadOnly[str, tuple[str, ...]]] = {
        "explain": (),
        "filter": (),
        "inject": ("*.png",),
        "map": (),
        "perceive": (),
        "ingest": ("photo.png",),
    }
    params_model: ClassVar[type[StageParams]] = PackageParams
    own_layout: ClassVar[bool] = True
    lists: ClassVar[tuple[str, ...]] = ("words",)
    codes: ClassVar[tuple[type[RejectCode], ...]] = (PackageCode,)
    sets: ClassVar[ReadOnly[str, Sequence[str]]] = {"splits": SPLITS, "tools": TOOLS}
    counted: ClassVar[ReadOnly[str, Sequence[str]]] = {"tool": TOOLS}
    params: PackageParams

    def process(self, sample: Sample) -> Output:
        """Make the pairs of one photo and check the guarantees of the format.

        Raises:
            RejectPhoto: ``no_pairs``: no pair of this photo can be published.
        """
        photo = read_png(sample.members["ingest/photo.png"])
        texts = sample.document("explain", Explanations)
        pairs: list[Pair] = []
        rejects: list[Reject] = []
        members: dict[str, bytes] = {}
        for text in texts.pictures:
            flaws, taken_out = read_flaws(sample, photo, text)
            left = [flaw.pictures for flaw in flaws]
            if problem := find_problem(photo, left, taken_out):
                rejects += [Reject(sample.key, flaw.variant.id, *problem) for flaw in flaws]
                continue
            joined = join_pictures(photo, left, taken_out)
            pairs.append(
                make_pair(
                    sample.document("ingest", Photo),
                    sample.document("perceive", Scene),
                    flaws,
                    texts,
                    joined,
                    len(taken_out),
                )
            )
            for picture in JOINED:
                name = member_name(picture, self.params.image_format)
                members[f"{text.picture}.{name}"] = _encode(name, getattr(joined, picture))
        if not pairs:
            codes = sorted(reject.code for reject in rejects)
            raise RejectPhoto(PackageCode.NO_PAIRS, "no pair is left to publish", codes=codes)
        real = member_name("real", self.params.image_format)
        as_it_is = real == "real.png"
        members[real] = sample.members["ingest/photo.png"] if as_it_is else _encode(real, photo)
        return Output(Pairs(key=sample.key, pairs=pairs), members, rejects)

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per flaw, without what `assemble` adds: split, shard, digests, scores that
        the flaw does not have ..."""
        return [row for pair in document["pairs"] for row in make_rows(pair)]

    def columns(self) -> ReadOnly[str, type]:
        """Return the columns of the manifest."""
        return manifest_columns(self.params.image_format)

    def numbers(self, rows: Sequence[dict[str, Any]]) -> ReadOnly[str, float]:
        """Return the number of pairs, and of the pairs of each split."""
        needed = select_columns(rows, ("pair", "split"))
        pairs = groupby(needed, key=lambda row: (row["pair"], row["split"]))
        counts = Counter(split for (_, split), _ in pairs)
        return {"pairs": counts.total()} | {f"split.{s}": counts[s] for s in SPLITS}

    def plots(
        self, rows: Sequence[dict[str, Any]], rejects: Sequence[Reject]
    ) -> ReadOnly[str, Sequence[ReadOnly[str, Any]]]:
        """Return counts of flaws by tool, entity and part, and histograms of the masks' areas."""
        return {"flaws": plots.count_flaws(rows), "areas": plots.count_areas(rows)}

    @cached_property
    def _provenance(self) -> Provenance:
        """What made the data set: one for records and ``provenance.json``, whatever is edited
        between."""
        return collect_provenance(Workspace.find().root)

    def assemble(self, outputs: Iterable[Assembled], folder: Path) -> Iterator[dict[str, Any]]:
        """Write the shards; the rows become ``manifest.parquet``."""
        workspace = Workspace.find()
        ingested = read_columns(folder.parent / "ingest" / MANIFEST, ("key", "group"))
        layout = assemble.Layout(
            sources=read_list(workspace.sources),
            groups=dict(zip(ingested["key"], ingested["group"], strict=True)),
            ratios=self.params.splits,
            photos_per_shard=self.params.photos_per_shard,
            image_format=self.params.image_format,
        )
        return assemble.write_shards(outputs, folder, layout, self._provenance)

    def describe(self, folder: Path, rows: Sequence[dict[str, Any]]) -> None:
        """Write ``_info.json``, ``provenance.json``, the card, the attribution, and
        ``croissant.json``, which names the sha256 of the other files."""
        provenance, params = self._provenance, self.params
        terms = collect_terms(params.version, params.licences, self.base)
        assemble.write_index(rows, folder)
        (folder / PROVENANCE).write_bytes(pretty_json(provenance.as_file().model_dump(mode="json")))
        text = card.make_card(rows, provenance, terms)
        (folder / assemble.CARD).write_text(text, encoding="utf-8")
        credits_ = attribution.make_attribution(rows)
        (folder / attribution.FILE).write_text(credits_, encoding="utf-8")
        croissant.write_croissant(rows, folder, terms, params.published, params.image_format)
