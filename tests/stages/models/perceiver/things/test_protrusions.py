import cv2
import numpy as np
import pytest

from stages.models.perceiver.things.protrusions import find_protrusions, name_limbs

NO_RIM = np.zeros((200, 200), bool)


def animal(ears=True, legs=2, drop=0):
    """Draw a round body with pointed ears above and legs below, `drop` pixels lower."""
    canvas = np.zeros((200, 200), np.uint8)
    cv2.ellipse(canvas, (100, 100 + drop), (60, 40), 0, 0, 360, 1, -1)
    for x in (60, 130)[: 2 * ears]:
        cv2.fillPoly(canvas, [np.array([[x - 4, 72], [x + 12, 20], [x + 28, 72]])], 1)
    for x in (65, 120)[:legs]:
        canvas[130 + drop : 190 + drop, x : x + 14] = 1
    return canvas.astype(bool)


def test_ears_and_legs_of_a_cat():
    limbs = find_protrusions(animal(), NO_RIM)
    assert sorted(name_limbs(limbs, "cat")) == ["ear", "ear", "leg", "leg"]
    by_name = dict(zip(name_limbs(limbs, "cat"), limbs, strict=True))
    assert by_name["leg"].angle < 10 and by_name["leg"].tip > 0.95
    assert by_name["ear"].angle > 150 and by_name["ear"].tip < 0.1


def test_limbs_are_disjoint_pieces_of_the_thing_largest_first():
    mask = animal()
    limbs = find_protrusions(mask, NO_RIM)
    total = np.sum([limb.mask for limb in limbs], axis=0)
    assert total.max() == 1 and not (total.astype(bool) & ~mask).any()
    shares = [limb.share for limb in limbs]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("mask", "group", "expected"),
    [
        (animal(legs=1), "cat", {"ear", ""}),
        (animal(), "elephant", {"leg", ""}),
        (animal(), "bird", {""}),
    ],
    ids=["one leg may be a tail", "no pointed ears", "wings and beaks"],
)
def test_limbs_that_do_not_fit_the_rules_are_not_named(mask, group, expected):
    assert set(name_limbs(find_protrusions(mask, NO_RIM), group)) == expected


def test_limbs_that_the_photo_cuts_off_are_not_named():
    rim = NO_RIM.copy()
    rim[-2:] = True
    limbs = find_protrusions(animal(ears=False, drop=20), rim)
    assert not set(name_limbs(limbs, "dog")) - {""}


def test_a_disc_has_no_limbs():
    disc = cv2.circle(np.zeros((200, 200), np.uint8), (100, 100), 60, 1, -1) > 0
    assert not find_protrusions(disc, NO_RIM)
