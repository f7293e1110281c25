import numpy as np

from stages.models.things import KIND, places, positional


def test_positional_parts_cover_the_thing_without_overlap():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    mask = np.zeros((120, 160), bool)
    mask[20:100, 30:140] = True
    regions = positional(image, mask, 0.5, 5)
    assert 3 <= len(regions) <= 9
    total = np.sum([r.mask for r in regions], axis=0)
    assert total.max() == 1 and not (total.astype(bool) & ~mask).any()
    assert total.sum() >= 0.85 * mask.sum()
    assert len({r.name for r in regions}) == len(regions)
    assert all(r.positional and r.kind == KIND for r in regions)


def test_places_are_named_as_the_viewer_sees_them():
    pieces = []
    for x, y in ((0, 0), (60, 0), (0, 60), (60, 60)):
        piece = np.zeros((90, 90), bool)
        piece[y : y + 30, x : x + 30] = True
        pieces.append(piece)
    assert places(pieces, (0, 0, 90, 90)) == [
        "upper left part",
        "upper right part",
        "lower left part",
        "lower right part",
    ]
