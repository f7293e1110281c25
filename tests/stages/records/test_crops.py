import numpy as np
import pytest

from stages.records.crops import paste_mask, paste_picture
from stages.records.documents import Outcome
from stages.records.images import write_png

PHOTO = np.random.default_rng(0).integers(0, 200, (64, 80, 3), dtype=np.uint8)


def outcome(box=(20, 8, 52, 24)):
    return Outcome(
        variant="v3", tool="add", box=box, target_box=(20, 8, 40, 20), mask_pixels=1,
        edit_pixels=1, reconstruction_psnr=30.0, evaluations=1.0, together=1,
    )  # fmt: skip


@pytest.fixture
def members():
    mask = np.zeros((16, 32), bool)
    mask[2:4, 5:9] = True
    return {
        "inject/v3.artifact.png": write_png(np.full((16, 32, 3), 250, np.uint8)),
        "inject/v3.mask.png": write_png(mask),
    }


def test_a_picture_replaces_the_photo_inside_its_box_only(members):
    found = paste_picture(PHOTO, outcome(), members, "artifact")
    assert (found[8:24, 20:52] == 250).all()
    outside = np.ones(PHOTO.shape[:2], bool)
    outside[8:24, 20:52] = False
    assert np.array_equal(found[outside], PHOTO[outside]) and (PHOTO < 200).all()


def test_a_mask_is_pasted_into_its_box(members):
    found = paste_mask((64, 80), outcome(), members, "mask")
    assert found.shape == (64, 80) and found.sum() == 8 and found[10:12, 25:29].all()


def test_a_missing_member_is_named(members):
    with pytest.raises(KeyError, match=r"inject/v3\.control\.png"):
        paste_picture(PHOTO, outcome(), members, "control")


def test_a_crop_of_another_size_than_its_box_is_refused(members):
    with pytest.raises(ValueError, match=r"expected \(30, 16\)"):
        paste_picture(PHOTO, outcome((20, 8, 50, 24)), members, "artifact")


def test_a_box_outside_the_photo_is_refused(members):
    with pytest.raises(ValueError, match="does not fit box"):
        paste_mask((64, 80), outcome((60, 8, 92, 24)), members, "mask")
