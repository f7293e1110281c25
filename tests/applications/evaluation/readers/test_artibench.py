import pytest
from benchmark_files import write_json, write_picture
from exporting import export

from applications.evaluation.readers import detect_form
from flows.exports.options import Options
from flows.exports.samples import read_samples
from stages.engine.workspace import FactoryError

FLAWED = {
    "id": "a",
    "has_artifacts": True,
    "artifacts": [
        {"target_bbox": [1, 2, 11, 12], "bbox": [0, 0, 40, 30], "category": "Addition"},
        {"bbox": [3.5, 4, 8, 9]},
        {"bbox_2d": [5, 5, 6, 7], "caption": "A nose too many."},
    ],
    "explanation": "Two noses.",
}
CLEAN = {"id": "b", "has_artifacts": False, "artifacts": [], "caption": "Fine."}


@pytest.fixture
def folder(tmp_path):
    def write(*entries, names=("a", "b")):
        write_json(tmp_path / "metadata.json", list(entries))
        for name in names:
            write_picture(tmp_path / "images" / f"{name}.png")
        return tmp_path

    return write


def test_boxes_are_taken_in_the_order_of_the_released_reader(read, folder):
    flawed, clean = read("artibench", folder(FLAWED, CLEAN)).examples
    assert [region.box for region in flawed.regions] == [
        (1, 2, 11, 12), (3.5, 4, 8, 9), (5, 5, 6, 7),
    ]  # fmt: skip
    assert [region.kind for region in flawed.regions] == ["add", "", ""]
    assert flawed.regions[2].text == "A nose too many."
    assert (flawed.label, flawed.text) == ("flawed", "Two noses.")
    assert (clean.label, clean.regions, clean.text) == ("clean", (), "Fine.")


def test_bboxes_come_first(read, folder):
    [flawed] = read("artibench", folder(FLAWED | {"bboxes": [[0, 0, 20, 20]]}, names="a")).examples
    assert [region.box for region in flawed.regions] == [(0, 0, 20, 20)]


def test_what_cannot_be_used_is_named(read, kinds, folder):
    broken = FLAWED | {"id": "c", "artifacts": [{"bbox": [9, 9, 3, 3]}]}
    found = read("artibench", folder(FLAWED, CLEAN, broken, {"id": "d"}, 5, names=("a", "c", "e")))
    assert [example.key for example in found.examples] == ["a"]
    assert kinds(found) == [
        ("missing picture", "b.png"),
        ("bad label", "c"),
        ("bad label", "d"),
        ("bad label", "4"),
        ("unlabelled picture", "e.png"),
    ]


def test_a_path_that_leaves_the_folder_is_not_read(read, kinds, folder):
    found = read("artibench", folder(FLAWED | {"id": "../secret"}, names="a"))
    assert kinds(found)[0] == ("bad label", "../secret")
    assert not found.examples


def test_shares_in_place_of_pixels_are_refused(read, folder):
    shares = FLAWED | {"artifacts": [{"bbox": [0.1, 0.1, 0.5, 1.0]}]}
    with pytest.raises(FactoryError, match="look like shares"):
        read("artibench", folder(shares, names="a"))


def test_our_own_export_is_read(read, published, tmp_path):
    path = export("artibench", published, tmp_path / "out")
    assert detect_form(path) == "artibench"
    found = read("artibench", path)
    assert not found.problems
    boxes = {
        f"{s.record.split}/{s.record.pair}-artifact": [f.mask_box for f in s.record.flaws]
        for s in read_samples(published, Options())
    }
    flawed = {e.key: [r.box for r in e.regions] for e in found.examples if e.label == "flawed"}
    assert flawed == boxes
