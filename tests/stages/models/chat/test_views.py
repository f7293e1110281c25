import io

import numpy as np
import pytest
from PIL import Image

from stages.models.chat import views


def test_the_region_is_the_box_of_the_targets(dog_variant, dog_window):
    # tokens 12 and 13: row 2, columns 2 and 3 of a window at (40, 20)
    assert views.region(dog_variant(), dog_window, (120, 160)) == (72, 52, 104, 68)


@pytest.mark.parametrize(
    ("box", "shape", "expected"),
    [
        ((500, 400, 700, 500), (1000, 1000), (350, 250, 850, 650)),
        ((0, 0, 10, 10), (1000, 1000), (0, 0, 224, 224)),
        ((990, 500, 1000, 510), (1000, 1000), (776, 393, 1000, 617)),
        ((10, 10, 90, 90), (100, 120), (0, 0, 120, 100)),
    ],
)
def test_surroundings_stay_inside_the_photo(box, shape, expected):
    assert views.surroundings(box, shape) == expected


def test_mark_box_changes_neither_the_region_nor_the_photo(photo):
    before, box = photo.copy(), (40, 30, 80, 60)
    marked = views.mark_box(photo, box)
    assert (photo == before).all()
    assert (views.cut(marked, box) == views.cut(photo, box)).all()
    changed = np.argwhere((marked != photo).any(axis=2))
    assert changed.min(0).tolist() == [28, 38] and changed.max(0).tolist() == [61, 81]
    assert (marked[28:30, 45:75] == views.RED).all()


def test_a_box_at_the_edge_can_be_marked(photo):
    assert views.mark_box(photo, (0, 0, 160, 120)).shape == photo.shape


def test_images_are_scaled_down_but_not_up(photo):
    def size(side):
        return Image.open(io.BytesIO(views.png(photo, side))).size

    assert size(80) == (80, 60) and size(768) == (160, 120)
    assert (np.asarray(Image.open(io.BytesIO(views.png(photo)))) == photo).all()
