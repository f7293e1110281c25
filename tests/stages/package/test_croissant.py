"""The Croissant metadata, read by `mlcroissant` itself, offline."""

import io
import json
import logging
from typing import get_args

import pyarrow.parquet as pq
import pytest
from published_set import KEYS, write_set

from stages.engine.files import sha256_file
from stages.engine.storage.shard import read_samples
from stages.models.registry import ModelLicence
from stages.package.croissant import licence_url, make_croissant, semantic_version
from stages.package.members import ImageFormat, list_members
from stages.package.terms import Terms


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("set"), keys=KEYS[:6], published="2026-11-26")


@pytest.fixture
def mlcroissant(monkeypatch, tmp_path):
    """The library, with a cache of its own: it keeps extracted archives by their names only."""
    import mlcroissant
    from mlcroissant._src.core import constants
    from mlcroissant._src.operation_graph.operations import extract

    def no_network(*args, **kwargs):
        raise AssertionError("a request over the network")

    monkeypatch.setattr("requests.sessions.Session.request", no_network)
    for module in (constants, extract):
        monkeypatch.setattr(module, "EXTRACT_PATH", type(constants.EXTRACT_PATH)(tmp_path / "x"))
    return mlcroissant


def open_set(mlcroissant, folder):
    return mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))


def read_members(folder):
    found = {}
    for path in folder.glob("*.tar"):
        with path.open("rb") as file:
            found |= {(key, n): data for key, m in read_samples(file) for n, data in m.items()}
    return found


def test_it_is_valid_without_errors_and_warnings(mlcroissant, folder, caplog):
    with caplog.at_level(logging.WARNING):
        issues = open_set(mlcroissant, folder).metadata.ctx.issues
    assert not issues.errors and not issues.warnings
    assert not caplog.records


def test_a_data_set_that_is_not_published_lacks_only_the_date(mlcroissant, tmp_path):
    local = write_set(tmp_path / "set", keys=KEYS[:1])
    issues = open_set(mlcroissant, local).metadata.ctx.issues
    (warning,) = issues.warnings
    assert "datePublished" in warning and not issues.errors


def test_the_files_have_their_digests(folder):
    content = json.loads((folder / "croissant.json").read_bytes())
    files = [entry for entry in content["distribution"] if entry["@type"] == "cr:FileObject"]
    assert {file["contentUrl"] for file in files} == {
        path.name for path in folder.iterdir() if path.name not in ("croissant.json", "README.md")
    }
    for file in files:
        path = folder / file["contentUrl"]
        assert file["sha256"] == sha256_file(path)
        assert file["contentSize"] == f"{path.stat().st_size} B"


def test_the_flaws_are_the_manifests_rows(mlcroissant, folder):
    rows = pq.read_table(folder / "manifest.parquet").to_pylist()
    records = list(open_set(mlcroissant, folder).records("flaws"))
    assert len(records) == len(rows)
    for record, row in zip(records, rows, strict=True):
        for name, value in row.items():
            loaded = record[f"flaws/{name}"]
            assert (loaded.decode() if isinstance(loaded, bytes) else loaded) == value


@pytest.mark.parametrize("image_format", get_args(ImageFormat))
def test_records_and_pictures_are_those_of_the_shards(mlcroissant, image_format, tmp_path):
    from PIL import Image, ImageChops

    folder = write_set(tmp_path / "set", keys=KEYS[:6], image_format=image_format)
    members = read_members(folder)
    data_set = open_set(mlcroissant, folder)
    records = {
        (r["records/pair"].decode(), r["records/member"].decode()): r["records/record"]
        for r in data_set.records("records")
    }
    assert records == {place: data for place, data in members.items() if place[1] == "json"}
    seen = set()
    for record in data_set.records("pictures"):
        place = record["pictures/pair"].decode(), record["pictures/member"].decode()
        seen.add(place)
        wanted = Image.open(io.BytesIO(members[place]))
        assert ImageChops.difference(record["pictures/picture"], wanted).getbbox() is None
    assert {member for _, member in seen} == {
        name for name in list_members(image_format) if name != "json"
    }
    assert seen | records.keys() == members.keys()


def test_splits_are_those_of_the_set(mlcroissant, folder):
    rows = pq.read_table(folder / "manifest.parquet", columns=["split"]).to_pylist()
    found = {record["splits/name"] for record in open_set(mlcroissant, folder).records("splits")}
    assert found == {row["split"] for row in rows}


def test_a_damaged_shard_is_refused(mlcroissant, tmp_path):
    copy = write_set(tmp_path / "set", keys=KEYS[:1])
    shard = next(copy.glob("*.tar"))
    data = bytearray(shard.read_bytes())
    data[1000] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(mlcroissant.GenerationError) as error:
        list(open_set(mlcroissant, copy).records("records"))
    assert "is not identical with" in str(error.value.__cause__)


def test_it_has_no_date_unless_the_publisher_gives_one(folder):
    rows = pq.read_table(folder / "manifest.parquet").to_pylist()
    assert "datePublished" not in make_croissant(rows, [], Terms(), "")
    assert make_croissant(rows, [], Terms(), "2026-01-31")["datePublished"] == "2026-01-31"


def test_licences_of_models_that_restrict_the_data_are_named(folder):
    rows = pq.read_table(folder / "manifest.parquet").to_pylist()
    free = ModelLicence("metric", "lpips", "BSD-2-Clause", "", pinned=True)
    ours = ModelLicence("flow", "weights/compact", "LicenseRef-NC-ours", "research", pinned=True)
    assert make_croissant(rows, [], Terms(models=(free, ours)), "")["license"] == [
        "LicenseRef-NC-ours", "https://spdx.org/licenses/CC0-1.0.html",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("", "0.0.0"),
        ("v1", "1.0.0"),
        ("1.2", "1.2.0"),
        ("v1.2.3", "1.2.3"),
        ("v1.2.3-rc.1", "1.2.3-rc.1"),
        ("autumn set/2", "0.0.0+autumn-set-2"),
        ("//", "0.0.0+release"),
    ],
)
def test_a_releases_name_becomes_a_semantic_version(mlcroissant, name, version):
    from mlcroissant._src.core.versions import cast_version

    assert semantic_version(name) == version
    assert cast_version(version) == version


@pytest.mark.parametrize(
    ("licence", "named"),
    [
        ("cc0-1.0", "https://spdx.org/licenses/CC0-1.0.html"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("LicenseRef-ours", "LicenseRef-ours"),
        ("unknown", "unknown"),
        ("MIT (package); photographers not named", "MIT (package); photographers not named"),
    ],
)
def test_licences_are_named_by_their_spdx_page(licence, named):
    assert licence_url(licence) == named
