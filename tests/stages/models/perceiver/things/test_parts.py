import numpy as np

from stages.models.perceiver.things.parts import (
    KIND,
    PLACES,
    assign_places,
    crop_box,
    cut_trunk,
    find_parts,
    principal_components,
)

FLAT = np.random.default_rng(1).normal(size=(8, 14, 14)).astype(np.float32)


def scene():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 40, (240, 320, 3), dtype=np.uint8)
    mask = np.zeros((240, 320), bool)
    mask[60:180, 70:250] = True
    return image, mask


def test_parts_cover_the_thing_without_overlap():
    image, mask = scene()
    regions = find_parts(image, mask, FLAT, 0.5, 5, "")
    assert 3 <= len(regions) <= 9
    total = np.sum([r.mask for r in regions], axis=0)
    assert total.max() == 1 and not (total.astype(bool) & ~mask).any()
    assert total.sum() >= 0.85 * mask.sum()
    assert len({r.name for r in regions}) == len(regions)
    assert all(r.positional and r.kind == KIND and r.name in PLACES for r in regions)


def test_an_animals_legs_are_named_and_allow_all_limb_tools():
    image, mask = scene()
    mask[180:230, 90:110] = mask[180:230, 200:220] = True
    regions = find_parts(image, mask, FLAT, 0.5, 5, "dog")
    legs = [r for r in regions if r.name == "leg"]
    assert len(legs) == 2 and all(leg.tools == ("add", "remove", "distort") for leg in legs)
    assert not any(leg.positional for leg in legs) and all(leg.mask[200].any() for leg in legs)
    things = find_parts(image, mask, FLAT, 0.5, 5, "")
    assert all(r.positional for r in things)


def test_trunk_pieces_follow_an_edge():
    trunk = np.zeros((100, 120), bool)
    trunk[20:80, 20:100] = True
    crop = np.full((100, 120, 3), 40, np.uint8)
    crop[:, 64:] = 220  # not in the middle of the trunk
    pieces = cut_trunk(crop, trunk, np.zeros((4, 14, 14), np.float32), 2)
    assert len(pieces) == 2
    bright = [float((crop[piece][:, 0] > 128).mean()) for piece in pieces]
    assert min(bright) < 0.02 and max(bright) > 0.9


def test_components_preserve_differences():
    features = np.zeros((5, 14, 14), np.float32)
    features[2, :, 7:] = 3
    out = principal_components(features)
    assert out.shape[:2] == (14, 14)
    assert abs(out[3, 3, 0] - out[3, 10, 0]) > 1 and np.allclose(out[3, 3], out[9, 3], atol=1e-5)


def test_the_crop_box_stays_inside_the_photo():
    mask = np.zeros((100, 200), bool)
    mask[0:50, 100:200] = True
    assert crop_box(mask) == (95, 0, 200, 55)


def test_places_are_named_from_the_viewers_view():
    pieces = []
    for x, y in ((0, 0), (60, 0), (0, 60), (60, 60)):
        piece = np.zeros((90, 90), bool)
        piece[y : y + 30, x : x + 30] = True
        pieces.append(piece)
    assert assign_places(pieces, (0, 0, 90, 90)) == [
        "upper left part",
        "upper right part",
        "lower left part",
        "lower right part",
    ]
