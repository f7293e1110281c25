"""Describe the data set as Croissant metadata (mlcommons.org/croissant/1.0), ``croissant.json``.

Record sets: ``splits``; ``flaws``, the manifest's rows; ``records``, the record of each pair as
JSON text (mlcroissant reads no fields of JSON files inside archives); ``pictures``, by pair and
member.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from stages.engine.files import pretty_json, sha256_file
from stages.engine.storage.tables import MANIFEST, read_column
from stages.package import attribution
from stages.package.assemble import INDEX
from stages.package.members import ImageFormat
from stages.package.provenance import PROVENANCE
from stages.package.rows import manifest_columns
from stages.package.split import SPLITS
from stages.package.terms import Terms

CROISSANT = "croissant.json"
CITATION = (
    "Made with flawfactory, an open implementation of ArtiAgent (arXiv:2602.20951, CVPR 2026)."
)
UNRELEASED = "0.0.0"
"""Version of a data set that is not a release."""
_CONTEXT = Path(__file__).with_name("croissant_context.json")
_TYPES = {str: "sc:Text", int: "sc:Integer", float: "sc:Float", bool: "sc:Boolean"}
_SPLIT_TYPES = {
    "train": "cr:TrainingSplit",
    "validation": "cr:ValidationSplit",
    "test": "cr:TestSplit",
}
FILES = {
    MANIFEST: "application/x-parquet",
    INDEX: "application/json",
    PROVENANCE: "application/json",
    attribution.FILE: "text/markdown",
}
"""The files beside the shards that are described, with their media types."""
_SEMANTIC = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?((?:[-+][0-9A-Za-z.+-]+)?)")


@dataclass(frozen=True)
class File:
    """A file of the data set."""

    name: str
    sha256: str
    bytes: int


def describe_files(folder: Path, names: Sequence[str]) -> list[File]:
    """Hash files of the data set's folder; each is read once."""
    return [
        File(name, sha256_file(folder / name), (folder / name).stat().st_size) for name in names
    ]


def write_croissant(
    rows: Sequence[Mapping[str, Any]],
    folder: Path,
    terms: Terms,
    published: str,
    image_format: ImageFormat = "png",
) -> None:
    """Write ``croissant.json`` into the data set's `folder`, whose shards and `FILES` are read
    once. The other arguments are those of `make_croissant`."""
    shards = sorted(set(read_column(rows, "shard")))
    files = describe_files(folder, [*shards, *FILES])
    content = make_croissant(rows, files, terms, published, image_format)
    (folder / CROISSANT).write_bytes(pretty_json(content))


def make_croissant(
    rows: Sequence[Mapping[str, Any]],
    files: Sequence[File],
    terms: Terms,
    published: str,
    image_format: ImageFormat = "png",
) -> dict[str, Any]:
    """Make the content of ``croissant.json``.

    Args:
        rows: the manifest's rows.
        files: the shards and `FILES`.
        terms: name of the release, and the models whose licences restrict the data.
        published: ISO date of the release; empty if it is none. Nothing else here is a date, so
            that the same data give the same bytes.
        image_format: file format of photo, artifact and control.
    """
    licences = set(read_column(rows, "licence")) | {m.licence for m in terms.restrictions()}
    shards = sorted(set(read_column(rows, "shard")))
    pairs = len(set(read_column(rows, "pair")))
    date = {"datePublished": published} if published else {}
    return {
        "@context": json.loads(_CONTEXT.read_bytes()),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "flawfactory-pairs",
        "description": f"{pairs} pairs with {len(rows)} flaws: photos, the same photos with the "
        "flaws of generated images, clean controls, masks, texts and provenance. README.md is the "
        "data set card.",
        "citeAs": CITATION,
        "inLanguage": "en",
        "keywords": ["synthetic artifacts", "image forensics", "webdataset"],
        "license": sorted(map(licence_url, licences)),
        "version": semantic_version(terms.version),
        **date,
        "distribution": [
            *(_file_object(file, shard=file.name in shards) for file in files),
            *_file_sets(shards, image_format),
        ],
        "recordSet": _record_sets(rows, image_format),
    }


def licence_url(licence: str) -> str:
    """Return the address of an SPDX identifier's text; other licences as they are written."""
    try:
        name = canonicalize_license_expression(licence)
    except InvalidLicenseExpression:
        return licence
    is_identifier = " " not in name and "LicenseRef-" not in name
    return f"https://spdx.org/licenses/{name}.html" if is_identifier else licence


def semantic_version(release: str) -> str:
    """Return a release's name as ``MAJOR.MINOR.PATCH``, which Croissant asks for: ``v1`` is 1.0.0.

    Another name becomes the build part of `UNRELEASED`.
    """
    if not release:
        return UNRELEASED
    if match := _SEMANTIC.fullmatch(release):
        major, minor, patch, rest = match.groups()
        return f"{int(major)}.{int(minor or 0)}.{int(patch or 0)}{rest}"
    return f"{UNRELEASED}+{re.sub(r'[^0-9A-Za-z.-]+', '-', release).strip('.-') or 'release'}"


def _file_object(file: File, shard: bool) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": "application/x-tar" if shard else FILES[file.name],
        "sha256": file.sha256,
    }


def _file_sets(shards: Sequence[str], image_format: ImageFormat) -> Iterator[dict[str, Any]]:
    inside = [{"@id": shard} for shard in shards]
    pictures: tuple[Any, Any] = ("*.png", "image/png")
    if image_format == "webp":  # masks are PNG all the same
        pictures = (["*.png", "*.webp"], ["image/png", "image/webp"])
    for name, pattern, kind in (
        ("records", "*.json", "application/json"),
        ("pictures", *pictures),
    ):
        yield {
            "@type": "cr:FileSet",
            "@id": f"files-{name}",
            "name": f"files-{name}",
            "containedIn": inside,
            "includes": pattern,
            "encodingFormat": kind,
        }


def _record_sets(
    rows: Sequence[Mapping[str, Any]], image_format: ImageFormat
) -> list[dict[str, Any]]:
    present = set(read_column(rows, "split"))
    splits = [split for split in SPLITS if split in present]
    table = {"fileObject": {"@id": MANIFEST}}
    return [
        {
            "@type": "cr:RecordSet",
            "@id": "splits",
            "name": "splits",
            "dataType": "cr:Split",
            "key": {"@id": "splits/name"},
            "field": [_field("splits", "name", "sc:Text"), _field("splits", "url", "sc:URL")],
            "data": [{"splits/name": name, "splits/url": _SPLIT_TYPES[name]} for name in splits],
        },
        {
            "@type": "cr:RecordSet",
            "@id": "flaws",
            "name": "flaws",
            "description": "One row a flaw: the manifest.",
            "key": [{"@id": "flaws/pair"}, {"@id": "flaws/variant"}],
            "field": [
                _field("flaws", name, _TYPES[kind], {**table, "extract": {"column": name}})
                for name, kind in manifest_columns(image_format).items()
            ],
        },
        _members("records", "The record of each pair, as JSON text.", "record", "sc:Text"),
        _members("pictures", "The pictures of each pair.", "picture", "sc:ImageObject"),
    ]


def _members(name: str, description: str, content: str, kind: str) -> dict[str, Any]:
    """Make the record set of the members in a file set."""
    files = {"fileSet": {"@id": f"files-{name}"}}
    whole = {**files, "extract": {"fileProperty": "content"}}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": [{"@id": f"{name}/pair"}, {"@id": f"{name}/member"}],
        "field": [
            _field(name, "pair", "sc:Text", _name_part(files, r"^([^.]+)\..*$")),
            _field(name, "member", "sc:Text", _name_part(files, r"^[^.]+\.(.*)$")),
            _field(name, content, kind, whole),
        ],
    }


def _name_part(files: Mapping[str, Any], pattern: str) -> dict[str, Any]:
    return {**files, "extract": {"fileProperty": "filename"}, "transform": {"regex": pattern}}


def _field(
    record_set: str, name: str, kind: str, source: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    found = {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": f"{record_set}/{name}",
        "dataType": kind,
    }
    return found | ({"source": source} if source else {})
