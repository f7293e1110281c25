import io
import json
import os
import tarfile

import numpy as np
import pytest
import yaml
from PIL import Image
from published_set import PROVENANCE

from stages.engine.stage import Assembled, BaseParams, RejectPhoto
from stages.engine.storage.source_list import Source, write_list
from stages.engine.storage.tables import write_table
from stages.models.registry import ModelLicence
from stages.package import assemble, attribution, card
from stages.package import stage as package_stage
from stages.package.members import list_members
from stages.package.rights import LicencePolicy
from stages.package.split import SPLITS, Ratios, split_of
from stages.package.stage import PackageParams, PackageStage
from stages.package.terms import Terms
from stages.records.images import read_mask, read_picture, read_png
from stages.records.masks import bounding_box

MEMBERS = list_members()
KEYS = [f"{n:016x}" for n in range(12)]


@pytest.fixture
def image_format():
    return "png"


@pytest.fixture
def stage(image_format):
    params = PackageParams(photos_per_shard=4, image_format=image_format)
    return PackageStage(params, BaseParams())


@pytest.fixture
def package(stage, make_sample, tmp_path, monkeypatch):
    """Set up a data folder with twelve photos of three pairs; photos 0 and 1 look the same."""
    groups = [{"key": k, "group": KEYS[0] if n == 1 else k} for n, k in enumerate(KEYS)]
    write_table(tmp_path / "ingest" / "manifest.parquet", groups, {"key": str, "group": str})
    monkeypatch.setattr(package_stage, "collect_provenance", lambda root: PROVENANCE)
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))

    def assemble_into(folder, keys=KEYS, licence="CC0-1.0", several=(), **said):
        sources = [make_source(key, licence, **said) for key in KEYS]
        write_list(tmp_path / "data" / "sources", sources)
        outputs = []
        for position, key in enumerate(KEYS):
            if key in keys:
                pictures = ["p0", "p0", "p1"] if key in several else None
                out = stage.process(make_sample(key, count=3, pictures=pictures))
                document = json.loads(out.document.model_dump_json())
                outputs.append(Assembled(position, key, document, out.members))
        (tmp_path / folder).mkdir(exist_ok=True)
        rows = list(stage.assemble(iter(outputs), tmp_path / folder))
        write_table(tmp_path / folder / "manifest.parquet", rows, stage.columns())
        stage.describe(tmp_path / folder, rows)
        return tmp_path / folder, rows

    return assemble_into


def make_source(key, licence, **said):
    return Source(
        folder="Pictures", path="my | <photos>/a.png", bytes=1, sha256=key + "0" * 48,
        licence=licence, origin="tests", batch="b", **said,
    )  # fmt: skip


def read_files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_pictures_equal_the_photo_outside_edit(stage, make_sample):
    sample = make_sample(KEYS[3])
    out = stage.process(sample)
    real = read_png(out.members["real.png"])
    assert out.members["real.png"] == sample.members["ingest/photo.png"]
    for name in ("p0", "p3"):
        edit = read_mask(out.members[f"{name}.edit.png"])
        mask = read_mask(out.members[f"{name}.mask.png"])
        artifact = read_png(out.members[f"{name}.artifact.png"])
        control = read_png(out.members[f"{name}.control.png"])
        assert artifact.shape == control.shape == real.shape and mask.shape == real.shape[:2]
        assert (artifact[~edit] == real[~edit]).all() and (control[~edit] == real[~edit]).all()
        assert (artifact[edit] != real[edit]).any()
        assert mask.any() and edit[mask].all()


@pytest.mark.parametrize("image_format", ["webp"])
def test_webp_has_the_same_pixels_under_other_names(stage, make_sample):
    sample = make_sample(KEYS[3], count=1)
    png = PackageStage(PackageParams(), BaseParams()).process(sample).members
    webp = stage.process(sample).members
    masks = {"p0.edit.png", "p0.flaws.png", "p0.mask.png"}
    assert set(webp) == {"real.webp", "p0.artifact.webp", "p0.control.webp", *masks}
    assert all(webp[name] == png[name] for name in masks)
    for name in ("real", "p0.artifact", "p0.control"):
        assert webp[f"{name}.webp"][8:12] == b"WEBP"
        assert np.array_equal(read_picture(webp[f"{name}.webp"]), read_png(png[f"{name}.png"]))


@pytest.mark.parametrize("image_format", ["webp"])
def test_the_card_names_the_members_as_they_are(package):
    text = (package("package")[0] / "README.md").read_text()
    assert "| artifact.webp |" in text and "| mask.png |" in text and "artifact.png" not in text


def test_the_manifest_says_where_a_pair_is_in_its_shard(package):
    folder, rows = package("package")
    for row in rows:
        start, stop = row["shard_start"], row["shard_stop"]
        part = (folder / row["shard"]).read_bytes()[start:stop]
        with tarfile.open(fileobj=io.BytesIO(part)) as tar:
            assert [info.name for info in tar] == [f"{row['pair']}.{name}" for name in MEMBERS]


def test_boxes_are_those_of_the_full_size_masks(stage, make_sample):
    pair = stage.process(make_sample(KEYS[0])).document.pairs[0]
    assert pair.edit_box == (12, 20, 36, 44)
    assert pair.mask_box == (16, 26, 32, 36)
    assert (pair.mask_pixels, pair.edit_pixels) == (160, 576)


def _change_outside(name, parts):
    if name == "v1":
        parts["control"] = parts["control"] + np.uint8(1)


def _no_mask(name, parts):
    if name == "v1":
        parts["mask"][:] = 0


def _mask_outside(name, parts):
    if name == "v1":
        parts["mask"][0, 0] = True


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_change_outside, "background_changed"),
        (_no_mask, "empty_mask"),
        (_mask_outside, "mask_outside_edit"),
    ],
)
def test_broken_guarantee_rejects_only_its_pair(stage, make_sample, spoil, code):
    out = stage.process(make_sample(KEYS[0], spoil=spoil))
    assert [(r.variant, r.code) for r in out.rejects] == [("v1", code)]
    assert [pair.picture for pair in out.document.pairs] == ["p0", "p2", "p3"]
    assert "p1.artifact.png" not in out.members


def test_photo_without_pairs_is_rejected(stage, make_sample):
    with pytest.raises(RejectPhoto) as caught:
        stage.process(make_sample(KEYS[0], count=0))
    assert caught.value.code == "no_pairs"


def test_pair_has_the_photos_caption_and_its_prompt(stage, make_sample):
    pairs = stage.process(make_sample(KEYS[0])).document.pairs
    assert {pair.caption for pair in pairs} == {"A person waves."}
    assert {pair.prompts for pair in pairs} == {"caption 1 0123456789ab"}


def test_process_rows_name_photo_and_variant(stage, make_sample):
    document = json.loads(stage.process(make_sample(KEYS[0])).document.model_dump_json())
    rows = stage.rows(document)
    assert [(r["key"], r["variant"], r["pair"]) for r in rows][:1] == [
        (KEYS[0], "v0", f"{KEYS[0]}-p0")
    ]
    assert rows[0]["score.probability"] == 0.5 and "score.probability" not in rows[1]


def test_shards_are_ranges_of_the_source_list_and_a_group_is_in_one_split(package):
    folder, rows = package("package")
    assert len(rows) == 36
    for row in rows:
        position = KEYS.index(row["key"])
        assert row["shard"] == f"{row['split']}-{position // 4:05d}.tar"
    split = {row["key"]: row["split"] for row in rows}
    assert split[KEYS[0]] == split[KEYS[1]] == split_of(KEYS[0], Ratios())
    assert {row["shard"] for row in rows} == {p.name for p in folder.glob("*.tar")}


def test_samples_have_the_same_members_with_the_manifests_digests(package):
    import hashlib

    folder, rows = package("package")
    by_pair = {row["pair"]: row for row in rows}
    seen = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for info in tar:
                assert (info.mtime, info.uid, info.gid) == (0, 0, 0)
                key, name = info.name.split(".", 1)
                seen.setdefault(key, []).append(name)
                data = tar.extractfile(info).read()
                assert hashlib.sha256(data).hexdigest() == by_pair[key][f"sha256.{name}"]
    assert set(seen) == set(by_pair)
    assert all(tuple(names) == MEMBERS for names in seen.values())


def test_same_inputs_give_the_same_bytes_and_growth_keeps_full_shards(package):
    first = read_files(package("one")[0])
    assert first == read_files(package("two")[0])
    grown = read_files(package("three", KEYS[:8])[0])
    kept = [name for name in grown if name.endswith(".tar")]
    assert kept and all(grown[name] == first[name] for name in kept)


def test_licence_and_origin_are_published_and_in_no_stored_result(package, stage, make_sample):
    folder, rows = package("one")
    published = {name: rows[0][name] for name in ("licence", "origin", "batch", "file_name")}
    assert published == {
        "licence": "CC0-1.0",
        "origin": "tests",
        "batch": "b",
        "file_name": "a.png",
    }
    stored = stage.process(make_sample(KEYS[0])).document.model_dump()["pairs"][0]
    assert not set(published) & set(stored)
    relicensed = package("two", licence="CC-BY-4.0")[1]
    assert {row["licence"] for row in relicensed} == {"CC-BY-4.0"}
    # Folders are not published.
    assert not any(b"my | " in data for data in read_files(folder).values())


def test_index_has_timms_format(package):
    folder, rows = package("package")
    info = json.loads((folder / "_info.json").read_bytes())
    assert sum(s["num_samples"] for s in info["splits"].values()) == len(rows)
    for name, split in info["splits"].items():
        assert split["name"] == name
        assert sum(split["shard_lengths"]) == split["num_samples"]
        for file, length in zip(split["filenames"], split["shard_lengths"], strict=True):
            assert sum(row["shard"] == file for row in rows) == length
            assert (folder / file).is_file()


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_webdataset_reads_it(package, image_format, monkeypatch):
    monkeypatch.setitem(os.environ, "WDS_SECURE", "1")
    import webdataset

    folder, rows = package("package")
    urls = [str(path) for path in sorted(folder.glob("*.tar"))]
    pairs = webdataset.WebDataset(urls, shardshuffle=False).decode("pil")
    names = {name for pair in pairs for name in pair if not name.startswith("__")}
    assert names == set(list_members(image_format))
    found = {pair["__key__"]: pair for pair in pairs}
    assert set(found) == {row["pair"] for row in rows}
    one = found[rows[0]["pair"]]
    assert one[f"artifact.{image_format}"].size == one[f"real.{image_format}"].size == (80, 64)
    assert one["json"]["pair"] == rows[0]["pair"] and one["json"]["split"] == rows[0]["split"]


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_datasets_reads_it(package, image_format, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    folder, _ = package("package")
    splits = json.loads((folder / "_info.json").read_bytes())["splits"]
    data_files = {s: [str(folder / f) for f in info["filenames"]] for s, info in splits.items()}
    loaded = datasets.load_dataset(
        "webdataset", data_files=data_files, cache_dir=str(tmp_path / "cache")
    )
    assert {name: len(part) for name, part in loaded.items()} == {
        name: info["num_samples"] for name, info in splits.items()
    }
    for part in loaded.values():
        for pair in part:
            assert set(pair) - {"__key__", "__url__"} == set(list_members(image_format))
            assert isinstance(pair["mask.png"], Image.Image)
            assert pair[f"artifact.{image_format}"].format == image_format.upper()
            assert pair["json"]["explanation"]["overall"]
            for flaw in pair["json"]["flaws"]:
                assert flaw["text"] and flaw["label"]
                assert all(score["value"] is not None for score in flaw["scores"])


def test_card_has_counts_and_stand_ins(package):
    folder, rows = package("package")
    text = (folder / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["license"] == "other" and front["size_categories"] == ["n<1K"]
    assert front["license_name"] == "as-photos-and-models-say"
    assert "| flow | weights/compact | LicenseRef-NC-flawfactory-compact |" in text
    assert "> **Restricted by weights/compact** (LicenseRef-NC-flawfactory-compact): " in text
    splits = {entry["split"] for entry in front["configs"][0]["data_files"]}
    assert splits == {row["split"] for row in rows} <= set(SPLITS)
    assert "36 pairs with 36 flaws from 12 photos" in text
    assert "| add | 12 | 12 | 12 |" in text
    assert "**Explainer**" in text and "**Judge**" not in text
    assert (
        "Not publishable" not in text
        and "| inject | flow | diffusers | weights/compact | folder |" in text
    )


def test_the_card_has_the_version_and_follows_the_policy(package):
    rows = [{**row, "licence": "house rules"} for row in package("package")[1]]
    policy = LicencePolicy(allow=("house rules",))
    chat = ModelLicence("chat", "my-model", "unknown", "", pinned=False)
    text = card.make_card(rows, PROVENANCE, Terms("v1.2", policy, (chat,)))
    assert "\nVersion v1.2.\n" in text
    assert "> **Not publishable.** model my-model: no licence is given. Before" in text
    assert "Not publishable" not in card.make_card(rows, PROVENANCE, Terms("", policy))
    assert "Version" not in card.make_card(rows, PROVENANCE)


def test_creator_and_title_are_published_and_attributed(package):
    folder, rows = package("package", creator="Ada <b>", title="At_night")
    assert {(row["creator"], row["title"]) for row in rows} == {("Ada <b>", "At_night")}
    text = (folder / "ATTRIBUTION.md").read_text()
    assert f"- `{KEYS[0]}`: “At\\_night”, by Ada \\<b\\>, source: tests" in text
    assert text == attribution.make_attribution(rows)


def test_unknown_licence_makes_the_data_set_unpublishable(package):
    rows = package("package")[1]
    rows[0] = {**rows[0], "licence": "unknown"}
    text = card.make_card(rows, PROVENANCE)
    assert "Not publishable" in text
    assert yaml.safe_load(text.split("---")[1])["license"] == "unknown"


def test_markup_in_a_licence_does_not_break_the_card(package):
    rows = package("package")[1]
    text = card.make_card([{**row, "licence": "a | b\n# <b>x</b>"} for row in rows], PROVENANCE)
    assert "a \\| b # \\<b\\>x\\</b\\>" in text
    assert yaml.safe_load(text.split("---")[1])["license"] == "other"
    assert "Not publishable" in text


@pytest.mark.parametrize(
    "licence,header",
    [
        ("cc-by-4.0", {"license": "cc-by-4.0"}),
        ("CC-PDM-1.0", {"license": "other", "license_name": "cc-pdm-1.0"}),
        ("openrail++", {"license": "openrail++"}),
    ],
)
def test_header_has_the_hubs_name_of_a_known_licence(package, licence, header):
    text = card.make_card(
        [{**row, "licence": licence} for row in package("package")[1]], PROVENANCE
    )
    front = yaml.safe_load(text.split("---")[1])
    assert {k: v for k, v in front.items() if k.startswith("license")} == header
    assert "Not publishable" not in text


def test_unknown_licence_text_is_listed_with_the_reason(package):
    rows = package("package")[1]
    rows[0] = {**rows[0], "licence": "All-rights-reserved"}
    text = card.make_card(rows, PROVENANCE)
    assert "> **Not publishable.** All-rights-reserved: not an SPDX identifier." in text
    assert yaml.safe_load(text.split("---")[1])["license"] == "other"


def test_several_known_licences_are_publishable_without_a_single_name(package):
    rows = package("package")[1]
    rows[0] = {**rows[0], "licence": "CC-BY-4.0"}
    text = card.make_card(rows, PROVENANCE)
    front = yaml.safe_load(text.split("---")[1])
    assert (front["license"], front["license_name"]) == ("other", "as-each-photo-says")
    assert "Not publishable" not in text


def test_gate_passes_and_detects_a_duplicate_pair(judged, stage, package):
    rows = package("package")[1]
    assert judged(stage, rows).success
    twice = judged(stage, [*rows, rows[0]], variants_extra=0)
    assert {c.expectation for c in twice.failures} == {"expect_compound_columns_to_be_unique"}


def test_gate_checks_the_number_of_pairs_even_without_rows(judged, stage):
    failures = judged(stage, [], photos_in=1, photos_accepted=1).failures
    assert [(c.expectation, c.column) for c in failures] == [
        ("expect_column_values_to_be_between", "pairs")
    ]


def test_memory_holds_one_photo(stage, make_sample, tmp_path):
    """Outputs are consumed one by one: each is written before the next is requested."""
    words = [make_source(key, "MIT") for key in KEYS]
    layout = assemble.Layout({k: k for k in KEYS}, words, Ratios(), 100)
    sizes = []

    def outputs():
        for position, key in enumerate(KEYS[:3]):
            out = stage.process(make_sample(key, count=1))
            sizes.append(sum(p.stat().st_size for p in tmp_path.glob("*.tar")))
            document = json.loads(out.document.model_dump_json())
            yield Assembled(position, key, document, out.members)

    rows = assemble.write_shards(outputs(), tmp_path, layout, PROVENANCE)
    assert len(list(rows)) == 3
    assert 0 == sizes[0] < sizes[1] < sizes[2]


def test_the_flaws_of_a_picture_make_one_pair(stage, make_sample):
    out = stage.process(make_sample(KEYS[0], count=3, pictures=["p0", "p0", "p1"]))
    first, second = out.document.pairs
    assert (first.pair, second.pair) == (f"{KEYS[0]}-p0", f"{KEYS[0]}-p1")
    assert [(f.id, f.index, f.tool) for f in first.flaws] == [("v0", 1, "add"), ("v1", 2, "remove")]
    assert [(f.id, f.index) for f in second.flaws] == [("v2", 1)]
    assert first.explanation.overall.endswith("p0.") and first.taken_out == 0
    numbers = np.asarray(Image.open(io.BytesIO(out.members["p0.flaws.png"])))
    mask, edit = (read_mask(out.members[f"p0.{name}.png"]) for name in ("mask", "edit"))
    assert numbers.dtype == np.uint8 and set(np.unique(numbers)) == {0, 1, 2}
    assert np.array_equal(numbers > 0, mask) and not mask[~edit].any()
    for flaw in first.flaws:
        own = numbers == flaw.index
        assert bounding_box(own) == flaw.mask_box and own.sum() == flaw.mask_pixels
    assert first.mask_pixels == sum(flaw.mask_pixels for flaw in first.flaws)
    assert first.edit_pixels == sum(flaw.edit_pixels for flaw in first.flaws) == edit.sum()
    real = read_png(out.members["real.png"])
    artifact = read_png(out.members["p0.artifact.png"])
    assert np.array_equal(artifact, np.where(edit[..., None], 255 - real, real))


def test_a_flaw_that_fell_shows_the_control_and_the_pair_stays(stage, make_sample):
    sample = make_sample(KEYS[0], count=3, pictures=["p0", "p0", "p1"], left=["v1"])
    out = stage.process(sample)
    (pair,) = out.document.pairs
    assert [(f.id, f.index) for f in pair.flaws] == [("v1", 1)] and pair.taken_out == 1
    both = stage.process(make_sample(KEYS[0], count=3, pictures=["p0", "p0", "p1"]))
    artifact, control, before = (
        read_png(members[f"p0.{name}.png"])
        for members, name in (
            (out.members, "artifact"), (out.members, "control"), (both.members, "artifact"),
        )
    )  # fmt: skip
    edit, edits = (read_mask(m["p0.edit.png"]) for m in (out.members, both.members))
    assert np.array_equal(edit, edits)
    gone = np.zeros_like(edit)
    x0, y0, x1, y1 = both.document.pairs[0].flaws[0].edit_box
    gone[y0:y1, x0:x1] = True
    assert np.array_equal(artifact[gone], control[gone])
    assert not np.array_equal(before[gone], control[gone])
    assert np.array_equal(artifact[~gone], before[~gone])
    assert not read_mask(out.members["p0.mask.png"])[gone].any()


def _overlap(name, parts):
    if name == "v1":
        parts["edit"][:, :10] = True


def test_flaws_that_overlap_reject_their_pair(stage, make_sample):
    pictures = ["p0", "p0", "p1"]
    out = stage.process(make_sample(KEYS[0], count=3, spoil=_overlap, pictures=pictures))
    assert [(r.variant, r.code) for r in out.rejects] == [
        ("v0", "flaws_overlap"), ("v1", "flaws_overlap"),
    ]  # fmt: skip
    assert [pair.picture for pair in out.document.pairs] == ["p1"]


def test_rows_are_flaws_and_counts_are_pairs(package, stage):
    folder, rows = package("package", several=KEYS[:4])
    pairs = {row["pair"] for row in rows}
    assert (len(rows), len(pairs)) == (36, 32)
    numbers = stage.numbers(rows)
    assert numbers["pairs"] == 32
    assert sum(n for name, n in numbers.items() if name.startswith("split.")) == 32
    splits = json.loads((folder / "_info.json").read_bytes())["splits"]
    assert sum(split["num_samples"] for split in splits.values()) == 32
    assert "32 pairs with 36 flaws from 12 photos" in (folder / "README.md").read_text()
    (first, second) = [row for row in rows if row["pair"] == f"{KEYS[0]}-p0"]
    assert (first["variant"], second["variant"]) == ("v0", "v1")
    assert first["flaws"] == 2 and first["text"] != second["text"]
    same = ("overall_text", "pair_mask_pixels", "shard", "sha256.artifact.png", "split")
    assert all(first[name] == second[name] for name in same)
    assert first["pair_mask_pixels"] == first["mask_pixels"] + second["mask_pixels"]


def test_the_gate_judges_flaws_and_pairs(judged, package, stage):
    rows = package("package", several=KEYS[:4])[1]
    assert judged(stage, rows).success
    strict = PackageStage(PackageParams(gate={"min_pairs": 33}), BaseParams())
    (failed,) = judged(strict, rows).failures
    assert failed.column == "pairs"


def test_datasets_infers_the_same_features_for_one_flaw_and_several(package, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    folders = {"one": package("one")[0], "several": package("several", several=KEYS)[0]}
    features = []
    for name, folder in folders.items():
        data_files = {"train": [str(path) for path in sorted(folder.glob("*.tar"))]}
        loaded = datasets.load_dataset(
            "webdataset", data_files=data_files, cache_dir=str(tmp_path / name)
        )
        features.append(loaded["train"].features)
    assert features[0] == features[1] and "null" not in str(features[0])
