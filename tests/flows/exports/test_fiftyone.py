"""The folder's documents; `python -m benchmarks.loaders fiftyone` imports it with FiftyOne."""

import base64
import io
import json
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from exporting import export

from flows.exports.options import Options
from flows.exports.samples import read_samples


@pytest.fixture(scope="module")
def folder(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export("fiftyone", published, tmp_path_factory.mktemp("fiftyone") / "set")


@pytest.fixture(scope="module")
def documents(folder: Path) -> list[dict]:
    return json.loads((folder / "samples.json").read_bytes())["samples"]


def read_mask(field: dict) -> np.ndarray:
    data = zlib.decompress(base64.b64decode(field["$binary"]["base64"]))
    return np.load(io.BytesIO(data), allow_pickle=False)


def test_a_pair_is_a_group_of_three_and_a_photos_pairs_share_its_file(
    folder: Path, documents: list[dict], published: Path
) -> None:
    pairs = [sample.record for sample in read_samples(published, Options())]
    groups = Counter((d["group"]["_id"]["$oid"], d["pair"]) for d in documents)
    assert set(groups.values()) == {3} and len(groups) == len(pairs)
    metadata = json.loads((folder / "metadata.json").read_bytes())
    assert {d["group"]["name"] for d in documents} == set(metadata["group_media_types"])
    assert metadata["default_group_slice"] == "artifact"
    files = {d["filepath"] for d in documents}
    assert files == {f"data/{path.name}" for path in (folder / "data").iterdir()}
    assert len(files) == 2 * len(pairs) + len({record.photo for record in pairs})
    for name in ("_id", "_rand"):
        assert len({str(d[name]) for d in documents}) == len(documents)


def test_masks_boxes_and_texts_are_those_of_the_data_set(
    documents: list[dict], published: Path
) -> None:
    samples = {sample.record.pair: sample for sample in read_samples(published, Options())}
    for document in documents:
        flawed = document["group"]["name"] == "artifact"
        detections = document["flaws"]["detections"]
        assert bool(detections) == flawed
        assert document["verdict"]["label"] == ("flawed" if flawed else "clean")
        sample = samples[document["pair"]]
        assert document["tags"] == [sample.record.split]
        for found, flaw in zip(detections, sample.record.flaws, strict=flawed):
            assert (found["label"], found["flaw"], found["text"]) == (
                flaw.tool, flaw.label, flaw.text
            )  # fmt: skip
            x0, y0, x1, y1 = flaw.mask_box
            width, height = document["metadata"]["width"], document["metadata"]["height"]
            assert found["bounding_box"] == pytest.approx(
                [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height]
            )
            inside = (sample.labels == flaw.index)[y0:y1, x0:x1]
            assert np.array_equal(read_mask(found["mask"]), inside)


def test_every_field_of_a_sample_is_declared(folder: Path, documents: list[dict]) -> None:
    metadata = json.loads((folder / "metadata.json").read_bytes())
    hidden = {"_cls", "index", "mask_path", "confidence", "logits"}
    added = {"_dataset_id", "created_at", "last_modified_at"}  # by FiftyOne, on import

    def compare(fields: list[dict], document: dict) -> None:
        declared = {field["db_field"] for field in fields}
        assert set(document) - hidden <= declared
        assert declared - hidden - added <= set(document)

    detection = next(d for d in documents if d["flaws"]["detections"])["flaws"]["detections"][0]
    by_name = {field["name"]: field for field in metadata["sample_fields"]}
    compare(metadata["sample_fields"], documents[0])
    for name in ("metadata", "group", "verdict", "flaws"):
        compare(by_name[name]["fields"], documents[0][name])
    compare(by_name["flaws"]["fields"][0]["fields"], detection)


def test_without_controls_a_group_has_two_slices(published: Path, tmp_path: Path) -> None:
    small = export("fiftyone", published, tmp_path / "set", control=False, max_side=40)
    found = json.loads((small / "samples.json").read_bytes())["samples"]
    assert {d["group"]["name"] for d in found} == {"artifact", "photo"}
    assert {d["metadata"]["width"] for d in found} == {40}
    metadata = json.loads((small / "metadata.json").read_bytes())
    assert set(metadata["group_media_types"]) == {"artifact", "photo"}
