import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from benchmarks import distortions, small_crops
from benchmarks.small_crops import Crops, Row
from stages.filter.bounds import Distances


def make_crops(height, width, seed=0):
    real, artifact = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), np.uint8)
    return Crops("p", real, real, artifact, (real != artifact).any(2))


@pytest.mark.parametrize("distortion", distortions.DISTORTIONS, ids=lambda d: d.__name__)
def test_a_distortion_changes_a_crop_of_any_size(distortion):
    for shape in ((49, 120), (96, 50)):
        crops = make_crops(*shape)
        changed = distortion(crops.real, np.random.default_rng(1))
        assert changed.shape == crops.real.shape and changed.dtype == np.uint8
        assert (changed != crops.real).any()


def test_halving_averages_blocks():
    crops = make_crops(48, 64)
    half = crops.halve()
    assert half.real.shape == (24, 32, 3) and half.mask.shape == (24, 32)
    blocks = crops.real.reshape(24, 2, 32, 2, 3).mean((1, 3))
    assert abs(half.real - blocks).max() <= 1
    assert half.side == 24


@pytest.mark.parametrize(
    ("side", "scaled"), [(47, None), (48, 48), (99, 98), (127, 126), (128, 64), (300, 100)]
)
def test_flaws_are_scaled_to_twice_a_small_crop(side, scaled):
    found = small_crops.scale_to_reference(make_crops(side, side + 40))
    assert (found and found.side) == scaled
    assert found is None or all(n % 2 == 0 for n in found.mask.shape)


class Mean:
    """Mean absolute difference as a metric."""

    def distance(self, a, b):
        return float(np.abs(a.astype(float) - b).mean() / 255)

    def spatial(self, a, b):
        return np.abs(a.astype(np.float32) - b).mean(2) / 255


def test_a_flaw_is_measured_at_both_sizes():
    crops = make_crops(60, 80)
    row = small_crops.measure(crops, dict.fromkeys(small_crops.WAYS, Mean()))
    assert row.side == 30 and row.found.keys() == set(small_crops.WAYS)
    assert row.reference.lpips_real == pytest.approx(Mean().distance(crops.real, crops.artifact))
    assert row.found["pad"].lpips_real < row.reference.lpips_real  # averaging evens noise out


def test_a_table_gives_errors_and_equal_verdicts():
    reference, other = Distances(0.3, 0.3, 0.3), Distances(0.6, 0.3, 0.2)
    found = dict.fromkeys(small_crops.WAYS, reference) | {"plain": other}
    rows = [Row(photo, 30, reference, found) for photo in ("a", "a", "b")]
    good, bad = (small_crops.format_way(rows, way) for way in ("pad", "plain"))
    assert good == ("pad", "0.000 (0.000 to 0.000)", "+0.000", "0.000 (0.000 to 0.000)",
                    "100% (100% to 100%)")  # fmt: skip
    assert bad[1:3] == ("0.300 (0.300 to 0.300)", "+0.300") and bad[4].startswith("0%")
    assert small_crops.make_table({"build": rows}).row_count == 2 * len(small_crops.WAYS)


def test_photos_are_resampled_and_not_their_crops():
    rows = [Row(photo, 30, Distances(0, 0, 0), {}) for photo in ["a"] * 9 + ["b"]]
    low, high = small_crops.resample(rows, np.array([1.0] * 9 + [0.0]))
    assert (low, high) == (0, 1)


def test_every_distortion_is_applied_to_each_photo(tmp_path):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (140, 150, 3), np.uint8))
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=True)
    with tarfile.open(tmp_path / "train-0.tar", "w") as shard:
        for name in ("a.webp", "b.webp", "c.webp"):
            member = tarfile.TarInfo(name)
            member.size = len(file.getvalue())
            shard.addfile(member, io.BytesIO(file.getvalue()))
    found = list(small_crops.distort_photos(tmp_path, 2))
    assert len(found) == 2 * len(distortions.DISTORTIONS)
    assert {crops.photo for crops in found} == {"a", "b"}
    assert all(48 <= crops.side < 128 and crops.mask.any() for crops in found)


def test_a_missing_folder_is_an_error_that_names_the_options(tmp_path):
    with pytest.raises(FileNotFoundError, match="see --build and --source"):
        list(small_crops.read_build(tmp_path))
