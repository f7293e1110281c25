import math

import cv2
import numpy as np
import pytest

from stages.models.judge.features.measures import borders, measure, shape, texture
from stages.models.judge.features.patches import copy_patches
from stages.models.protocols import Case
from stages.records.documents import Variant, Window
from stages.records.source_index import source_index

TARGETS, REFERENCES = [27, 28, 35, 36], [0, 1, 8, 9]
GRID = (8, 8)


def variant(**changes):
    facts = dict(  # noqa: C408
        id="v0", window="w0", tool="add", kernel="ring", entity="e0", entity_name="n", part="p",
        part_name="p", part_kind="p", positional=False, seed=0, targets=TARGETS,
        references=REFERENCES,
    )  # fmt: skip
    return Variant(**{**facts, **changes})


def case(control, artifact, mask=None, **changes):
    if mask is None:
        mask = (control != artifact).any(2)
    window = Window(id="w0", box=(0, 0, 128, 128), size=(128, 128), parts=[])
    return Case(control, control, artifact, mask, window, control, artifact, variant(**changes))


INDEX = source_index(variant(), GRID)


def test_a_smear_is_less_sharp_and_a_copy_is_as_sharp(photo):
    pasted = copy_patches(photo, TARGETS, REFERENCES)
    copy, smear = (
        texture(photo, image, INDEX) for image in (pasted, cv2.GaussianBlur(pasted, (0, 0), 6))
    )
    assert copy["sharpness"] == pytest.approx(0, abs=1e-5)
    assert smear["sharpness"] < -0.5 and smear["texture_now"] < copy["texture_now"]
    assert copy["texture"] == smear["texture"]  # of the control


def test_texture_is_that_of_the_window_if_nothing_moved(photo):
    found = texture(photo, photo, np.arange(64))
    assert found["sharpness"] == 0
    assert found["texture_was"] == found["texture_now"] == found["texture"]


def test_a_paste_is_visible_at_its_borders_and_the_control_is_not(photo):
    pasted = borders(photo, copy_patches(photo, TARGETS, REFERENCES), INDEX, GRID)
    same = borders(photo, photo, INDEX, GRID)
    assert same["seam"] == same["grid"] == 0
    assert pasted["seam"] > 0.3 and pasted["seam_seen"] > same["seam_seen"]


def test_repeated_patches_raise_the_grid_measure(photo):
    repeated, index = copy_patches(photo, TARGETS, [0, 0, 0, 0]), variant(references=[0] * 4)
    assert borders(photo, repeated, source_index(index, GRID), GRID)["grid"] > 0.1


def test_shape_is_that_of_the_mask(photo):
    other = photo.copy()
    other[16:48, 32:48] = 255 - other[16:48, 32:48]
    found = shape(case(photo, other))
    assert found["size"] == pytest.approx(math.log(2.5), abs=0.05)
    assert found["solid"] == pytest.approx(1, abs=0.02) and found["zoom"] == 0
    assert found["colour"] > 5
    none = shape(case(photo, photo))
    assert none["colour"] == 0 and none["solid"] == 0 and none["size"] == math.log(0.5)


def test_zoom_is_photo_pixels_per_model_pixel(photo):
    large = np.kron(photo, np.ones((2, 2, 1), np.uint8))
    window = Window(id="w0", box=(0, 0, 256, 256), size=(128, 128), parts=[])
    mask = np.zeros((256, 256), bool)
    mask[:32, :32] = True
    seen = Case(large, large, large, mask, window, photo, photo, variant())
    assert shape(seen)["zoom"] == pytest.approx(math.log(2))
    assert shape(seen)["size"] == pytest.approx(math.log(1.5))


def test_all_measures_are_finite_on_a_flat_image():
    flat = np.full((128, 128, 3), 90, np.uint8)
    layers = [np.zeros((8, 8, 4), np.float32)]
    found = measure(case(flat, flat, positional=True), layers, layers)
    assert all(math.isfinite(value) for value in found.values())
    assert (found["positional"], found["facial"]) == (1.0, 0.0)
    assert measure(case(flat, flat, part_kind="eye"), layers, layers)["facial"] == 1.0
