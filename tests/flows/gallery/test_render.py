import base64
import json
import re

import numpy as np
import pytest
from tables import write_rows

from flows.gallery.changes import Changes
from flows.gallery.index import PART_SIZES
from flows.gallery.render import TEMPLATE, render
from stages.engine.storage.tables import MANIFEST, output_digest, read_table
from stages.engine.workspace import FactoryError
from stages.tools import TOOLS


def load(page, name, number=0):
    """Read what a script of the page hands over."""
    path = page.parent / "data" / (f"{name}/{number}.js" if name in PART_SIZES else f"{name}.js")
    text = path.read_text(encoding="ascii")
    start = f'GALLERY.receive("{name}",{number},'
    assert text.startswith(start) and text.endswith(");\n")
    return json.loads(text.removeprefix(start)[:-3])


def column(page, name):
    dtype, text = load(page, "columns")[name]
    return np.frombuffer(base64.b64decode(text), f"<{dtype}").tolist()


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_page_has_every_pair_and_refused_variant_with_its_pictures(data, tmp_path):
    page = render(data, tmp_path / "out")
    meta, cards = load(page, "meta"), load(page, "cards")
    assert (meta["accepted"], meta["count"], len(cards), meta["flaws"]) == (12, 13, 13, 13)
    records = load(page, "records")
    images = page.parent / "images"
    names = {path.relative_to(images).as_posix() for path in images.rglob("*.webp")}
    expected = {
        f"{kind}/{name[:2]}/{name[2:]}.webp"
        for card, record in zip(cards, records, strict=True)
        for kind, name in (("thumbs", card[1]), ("strips", card[1]), ("overlays", card[1]),
                           ("photos", record["photo"]))
    }  # fmt: skip
    assert names == expected


def test_a_refused_variant_has_reason_scores_and_place(data, tmp_path):
    page = render(data, tmp_path / "out")
    meta, card, record = load(page, "meta"), load(page, "cards")[-1], load(page, "records")[-1]
    assert card[2:4] == ["owl · left wing", "LPIPS below the band"]
    assert meta["names"]["reason"][column(page, "item.reason")[-1]] == "imperceptible"
    (flaw,) = record["flaws"]
    assert flaw["scores"] == [[meta["names"]["score"].index("lpips"), 0.01]]
    assert flaw["box"] == record["box"] == [20, 20, 60, 60]
    assert record["region"] == [4, 4, 76, 76]
    assert record["file"].startswith("script>") and "/home" not in record["file"]


def test_columns_hold_what_the_filters_look_at(data, tmp_path):
    page = render(data, tmp_path / "out")
    names = load(page, "meta")["names"]
    tools = [names["tool"][code] for code in column(page, "flaw.tool")]
    assert names["tool"] == list(TOOLS)
    assert sorted(tools) == sorted([*3 * ("add", "remove", "distort", "fuse"), "add"])
    assert column(page, "item.start") == list(range(13))
    assert column(page, "flaw.lpips")[0] == pytest.approx(0.2)
    assert column(page, "flaw.area")[-1] == pytest.approx(0.1)
    assert column(page, "item.photo") == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0]


def test_flaws_carry_the_digests_of_their_pixels(data, tmp_path):
    page = render(data, tmp_path / "out")
    found = base64.b64decode(load(page, "pixels")[1])
    digests = [found[at : at + 32].hex() for at in range(0, len(found), 32)]
    places = {}
    for row in read_table(data / "inject" / "photos.parquet"):
        for name, (_, _, digest) in json.loads(row["places"]).items():
            if name.endswith(".artifact.png"):
                places[row["key"], name.split(".")[0]] = digest
    assert sorted(digests) == sorted(places.values()) and len(set(digests)) == 13
    assert load(page, "meta")["review"]["data_set"] == output_digest(data / "filter")


def test_without_injects_output_nothing_can_be_marked(data, tmp_path):
    (data / "inject" / "photos.parquet").unlink()
    (data / "inject" / MANIFEST).unlink()
    assert load(render(data, tmp_path / "out"), "meta")["review"] == {"data_set": ""}


def test_the_page_has_the_rejects_and_counts_of_all_stages(data, tmp_path):
    page = render(data, tmp_path / "out")
    assert [reject[1] for reject in load(page, "rejects")] == [
        "too_many_pixels",
        "animated",
        "over_quota",
        "imperceptible",
    ]
    meta = load(page, "meta")
    assert meta["rejects"]["count"] == 4
    ingest, mapped = (s for s in meta["stages"] if s["stage"] in ("ingest", "map"))
    assert ingest == {
        "stage": "ingest", "photos": 3, "photos_rejected": 1, "photos_aside": 1,
        "variants_rejected": 0, "variants_aside": 0,
    }  # fmt: skip
    assert mapped == {
        "stage": "map", "photos": 1, "photos_rejected": 0, "photos_aside": 0,
        "variants_rejected": 0, "variants_aside": 1,
    }  # fmt: skip


def test_outputs_after_the_failed_stage_are_not_shown(data, tmp_path):
    page = render(data, tmp_path / "out", ("ingest", "perceive"))
    meta = load(page, "meta")
    assert meta["count"] == 0
    assert [reject[1] for reject in load(page, "rejects")] == ["too_many_pixels", "animated"]
    assert [stage["stage"] for stage in meta["stages"]] == ["ingest"]


def test_the_same_data_give_the_same_page(data, tmp_path):
    first = render(data, tmp_path / "one").parent
    assert files(first) == files(render(data, tmp_path / "two").parent)


def test_rendering_again_reads_no_shard_and_writes_the_same(data, tmp_path):
    folder = render(data, tmp_path / "out").parent
    before = files(folder)
    for shard in data.glob("*/*.tar"):
        shard.unlink()
    render(data, tmp_path / "out")
    assert files(folder) == before


@pytest.mark.parametrize("damage", ["places.parquet", "images/thumbs", "images/strips"])
def test_what_is_missing_of_an_earlier_page_is_made_again(data, tmp_path, damage):
    folder = render(data, tmp_path / "out").parent
    before = files(folder)
    if damage.endswith(".parquet"):
        (folder / damage).write_bytes(b"damaged")
    else:
        next((folder / damage).rglob("*.webp")).unlink()
    render(data, tmp_path / "out")
    assert files(folder) == before


def test_a_smaller_data_set_leaves_nothing_of_the_larger_one(data, make_data, tmp_path):
    render(make_data(tmp_path / "large", count=4), tmp_path / "out")
    page = render(data, tmp_path / "out")
    assert files(page.parent) == files(render(data, tmp_path / "fresh").parent)


def test_an_empty_data_folder_gives_an_empty_page(tmp_path):
    page = render(tmp_path / "nothing", tmp_path / "out")
    meta = load(page, "meta")
    assert (meta["count"], meta["accepted"], meta["stages"]) == (0, 0, [])
    assert meta["rejects"]["count"] == 0 and meta["review"] == {"data_set": ""}


def test_the_page_refers_to_no_network_address(data, tmp_path):
    folder = render(data, tmp_path / "out").parent
    for path in TEMPLATE.iterdir():
        text = (folder / path.name).read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]|@import|innerHTML|eval\(", text), path.name


def test_a_pair_with_several_flaws_is_one_item(make_data, tmp_path):
    page = render(make_data(tmp_path / "data", several=True), tmp_path / "out")
    (place,) = [n for n, card in enumerate(load(page, "cards")) if card[0].endswith("-p9")]
    record = load(page, "records")[place]
    assert [flaw["label"] for flaw in record["flaws"]] == [
        f"{tool} left hand" for tool in ("add", "remove", "distort")
    ]
    assert len({tuple(flaw["box"]) for flaw in record["flaws"]}) == 3
    start = column(page, "item.start")
    assert start[place + 1] - start[place] == 3


def test_what_changed_since_the_last_version_is_shown_and_coded(data, tmp_path):
    table = {"title": "what changed", "head": ["what"], "rows": [["text"]], "all": 1}
    changes = Changes("v1", "2 changed", [table], {"0" * 16 + "-p0": 1, "0" * 16 + "-p1": 2})
    page = render(data, tmp_path / "out", changes=changes)
    assert column(page, "item.change") == [1, 2] + [0] * 11
    assert load(page, "meta")["changes"] == {
        "version": "v1", "summary": "2 changed", "tables": [table],
    }  # fmt: skip


def test_a_verdict_of_a_person_is_marked(data, tmp_path):
    manifest = data / "package" / MANIFEST
    rows = read_table(manifest)
    for number, row in enumerate(rows):
        row |= {"verdict_by": "review" if number else "judge", "judge_verdict": "too_weak"}
    write_rows(manifest, rows)
    page = render(data, tmp_path / "out")
    assert [card[5] for card in load(page, "cards")] == [0, *11 * [1], 0]
    assert load(page, "records")[1]["flaws"][0]["judge_verdict"] == "too_weak"


def test_a_data_set_of_another_version_is_refused_in_one_line(data, tmp_path):
    rows = [row | {"schema_version": 1} for row in read_table(data / "package" / MANIFEST)]
    write_rows(data / "package" / MANIFEST, rows)
    with pytest.raises(
        FactoryError, match=r"schema version 1, .* reads 2 and 3: build it again"
    ) as error:
        render(data, tmp_path / "out")
    assert "\n" not in str(error.value)


def test_a_shard_that_is_not_here_is_named_with_the_remedy(data, tmp_path):
    (data / "package" / "train-00000.tar").unlink()
    with pytest.raises(FactoryError, match=r"train-00000\.tar is not there: run `dvc pull"):
        render(data, tmp_path / "out")


def test_a_pair_that_its_shard_lacks_is_named(data, tmp_path):
    rows = read_table(data / "package" / MANIFEST)
    row = {**rows[-1], "pair": "f" * 16 + "-p0", "sha256.real.png": "f" * 64}
    write_rows(data / "package" / MANIFEST, [*rows, row])
    with pytest.raises(FactoryError, match=r"lacks the pair f{16}-p0.*verify --repair"):
        render(data, tmp_path / "out")
