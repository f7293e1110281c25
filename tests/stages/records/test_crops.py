import numpy as np
import pytest

from stages.records.crops import compose_picture, paste_mask, paste_picture
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


def test_pictures_of_overlapping_boxes_are_joined_by_their_edits():
    members, outcomes = {}, []
    for number, (x0, grey, columns) in enumerate(
        [(20, 250, slice(0, 20)), (30, 240, slice(10, 32))]
    ):
        edit = np.zeros((16, 32), bool)
        edit[:, columns] = True
        crop = np.where(edit[..., None], np.uint8(grey), PHOTO[8:24, x0 : x0 + 32])
        members[f"inject/v{number}.artifact.png"] = write_png(crop)
        members[f"inject/v{number}.control.png"] = write_png(crop - np.uint8(20) * edit[..., None])
        members[f"inject/v{number}.edit.png"] = write_png(edit)
        outcomes.append(outcome((x0, 8, x0 + 32, 24)).model_copy(update={"variant": f"v{number}"}))
    for parts in (outcomes, outcomes[::-1]):
        names = {"v0": "artifact", "v1": "control"}
        found = compose_picture(PHOTO, [(o, names[o.variant]) for o in parts], members)
        assert (found[8:24, 20:40] == 250).all() and (found[8:24, 40:62] == 220).all()
        outside = np.ones(PHOTO.shape[:2], bool)
        outside[8:24, 20:62] = False
        assert np.array_equal(found[outside], PHOTO[outside])
