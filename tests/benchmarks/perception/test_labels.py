import hashlib

import numpy as np
import pytest

from benchmarks.perception import labels
from benchmarks.perception.labels import MainThing
from stages.engine.workspace import Workspace


def outlines(photo):
    return [photo.thing.outline] if photo.thing and photo.thing.outline else []


def test_boxes_and_outlines_lie_in_their_photos():
    for path in (labels.FIRST, labels.SECOND):
        for photo in labels.load(path):
            for kind in labels.KINDS:
                for mark in photo.marks(kind):
                    x0, y0, x1, y1 = mark.box
                    assert 0 <= x0 < x1 <= photo.width, photo.name
                    assert 0 <= y0 < y1 <= photo.height, photo.name
            for outline in outlines(photo):
                assert all(0 <= x <= photo.width and 0 <= y <= photo.height for x, y in outline)


def test_photos_are_labelled_once_and_shard_photos_are_of_the_half_not_used_for_tuning():
    names = [photo.name for photo in labels.load()]
    assert len(names) == len(set(names)) == 64
    for photo in labels.load():
        if photo.collection == "shards":
            key = photo.name.rpartition("/")[2].removesuffix(".webp")
            assert hashlib.sha256(key.encode()).digest()[-1] % 2 == 1, key


def test_tiny_marks_and_faces_turned_away_are_difficult():
    for photo in labels.load():
        for mark in [*photo.faces, *photo.hands]:
            x0, y0, x1, y1 = mark.box
            if (x1 - x0) * (y1 - y0) < 24 * 24 or mark.view == "away":
                assert mark.difficult, (photo.name, mark.box)


def test_second_labels_are_of_photos_of_the_first():
    first = {photo.name: photo for photo in labels.load()}
    second = labels.load(labels.SECOND)
    assert len(second) == 5
    assert all(first[photo.name].sha256 == photo.sha256 for photo in second)


def test_outline_becomes_a_filled_mask():
    square = MainThing(right=("box",), coarse=(), outline=((2, 1), (6, 1), (6, 4), (2, 4)))
    mask = square.mask((8, 10))
    assert mask is not None and mask.shape == (8, 10)
    assert mask[1:5, 2:7].all() and mask.sum() == 20
    assert MainThing(right=(), coarse=(), outline=None).mask((8, 10)) is None


def test_sample_photos_are_the_labelled_files(tmp_path):
    samples = [p for p in labels.load() if p.collection == "samples"]
    missing: list[str] = []
    found = list(labels.read_present(samples[:3], tmp_path, missing))
    assert not missing
    for photo, image in found:
        assert image.shape == (photo.height, photo.width, 3)


def test_missing_collections_are_listed_and_not_fatal(tmp_path):
    shards = [photo for photo in labels.load() if photo.collection == "shards"][:2]
    missing: list[str] = []
    assert list(labels.read_present(shards, tmp_path, missing)) == []
    assert missing == [photo.name for photo in shards]


def test_other_file_under_a_labelled_name_is_refused(tmp_path):
    photo = next(p for p in labels.load() if p.collection == "samples")
    assert (Workspace.find().root / photo.name).is_file()
    with pytest.raises(ValueError, match="not the file that was labelled"):
        labels.read_photo(photo.model_copy(update={"sha256": "0" * 64}), tmp_path)


def test_photo_is_read_as_rgb(tmp_path):
    photo = next(p for p in labels.load() if p.collection == "samples")
    image = labels.read_photo(photo, tmp_path)
    assert image is not None and image.dtype == np.uint8
