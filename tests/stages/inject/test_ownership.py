import numpy as np
import pytest

from stages.inject.ownership import share_pixels
from stages.inject.params import InjectParams
from stages.records.documents import Window

SHAPE = (96, 160)
LEFT = Window(id="w0", box=(0, 0, 96, 96), size=(96, 96), parts=[])
RIGHT = Window(id="w1", box=(64, 0, 160, 96), size=(96, 96), parts=[])
WINDOWS = {"w0": LEFT, "w1": RIGHT}
FAITHFUL = InjectParams(mode="faithful")


def share(variants, params=FAITHFUL, windows=WINDOWS):
    return share_pixels(variants, windows, SHAPE, params)


def test_a_picture_of_one_flaw_owns_everything(variant):
    assert share([variant([0], [1]), variant([5], [1], id="v1")]) == {}


def test_pixels_belong_to_the_nearest_flaw(variant):
    a, b = variant([0], [9]), variant([5], [9], id="v1", picture="p0")
    owned = share([a, b])
    assert not (owned["v0"] & owned["v1"]).any()
    both = owned["v0"] | owned["v1"]
    # The ramp towards a border of the window that lies inside the photo ends at weight 0.
    assert both[:, :96].all() and not both[:, 96:].any()
    assert owned["v0"][:, :40].all() and owned["v1"][:, 56:96].all()


def test_only_a_rendering_that_covers_a_pixel_owns_it(variant):
    """Flaws in two windows: in the part that both cover, the nearest one owns."""
    a = variant([35], [0])  # the lower right token of the left window: pixels 80 to 96
    b = variant([5], [0], id="v1", picture="p0", window="w1")  # upper right of the photo
    owned = share([a, b])
    assert not (owned["v0"] & owned["v1"]).any()
    assert owned["v0"][:, :64].all()
    assert not owned["v0"][:, 96:].any() and owned["v1"][:, 96:].all()
    assert owned["v0"][80:, 64:96].all()


def test_in_sparse_mode_a_flaw_owns_what_it_may_change(variant):
    a, b = variant([0], [9]), variant([35], [9], id="v1", picture="p0")
    params = InjectParams(margin=1, feather=0)
    owned = share([a, b], params)
    # The active tokens and the pixel around them at which the ramp begins.
    assert np.array_equal(np.argwhere(owned["v0"]).max(axis=0), (32, 32))
    assert np.array_equal(np.argwhere(owned["v1"]).min(axis=0), (63, 63))


@pytest.mark.parametrize("change", [{"targets": [36]}, {"window": "w7"}])
def test_variants_that_cannot_be_rendered_own_nothing(variant, change):
    lost = variant([5], [9], id="v1", picture="p0").model_copy(update=change)
    assert share([variant([0], [9]), lost]) == {}
