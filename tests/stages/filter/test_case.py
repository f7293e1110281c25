import numpy as np
import pytest

from stages.filter import case
from stages.records.documents import Outcome, Variant, Window
from stages.records.images import write_png


@pytest.fixture
def parts():
    photo = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    window = Window(id="w0", box=(16, 0, 80, 64), size=(32, 32), parts=[])
    variant = Variant(
        id="v3", window="w0", tool="add", kernel="k", entity="e0", entity_name="n", part="p",
        part_name="p", part_kind="p", positional=False, seed=0, targets=[0], references=[1],
    )  # fmt: skip
    outcome = Outcome(
        variant="v3", tool="add", box=(20, 8, 52, 24), target_box=(20, 8, 40, 20), mask_pixels=1,
        edit_pixels=1, reconstruction_psnr=30.0, evaluations=1.0, together=1,
    )  # fmt: skip
    crop = np.zeros((16, 32, 3), np.uint8)
    mask = np.zeros((16, 32), bool)
    mask[2:4, 5:9] = True
    members = {
        "inject/v3.artifact.png": write_png(crop + 9),
        "inject/v3.control.png": write_png(crop + 7),
        "inject/v3.mask.png": write_png(mask),
    }
    return photo, window, variant, outcome, members


def test_crops_are_pasted_where_they_belong(parts):
    photo, window = parts[:2]
    found = case.read_case(*parts)
    assert (found.artifact[8:24, 20:52] == 9).all() and (found.control[8:24, 20:52] == 7).all()
    outside = np.ones(photo.shape[:2], bool)
    outside[8:24, 20:52] = False
    np.testing.assert_array_equal(found.artifact[outside], photo[outside])
    np.testing.assert_array_equal(found.real, photo)
    assert found.mask.sum() == 8 and found.mask[10:12, 25:29].all()
    assert found.window_artifact.shape == (window.size[1], window.size[0], 3)


def test_a_member_that_is_missing_is_named(parts):
    del parts[4]["inject/v3.mask.png"]
    with pytest.raises(KeyError, match=r"v3\.mask\.png"):
        case.read_case(*parts)


def test_a_member_of_another_size_is_refused(parts):
    parts[4]["inject/v3.control.png"] = write_png(np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(ValueError, match=r"expected \(32, 16\)"):
        case.read_case(*parts)
