import cv2
import numpy as np
import pytest

from stages.models.perceiver.things.saliency import SIDE, Saliency, stretch, to_blob
from stages.models.weights import packages

needs_weights = pytest.mark.skipif(
    not packages.is_available(packages.catalogue()["u2net"]),
    reason="weights are not fetched: run `flawfactory models fetch`",
)


def test_values_are_divided_by_the_maximum_before_normalisation():
    image = np.full((60, 90, 3), 128, np.uint8)
    out = to_blob(image)
    assert out.shape == (1, 3, SIDE, SIDE) and out.dtype == np.float32
    expected = (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    assert np.allclose(out[0].mean((1, 2)), expected, atol=1e-5)
    assert np.isfinite(to_blob(np.zeros((60, 90, 3), np.uint8))).all()


def test_stretch_maps_to_zero_to_one_or_to_zero():
    out = stretch(np.array([[0.2, 0.4], [0.3, 0.2]], np.float32))
    assert out.min() == 0 and out.max() == 1
    assert not stretch(np.full((3, 3), 0.7, np.float32)).any()


def test_missing_weights_name_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "FOLDER", tmp_path)
    with pytest.raises(packages.WeightsError, match="flawfactory models fetch"):
        Saliency()


@needs_weights
def test_a_cat_is_salient_with_the_same_bits_for_any_number_of_threads(sample_photo):
    photo, threads = sample_photo("plasma/Cat.png"), cv2.getNumThreads()
    network, maps = Saliency(), []
    try:
        for count in (1, 2):
            cv2.setNumThreads(count)
            maps.append(network(photo))
    finally:
        cv2.setNumThreads(threads)
    # OpenCV splits over output elements, so the number of threads does not change any sum.
    assert maps[0].tobytes() == maps[1].tobytes()
    # the cat lies across the middle, above it is a pale wall
    assert maps[0][150:170, 100:220].mean() > 0.95 and maps[0][:40].mean() < 0.05
