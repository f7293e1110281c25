import numpy as np
import pytest

from stages.models.perceiver.people.looks import GREY, classify_head
from stages.models.perceiver.people.person import Person


def test_a_body_without_a_face_is_classified_whole_on_grey():
    image = np.zeros((100, 120, 3), np.uint8)
    image[20:80, 30:50] = 200
    mask = np.zeros((100, 120), bool)
    mask[20:80, 30:50] = mask[20:30, 50:60] = True
    seen = []

    def probabilities(crop):
        seen.append(crop)
        return np.eye(1000)[281]

    attributes = classify_head(Person(0.9, None, None, mask), image, probabilities)
    assert attributes.animal == pytest.approx(1) and attributes.glasses == 0
    (crop,) = seen
    assert crop.shape == (60, 30, 3)
    assert (crop[:, :20] == 200).all() and (crop[10:, 20:] == GREY).all()
    assert (crop[:10, 20:] == 0).all()
