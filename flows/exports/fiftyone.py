"""FiftyOne: a ``FiftyOneDataset`` folder, ``metadata.json``, ``samples.json`` and ``data/``.

A grouped data set: a group is a pair, its slices are ``artifact`` (shown first), ``control`` and
``photo``. The pairs of a photo share its file. A flaw is a detection whose label is the tool, with
an instance mask; clean pictures have an empty list of detections.

The documents are those of FiftyOne's own exporter, written here because FiftyOne needs a running
database to write them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flows.exports.format import Format
from flows.exports.options import Options
from flows.exports.pictures import (
    Picture,
    Region,
    clean_picture,
    encode,
    file_name,
    fit,
    flawed_picture,
    mask_box,
)
from flows.exports.samples import Sample
from stages.engine.files import canonical_json
from stages.records.masks import Mask
from stages.tools import TOOLS

VERSION = "1.4.0"
"""FiftyOne's version whose documents these are: later ones migrate them, earlier ones refuse."""
DEFAULT_SLICE = "artifact"
_FIELDS, _LABELS = "fiftyone.core.fields", "fiftyone.core.labels"
_MIME_TYPES = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}


def write(samples: Iterable[Sample], folder: Path, options: Options) -> None:
    """Write pictures, samples and metadata; one pair in memory at a time."""
    (folder / "data").mkdir()
    with (folder / "samples.json").open("w", encoding="utf-8") as file:
        file.write('{"samples": [')
        separator = "\n"
        for sample in samples:
            for document in _make_samples(sample, folder, options):
                file.write(separator + json.dumps(document, ensure_ascii=False))
                separator = ",\n"
        file.write("\n]}\n")
    (folder / "metadata.json").write_bytes(canonical_json(_make_metadata(options)))


def _make_samples(sample: Sample, folder: Path, options: Options) -> Iterator[dict[str, Any]]:
    pictures = [flawed_picture(sample), clean_picture(sample, "real")]
    if options.control:
        pictures.insert(1, clean_picture(sample, "control"))
    for picture in (fit(picture, options.max_side) for picture in pictures):
        path = folder / "data" / file_name(picture, options)
        if not path.exists():
            path.write_bytes(encode(picture.pixels, options))
        yield _make_sample(picture, path, sample, options)


def _make_sample(picture: Picture, path: Path, sample: Sample, options: Options) -> dict[str, Any]:
    record = sample.record
    name = f"{record.pair}/{picture.kind}"
    words = record.explanation
    return {
        "_id": _make_id(name),
        "filepath": f"data/{path.name}",
        "tags": [record.split],
        "metadata": {
            "_cls": "ImageMetadata",
            "size_bytes": path.stat().st_size,
            "mime_type": _MIME_TYPES[options.picture_format],
            "width": picture.size[0],
            "height": picture.size[1],
            "num_channels": 3,
        },
        "_media_type": "image",
        "_rand": _draw(name),
        "group": {
            "_id": _make_id(record.pair),
            "_cls": "Group",
            "name": _name_slice(picture.kind),
        },
        "verdict": {
            "_id": _make_id(f"{name}/verdict"),
            "_cls": "Classification",
            "tags": [],
            "label": "flawed" if picture.regions else "clean",
        },
        "flaws": {
            "_cls": "Detections",
            "detections": [
                _make_detection(f"{name}/{number}", region, picture)
                for number, region in enumerate(picture.regions)
            ],
        },
        "pair": record.pair,
        "photo": record.photo,
        "explanation": words.overall if picture.regions else words.clean,
        "caption": record.caption,
        "licence": record.licence,
        "origin": record.origin,
        "photo_group": record.group,
    }


def _make_detection(name: str, region: Region, picture: Picture) -> dict[str, Any]:
    width, height = picture.size
    x0, y0, x1, y1 = mask_box(region)
    return {
        "_id": _make_id(name),
        "_cls": "Detection",
        "attributes": {},
        "tags": [],
        "label": region.tool,
        "bounding_box": [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height],
        "mask": _make_array(region.mask[y0:y1, x0:x1]),
        "flaw": region.label,
        "text": region.text,
        "pixels": int(region.mask.sum()),
    }


def _name_slice(kind: str) -> str:
    return "photo" if kind == "real" else kind


def _make_id(name: str) -> dict[str, str]:
    """Return an ObjectId that depends on the name only."""
    return {"$oid": hashlib.sha256(name.encode()).hexdigest()[:24]}


def _draw(name: str) -> float:
    """Return a number in [0, 1) by which FiftyOne's ``take`` and ``shuffle`` order samples."""
    return int(hashlib.sha256(f"{name}/rand".encode()).hexdigest()[:13], 16) / 16**13


def _make_array(mask: Mask) -> dict[str, Any]:
    """Serialize a mask as FiftyOne does: zlib over NumPy's file format, in extended JSON."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(mask))
    data = base64.b64encode(zlib.compress(file.getvalue())).decode("ascii")
    return {"$binary": {"base64": data, "subType": "00"}}


def _make_metadata(options: Options) -> dict[str, Any]:
    """Make the data set's document; FiftyOne adds name, ids and dates when it imports it."""
    slices = ("artifact", "control", "photo") if options.control else ("artifact", "photo")
    return {
        "version": VERSION,
        "description": "flawfactory pairs",
        "media_type": "group",
        "group_field": "group",
        "group_media_types": dict.fromkeys(slices, "image"),
        "default_group_slice": DEFAULT_SLICE,
        "tags": [],
        "info": {},
        "classes": {"flaws": list(TOOLS), "verdict": ["clean", "flawed"]},
        "default_classes": [],
        "mask_targets": {},
        "default_mask_targets": {},
        "skeletons": {},
        "sample_fields": list(_list_fields()),
        "frame_fields": [],
    }


def _list_fields() -> Iterator[dict[str, Any]]:
    text, ids, dates = "StringField", "ObjectIdField", "DateTimeField"
    tags = _field("tags", "ListField", subfield=f"{_FIELDS}.StringField")
    label_fields = [_field("id", ids, db_field="_id"), tags, _field("label", text)]
    yield _field("id", ids, db_field="_id")
    yield _field("filepath", text)
    yield tags
    numbers = [_field(name, "IntField") for name in ("width", "height", "num_channels")]
    size = [_field("size_bytes", "IntField"), _field("mime_type", text), *numbers]
    yield _document("metadata", "fiftyone.core.metadata.ImageMetadata", size)
    yield _field("_media_type", text)
    yield _field("_rand", "FloatField")
    yield _field("_dataset_id", ids)
    yield _field("created_at", dates, read_only=True)
    yield _field("last_modified_at", dates, read_only=True)
    place = [_field("id", ids, db_field="_id"), _field("name", text)]
    yield _document("group", "fiftyone.core.groups.Group", place)
    verdict = [*label_fields, _field("confidence", "FloatField"), _field("logits", "VectorField")]
    yield _document("verdict", f"{_LABELS}.Classification", verdict)
    attributes = _field("attributes", "DictField", subfield=f"{_FIELDS}.EmbeddedDocumentField")
    flaw = [
        *label_fields,
        attributes | {"embedded_doc_type": f"{_LABELS}.Attribute"},
        _field("bounding_box", "ListField", subfield=f"{_FIELDS}.FloatField"),
        _field("mask", "ArrayField"),
        _field("mask_path", text),
        _field("confidence", "FloatField"),
        _field("index", "IntField"),
        _field("flaw", text),
        _field("text", text),
        _field("pixels", "IntField"),
    ]
    flaws = _field("detections", "ListField", subfield=f"{_FIELDS}.EmbeddedDocumentField")
    flaws |= {"embedded_doc_type": f"{_LABELS}.Detection", "fields": flaw}
    yield _document("flaws", f"{_LABELS}.Detections", [flaws])
    for name in ("pair", "photo", "explanation", "caption", "licence", "origin", "photo_group"):
        yield _field(name, text)


def _field(
    name: str,
    kind: str,
    *,
    db_field: str = "",
    subfield: str | None = None,
    read_only: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "ftype": f"{_FIELDS}.{kind}",
        "embedded_doc_type": None,
        "subfield": subfield,
        "fields": [],
        "db_field": db_field or name,
        "description": None,
        "info": None,
        "read_only": read_only,
    }


def _document(name: str, kind: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    field = _field(name, "EmbeddedDocumentField")
    return field | {"embedded_doc_type": kind, "fields": fields}


FORMAT = Format("FiftyOne: a FiftyOneDataset folder, a group per pair", write)
