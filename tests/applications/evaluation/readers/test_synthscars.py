import numpy as np
import pytest
from benchmark_files import write_json, write_picture

from applications.evaluation.readers import detect_form

REF = {
    "sentence": "two hands",
    "segmentation": [[2, 2, 10, 2, 10, 8, 2, 8], [20, 10, 30, 10, 30, 20]],
    "explanation": "The hands are apart.",
}
ENTRY = {"7": {"img_file_name": "7.jpg", "caption": "A man with two hands.", "refs": [REF]}}


@pytest.fixture
def folder(tmp_path):
    def write(entries, split="test", name="annotations"):
        write_json(tmp_path / split / name / f"{split}.json", entries)
        write_picture(tmp_path / split / "images" / "7.jpg")
        return tmp_path

    return write


@pytest.mark.parametrize("name", ["annotations", "annoations"])
def test_every_polygon_of_a_region_counts(read, folder, name):
    path = folder([ENTRY], name=name)
    assert detect_form(path) == "synthscars"
    [example] = read("synthscars", path).examples
    [region] = example.regions
    assert region.box == (2, 2, 30, 20)
    assert len(region.polygons) == 2
    mask = example.mask((40, 30))
    assert mask[2:8, 2:10].all()
    assert 40 <= mask[10:20, 20:30].sum() <= 60  # half of a square of 10
    assert mask.sum() == 48 + mask[10:20, 20:30].sum()
    assert (example.text, region.text) == ("A man with two hands.", "The hands are apart.")


def test_splits_are_read_alone(read, folder):
    folder([ENTRY], "train")
    path = folder([ENTRY], "test")
    assert [e.split for e in read("synthscars", path, "train").examples] == ["train"]
    assert {e.key for e in read("synthscars", path).examples} == {"test/7", "train/7"}


def test_what_cannot_be_used_is_named(read, kinds, folder):
    entries = [
        ENTRY,
        {"8": {"img_file_name": "8.jpg", "caption": "", "refs": [REF]}},
        {"9": {"img_file_name": "7.jpg", "caption": "", "refs": [{"segmentation": [[1, 2, 3]]}]}},
        {"10": {"img_file_name": "7.jpg", "caption": "", "refs": [{"segmentation": []}]}},
        [],
        ENTRY,
    ]
    found = read("synthscars", folder(entries))
    assert [example.key for example in found.examples] == ["test/7"]
    assert kinds(found) == [
        ("missing picture", "8.jpg"),
        ("bad label", "test/9"),
        ("bad label", "test/10"),
        ("bad label", "test/entry 4"),
        ("bad label", "test/7"),
    ]


def test_a_polygon_outside_the_picture_is_cut(read, folder):
    far = {"segmentation": [[-1e9, -1e9, 1e9, -1e9, 1e9, 1e9, -1e9, 1e9]], "sentence": "all"}
    entry = {"7": ENTRY["7"] | {"refs": [far]}}
    [example] = read("synthscars", folder([entry])).examples
    assert np.asarray(example.mask((40, 30))).all()
