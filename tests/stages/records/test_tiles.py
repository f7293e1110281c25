import numpy as np

from stages.records.tiles import from_tiles, to_tiles


def test_tiles_are_in_row_order_and_join_to_the_same_picture():
    picture = np.random.default_rng(0).normal(size=(48, 64, 3)).astype(np.float32)
    tiles = to_tiles(picture)
    assert tiles.shape == (12, 16, 16, 3)
    assert np.array_equal(tiles[5], picture[16:32, 16:32])
    assert np.array_equal(from_tiles(tiles, (3, 4)), picture)
