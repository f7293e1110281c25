import numpy as np
import pytest
from benchmark_files import write_json, write_picture
from exporting import export
from pycocotools import mask as pycoco

from applications.evaluation.readers import detect_form
from flows.exports.options import Options
from flows.exports.samples import read_samples
from stages.engine.workspace import FactoryError

MASK = np.zeros((30, 40), np.uint8)
MASK[5:15, 10:20] = 1
MASK[20:22, 3:30] = 1
POLYGON = {"segmentation": [[10, 5, 20, 5, 20, 15, 10, 15]], "bbox": [10, 5, 10, 10]}
COMPRESSED = pycoco.encode(np.asfortranarray(MASK)) | {}
RUNS = {"segmentation": COMPRESSED | {"counts": COMPRESSED["counts"].decode()}}


@pytest.fixture
def folder(tmp_path):
    def write(annotations, images=None, pictures=("a.png", "b.png"), **content):
        images = images or [
            {"id": number, "file_name": name, "width": 40, "height": 30}
            for number, name in enumerate(pictures)
        ]
        categories = [{"id": 1, "name": "add"}]
        content = {"images": images, "annotations": annotations, "categories": categories} | content
        write_json(tmp_path / "labels.coco.json", content)
        for name in pictures:
            write_picture(tmp_path / name)
        return tmp_path

    return write


def annotation(**values):
    return {"id": 1, "image_id": 0, "category_id": 1, "bbox": [3, 5, 27, 17]} | values


def test_a_picture_without_annotation_is_clean(read, folder):
    path = folder([annotation(**POLYGON, text="A second nose.")])
    assert detect_form(path) == "coco"
    flawed, clean = read("coco", path).examples
    assert (flawed.label, clean.label) == ("flawed", "clean")
    [region] = flawed.regions
    assert (region.box, region.kind, region.text) == ((10, 5, 20, 15), "add", "A second nose.")
    assert flawed.mask((40, 30)).sum() == 100
    assert flawed.mask((40, 30))[5:15, 10:20].all()


def test_run_lengths_compressed_or_not(read, folder):
    flat = MASK.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    plain = {"segmentation": {"size": [30, 40], "counts": counts}}
    for form in (RUNS, plain):
        [flawed, _] = read("coco", folder([annotation(**form)])).examples
        assert np.array_equal(flawed.mask((40, 30)), MASK > 0)


def test_a_box_alone_is_filled(read, folder):
    [flawed, _] = read("coco", folder([annotation(bbox=[1, 2, 3, 4])])).examples
    assert flawed.mask((40, 30)).sum() == 12


def test_run_lengths_of_another_size_do_not_fit(read, folder):
    [flawed, _] = read("coco", folder([annotation(**RUNS)])).examples
    with pytest.raises(ValueError, match="for a picture of"):
        flawed.mask((30, 40))


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [30, 40], "counts": [5]},
        {"size": [30, 40], "counts": [-5, 1205]},
        {"size": [30, 40], "counts": "~~~~~~~~~~~~~~"},
        {"size": [30, 40], "counts": "oooooooooooooooooo"},
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"size": [30, 40]},
        [[1, 2, 3, 4]],
        [[0, 0, 1, float("nan"), 5, 5]],
    ],
)
def test_a_hostile_segmentation_is_named(read, kinds, folder, segmentation):
    found = read("coco", folder([annotation(segmentation=segmentation)]))
    assert kinds(found) == [("bad label", "a.png")]


def test_hostile_names_ids_and_categories_cost_no_other_picture(read, kinds, folder):
    names = ["x" * 5000 + ".png", "\ud800.png", "a\0.png", "../a.png", "a.png/b.png", None]
    images = [{"id": 0, "file_name": "a.png"}, {"id": [1], "file_name": "b.png"}, 7]
    images += [{"id": 10**400, "file_name": name} for name in names]
    categories = [{"id": [1], "name": "add"}, 4, {"id": 1, "name": ["add"]}]
    found = read("coco", folder([annotation(category_id=[1])], images, categories=categories))
    assert [example.key for example in found.examples] == ["a.png", "b.png"]
    assert {kind for kind, _ in kinds(found)} == {"bad label", "missing picture"}
    assert len(found.problems) == 7
    assert read("coco", folder([annotation()], categories=5)).examples[0].label == "flawed"


def test_an_annotation_without_image_is_orphaned(read, kinds, folder):
    annotations = [annotation(image_id=7), annotation(image_id=[1]), 5, annotation(**POLYGON)]
    found = read("coco", folder(annotations))
    assert [example.label for example in found.examples] == ["flawed", "clean"]
    assert kinds(found) == [
        ("orphaned label", f"labels.coco.json: annotation {number}") for number in range(3)
    ]


def test_missing_and_unlabelled_pictures_are_named(read, kinds, folder):
    images = [{"id": 0, "file_name": "gone.png"}, {"id": 1, "file_name": "a.png"}]
    found = read("coco", folder([], images=images))
    assert kinds(found) == [("missing picture", "gone.png"), ("unlabelled picture", "b.png")]


def test_another_json_is_an_error(read, tmp_path):
    write_json(tmp_path / "annotations.json", {"images": []})
    with pytest.raises(FactoryError, match="not COCO's form"):
        read("coco", tmp_path)


def test_our_own_export_is_read(read, published, tmp_path):
    path = export("coco", published, tmp_path / "out")
    assert detect_form(path) == "coco"
    found = read("coco", path)
    assert not found.problems
    examples = {example.key.partition("/")[2]: example for example in found.examples}
    for sample in read_samples(published, Options()):
        pair, photo = sample.record.pair, sample.record.photo
        artifact = examples[f"{pair}-artifact.png"]
        size = (sample.record.width, sample.record.height)
        assert np.array_equal(artifact.mask(size), sample.labels > 0)
        assert (artifact.role, artifact.photo) == ("artifact", photo)
        assert examples[f"{pair}-control.png"].role == "control"
        assert examples[f"{photo}-real.png"].label == "clean"
