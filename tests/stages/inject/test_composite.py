import numpy as np
import pytest

from stages.inject.composite import blend, composite, gather_residual, residual_weight, visible_mask
from stages.inject.params import MaskParams
from stages.records.documents import Window

SHAPE = (100, 140)


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)


def window(box=(20, 10, 100, 74), size=(80, 64)):
    return Window(id="w0", box=box, size=size, parts=[])


def active(*tokens, grid=(4, 5)):
    mask = np.zeros(grid, dtype=bool)
    for token in tokens:
        mask[token] = True
    return mask


def test_weight_is_full_on_active_tokens_and_falls_within_the_feather():
    weights = blend(active((1, 2)), window(), SHAPE, 8).alpha
    assert (weights[26:42, 52:68] == 1).all()
    row = weights[30, 68:80]
    assert (np.diff(row[:8]) < 0).all() and row[0] > 0.9 and row[7] > 0 and (row[8:] == 0).all()


def test_the_feather_is_measured_in_model_pixels():
    half = blend(active((1, 2)), window(box=(20, 10, 60, 42)), SHAPE, 8)
    assert (half.edit[20, 44:60] == [True] * 4 + [False] * 12).all()


def test_inner_window_borders_end_softly_and_photo_borders_do_not():
    inner = blend(active((0, 0)), window(), SHAPE, 8).alpha
    assert inner[10, 25] < 0.05 and inner[25, 20] < 0.05
    assert not inner[:10].any() and not inner[:, :20].any()
    edge = blend(active((0, 0)), window(box=(0, 0, 80, 64)), SHAPE, 8).alpha
    assert (edge[:16, :16] == 1).all()


@pytest.mark.parametrize("size", [(80, 64), (160, 128), (48, 48)])
def test_pixels_outside_the_edit_keep_the_photos_values(photo, size):
    place = window(size=size)
    weights = blend(active((1, 2), (2, 2), grid=place.grid), place, SHAPE, 6)
    decoded = np.full((size[1], size[0], 3), 300.0, dtype=np.float32)
    out = composite(photo, decoded, place.box, weights)
    assert weights.edit.any() and not weights.edit.all()
    assert np.array_equal(out[~weights.edit], photo[~weights.edit])
    assert (out[weights.alpha == 1] == 255).all()
    assert out.dtype == np.uint8


def test_the_residual_moves_with_the_mapping(photo):
    lost = photo[:64, :80].astype(np.float32)
    index = np.arange(20)
    assert np.array_equal(gather_residual(lost, index, (4, 5)), lost)
    index[[6, 7]] = [13, 14]
    moved = gather_residual(lost, index, (4, 5))
    assert np.array_equal(moved[16:32, 16:48], lost[32:48, 48:80])
    assert np.array_equal(moved[:16], lost[:16])


def test_the_residual_fades_where_the_mapping_tears():
    index = np.arange(20)
    assert (residual_weight(index, (4, 5)) == 1).all()
    index[[6, 7]] = [13, 14]
    kept = residual_weight(index, (4, 5))
    assert (kept[23:25, 30:34] == 1).all(), "6 and 7 move as one piece"
    assert not kept[15:17, 16:48].any() and not kept[16:32, 47:49].any()
    assert (kept[22:26, 26:38] == 1).all() and (kept[40:] == 1).all()
    assert 0 < kept[19, 32] < 1


class TestVisible:
    edit = np.ones((60, 60), dtype=bool)
    grey = np.full((60, 60, 3), 128, dtype=np.uint8)

    def test_equal_pictures_have_no_mask(self):
        assert not visible_mask(self.grey, self.grey, self.edit, MaskParams()).any()

    def test_a_changed_square_is_found_within_a_pixel_or_two(self):
        flawed = self.grey.copy()
        flawed[20:40, 20:40] = 200
        mask = visible_mask(flawed, self.grey, self.edit, MaskParams())
        assert mask[21:39, 21:39].all()
        assert not mask[:16].any() and not mask[44:].any()

    def test_the_mask_stays_inside_the_edit(self):
        flawed = self.grey.copy()
        flawed[20:40, 20:40] = 200
        edit = np.zeros((60, 60), dtype=bool)
        edit[20:40, 20:30] = True
        mask = visible_mask(flawed, self.grey, edit, MaskParams())
        assert mask.any() and not mask[~edit].any()

    def test_holes_in_a_flaw_belong_to_it(self):
        flawed = self.grey.copy()
        flawed[10:50, 10:50] = 200
        flawed[22:38, 22:38] = 128
        mask = visible_mask(flawed, self.grey, self.edit, MaskParams())
        assert mask[12:48, 12:48].all()

    def test_specks_and_faint_changes_do_not_count(self):
        flawed = self.grey.copy()
        flawed[10:13, 10:13] = 255
        flawed[30:50, 30:50] += 4
        assert not visible_mask(flawed, self.grey, self.edit, MaskParams()).any()

    def test_noise_does_not_count(self):
        noise = np.random.default_rng(0).normal(0, 8, self.grey.shape)
        flawed = np.clip(self.grey + noise, 0, 255).astype(np.uint8)
        assert not visible_mask(flawed, self.grey, self.edit, MaskParams()).any()
