"""The types of a data set do not depend on what is in it: read by `datasets` itself, offline."""

import json

import pyarrow.parquet as pq
import pytest
from package_samples import build
from published_set import KEYS, write_set

from stages.records.documents import ModelCalls

ONE = KEYS[:1]
CALL = ModelCalls(
    prompt="verdict 2 0123456789ab", model="m-2026", requests=2, input_tokens=900,
    output_tokens=40, cost=0.002, unpriced=0,
)  # fmt: skip


def asked(key, **changes):
    """Make a sample whose flaws a vision-language model judged."""
    sample = build(key, **changes)
    for verdict in sample.documents["filter"]["verdicts"]:
        verdict["calls"] = [CALL.model_dump()]
    return sample


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Data sets that differ in what a schema could depend on."""
    root = tmp_path_factory.mktemp("sets")
    return {
        "all": write_set(root / "all"),
        "one pair": write_set(root / "one", keys=ONE, count=1),
        "only remove": write_set(root / "remove", keys=ONE, count=2, left=["v1"]),
        "several flaws": write_set(root / "several", keys=KEYS[1:2]),
        "asked": write_set(root / "asked", keys=KEYS[:4], build=asked),
    }


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return datasets


def load(datasets, builder, files, tmp_path, streaming):
    return datasets.load_dataset(
        builder,
        data_files={"train": [str(file) for file in files]},
        split="train",
        streaming=streaming,
        cache_dir=str(tmp_path / "cache"),
    )


@pytest.mark.parametrize("streaming", [False, True])
def test_every_shard_and_data_set_has_the_same_features(sets, datasets, tmp_path, streaming):
    found = {}
    for name, folder in sets.items():
        for shard in sorted(folder.glob("*.tar")):
            loaded = load(datasets, "webdataset", [shard], tmp_path / name, streaming)
            found[name, shard.name] = loaded.features
            first = next(iter(loaded))
            assert first["json"]["flaws"][0]["scores"][0]["name"] == "lpips_control"
    assert len(found) > len(sets)
    first, *others = found.values()
    assert all(features == first for features in others) and "null" not in str(first)


def test_a_data_set_that_begins_with_one_kind_takes_the_others(sets, datasets, tmp_path):
    shards = [min(folder.glob("*.tar")) for folder in (sets["only remove"], sets["asked"])]
    loaded = load(datasets, "webdataset", shards, tmp_path, streaming=False)
    calls = [pair["json"]["calls"]["pair"]["cost"] for pair in loaded]
    assert calls[0] == 0.0 and calls[-1] > 0.0


@pytest.mark.parametrize("streaming", [False, True])
def test_every_manifest_has_the_same_features(sets, datasets, tmp_path, streaming):
    found = set()
    for name, folder in sets.items():
        table = [folder / "manifest.parquet"]
        loaded = load(datasets, "parquet", table, tmp_path / name, streaming)
        found.add(str(loaded.features))
        assert next(iter(loaded))["score.zoom"] is None
    assert len(found) == 1 and "null" not in str(found)


def test_all_manifests_can_be_read_as_one(sets, datasets, tmp_path):
    tables = [folder / "manifest.parquet" for folder in sets.values()]
    loaded = load(datasets, "parquet", tables, tmp_path, streaming=False)
    assert len(loaded) == sum(pq.read_metadata(table).num_rows for table in tables)


def test_no_list_is_empty_and_nothing_is_null(sets):
    import tarfile

    def check(value):
        assert value is not None and value != [] and value != {}
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                check(inner)

    for folder in sets.values():
        for shard in folder.glob("*.tar"):
            with tarfile.open(shard) as tar:
                for info in tar:
                    if info.name.endswith(".json"):
                        check(json.load(tar.extractfile(info)))


def test_costs_of_photo_and_pair_are_apart_and_questions_are_listed(sets):
    rows = pq.read_table(sets["asked"] / "manifest.parquet").to_pylist()
    single = next(row for row in rows if row["flaws"] == 1)
    several = next(row for row in rows if row["flaws"] == 2)
    assert single["calls.pair.requests"] == 2 and several["calls.pair.requests"] == 4
    assert several["calls.pair.cost"] == pytest.approx(0.004)
    assert single["calls.photo.requests"] == 0


@pytest.mark.parametrize("streaming", [False, True])
def test_the_folder_is_loaded_as_its_card_says(sets, datasets, tmp_path, streaming):
    found = datasets.load_dataset(
        str(sets["all"]), streaming=streaming, cache_dir=str(tmp_path / "cache")
    )
    rows = pq.read_table(sets["all"] / "manifest.parquet", columns=["pair", "split"]).to_pylist()
    wanted = {(row["pair"], row["split"]) for row in rows}
    assert {(pair["__key__"], split) for split in found for pair in found[split]} == wanted
    first, *others = (found[split].features for split in found)
    assert others and all(features == first for features in others)
