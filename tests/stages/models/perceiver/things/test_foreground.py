import numpy as np
import pytest

from stages.models.perceiver.things.foreground import fill_holes, find_foreground


def saliency(*boxes, side=320):
    out = np.zeros((side, side), np.float32)
    for x0, y0, x1, y1 in boxes:
        out[y0:y1, x0:x1] = 1
    return out


def test_separate_pieces_are_separate_things_largest_first():
    found = find_foreground(saliency((20, 20, 80, 80), (160, 100, 300, 300)), (160, 240))
    (large, _), (small, _) = found
    assert large.shape == (160, 240) and large.sum() > small.sum()
    assert not (large & small).any()
    assert large[100, 170] and small[25, 37]


def test_the_score_is_the_saliency_inside_minus_outside():
    sharp = saliency((80, 80, 240, 240))
    ((_, clear),) = find_foreground(sharp, (320, 320))
    ((_, faint),) = find_foreground(0.3 + 0.4 * sharp, (320, 320))
    assert clear == pytest.approx(1, abs=0.02) and faint == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("map_", [saliency(), saliency((5, 5, 15, 15)), saliency((0, 0, 320, 320))])
def test_empty_tiny_and_full_maps_have_no_thing(map_):
    assert find_foreground(map_, (200, 200)) == []


def test_remainders_around_people_are_no_thing():
    map_ = saliency((40, 40, 200, 280), (240, 60, 310, 200))
    person = np.zeros((320, 320), bool)
    person[44:276, 44:196] = True  # four pixels of hair and clothes stay salient around it
    ((mask, _),) = find_foreground(map_, (320, 320), person)
    assert mask[100, 270] and not mask[:, :210].any()


def test_small_holes_are_filled_and_large_ones_stay():
    mask = np.zeros((100, 100), bool)
    mask[10:90, 10:90] = True
    mask[20:24, 20:24] = mask[40:80, 40:80] = False
    out = fill_holes(mask)
    assert out[22, 22] and not out[60, 60] and not out[0, 0]
