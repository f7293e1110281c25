import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from applications.training.compact.augment import draw_changes
from applications.training.compact.batches import CropParams, Sampler, compose
from applications.training.compact.pairs import Pair, load_pairs
from stages.tools import TOOLS

PLAIN = CropParams(sizes=(64,), strength=0.0, several=0.0, elsewhere=0, scales=(1.0, 1.0001))


def pair(key="a-p0", photo="a", box=(40, 40, 60, 60), tool=1, level=255):
    """A grey photo with a white flaw in the middle of a box that the control darkens."""
    real = np.full((128, 128, 3), 100, np.uint8)
    shape = box[3] - box[1], box[2] - box[0]
    artifact = np.full((*shape, 3), 90, np.uint8)
    labels = np.zeros(shape, np.uint8)
    labels[5:-5, 5:-5] = tool
    artifact[labels > 0] = level
    return Pair(key, photo, real, box, artifact, np.full((*shape, 3), 90, np.uint8), labels)


def test_a_triplet_shows_the_same_place_and_only_the_flaw_is_labelled():
    batch = Sampler([pair()], {}, PLAIN, seed=0).batch(4, 0, 0)
    assert batch.pictures.shape == (12, 3, 64, 64)
    for real, control, artifact in batch.pictures.split(3):
        assert int(real.max()) - int(real.min()) == 0
        assert abs(int(control.min()) - 90) <= 3 and int(control.float().median()) == 100
        assert int(artifact.max()) == 255
    for index in range(2, 12, 3):
        label, picture = batch.labels[index], batch.pictures[index, 0]
        assert set(label.unique().tolist()) == {0, 1}
        # enlarging blurs the flaw's edge by a pixel
        assert (picture[label > 0] > 150).float().mean() > 0.9
    assert not batch.labels[0::3].any() and not batch.labels[1::3].any()


def test_a_batch_depends_on_seed_rank_and_step_only():
    sampler = Sampler([pair()], {}, CropParams(sizes=(64,)), seed=3)
    first, again = sampler.batch(2, 0, 5), sampler.batch(2, 0, 5)
    assert (first.pictures == again.pictures).all()
    other = sampler.batch(2, 1, 5)
    assert (first.pictures != other.pictures).any()


def test_without_controls_photo_and_flawed_picture_are_left():
    params = dataclasses.replace(PLAIN, controls=False)
    batch = Sampler([pair()], {}, params, seed=0).batch(3, 0, 0)
    assert batch.labels.flatten(1).any(1).tolist() == [False, True] * 3


def test_clean_crops_come_from_everywhere():
    params = dataclasses.replace(PLAIN, elsewhere=2)
    decoded = {"a": np.full((128, 128, 3), 17, np.uint8)}
    batch = Sampler([pair()], decoded, params, seed=0).batch(20, 0, 0)
    assert batch.labels.flatten(1).any(1).tolist() == [False, False, True, False, False] * 20
    clean = torch.cat([batch.pictures[3::5], batch.pictures[4::5]])
    assert {17, 100} == {min(int(crop.max()), 100) for crop in clean}
    assert any(int(crop.min()) < 95 for crop in clean if int(crop.max()) > 17)  # controls


def test_half_of_the_crops_from_anywhere_are_of_other_photos_each_folder_equally_often(tmp_path):
    groups = []
    for level, names in ((200, ["a"]), (220, ["b", "c", "d"])):
        groups.append([tmp_path / f"{name}.png" for name in names])
        for path in groups[-1]:
            Image.fromarray(np.full((80, 90, 3), level, np.uint8)).save(path)
    params = dataclasses.replace(PLAIN, elsewhere=1)
    batch = Sampler([pair()], {}, params, seed=0, clean=groups).batch(80, 0, 0)
    levels = [int(crop.min()) for crop in batch.pictures[3::4]]
    assert 10 < levels.count(200) < 30 and 10 < levels.count(220) < 30
    assert not batch.labels[3::4].any()


def test_decoded_photos_stand_in_for_the_photo():
    decoded = {"a": np.full((128, 128, 3), 17, np.uint8)}
    batch = Sampler([pair()], decoded, PLAIN, seed=0).batch(40, 0, 0)
    levels = [int(crop.max()) for crop in batch.pictures[0::3]]
    assert {17, 100} == set(levels)


def test_several_flaws_are_pasted_where_boxes_are_disjoint():
    here, there = pair(), pair("a-p1", box=(80, 80, 110, 110), tool=3)
    scene = compose([here, there])
    assert set(np.unique(scene.labels)) == {0, 1, 3}
    assert (scene.real == 100).all()
    overlapping = pair("a-p2", box=(50, 50, 90, 90), tool=2)
    params = CropParams(sizes=(64,), several=1.0, elsewhere=0)
    batch = Sampler([here, overlapping], {}, params, seed=0).batch(20, 0, 0)
    assert all(len(set(crop.unique().tolist()) - {0}) <= 1 for crop in batch.labels)


@pytest.mark.parametrize("seed", range(20))
def test_changes_keep_size_and_are_the_same_for_every_crop(seed):
    picture = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)
    changes = draw_changes(np.random.default_rng(seed), 1.0)
    once, again = picture, picture.copy()
    for change in changes:
        once, again = change(once), change(again)
    assert once.shape == picture.shape and once.dtype == np.uint8
    assert (once == again).all()
    assert draw_changes(np.random.default_rng(seed), 0.0) == []


def test_published_pairs_are_loaded_with_their_labels(published):
    pairs = load_pairs(published, ())
    assert [p.key for p in pairs] == sorted(p.key for p in pairs) and len(pairs) > 10
    for found in pairs:
        x0, y0, x1, y1 = found.box
        assert found.artifact.shape == (y1 - y0, x1 - x0, 3)
        picture, labels = found.picture("artifact"), found.full_labels()
        assert 0 < labels.max() <= len(TOOLS)
        outside = np.ones(labels.shape, bool)
        outside[y0:y1, x0:x1] = False
        assert (picture[outside] == found.real[outside]).all() and not labels[outside].any()


def test_batches_of_other_sizes_have_as_many_pixels():
    sampler = Sampler([pair()], {}, CropParams(sizes=(32, 64), elsewhere=0), seed=0)
    shapes = {tuple(sampler.batch(4, 0, step).labels.shape) for step in range(8)}
    assert shapes == {(3 * 4, 32, 32), (3 * 1, 64, 64)}


def test_a_crop_may_be_as_large_as_the_photo():
    params = CropParams(sizes=(64,), scales=(0.1, 0.2))
    for side in range(65, 128):  # rounding must not make the range of positions negative
        small = dataclasses.replace(
            pair(box=(0, 0, 20, 20)), real=np.zeros((side, side, 3), np.uint8)
        )
        assert Sampler([small], {}, params, seed=0).batch(1, 0, 0).pictures.shape == (4, 3, 64, 64)
