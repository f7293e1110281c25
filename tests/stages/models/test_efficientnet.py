from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.models import fetch

PHOTOS = Path(__file__).parents[3] / "samples" / "photos" / "scikit-image"
pytestmark = pytest.mark.skipif(
    not fetch.available(fetch.catalogue()["efficientnet-lite0"]),
    reason="weights are not fetched: run `flawfactory models fetch`",
)


def photo(name: str):
    with Image.open(PHOTOS / name) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def classifier():
    from stages.models.classifier import ImageNetClassifier

    return ImageNetClassifier()


@pytest.fixture(scope="module")
def features():
    from stages.models.features import TokenFeatures

    return TokenFeatures()


@pytest.mark.parametrize(
    ("name", "expected"), [("chelsea.png", "Egyptian cat"), ("coffee.png", "espresso")]
)
def test_photos_get_their_names(classifier, name, expected):
    (index, found, score), *others = classifier.classify(photo(name), top=3)
    assert (found, classifier.names[index]) == (expected, expected)
    assert score > 0.3 and len(others) == 2 and score >= others[0][2] >= others[1][2]


def test_probabilities_sum_to_one(classifier):
    found = classifier.probabilities(photo("rocket.jpg"))
    assert found.shape == (1000,) and found.sum() == pytest.approx(1)


def test_each_token_has_its_features(features):
    window = photo("chelsea.png")[:128, :192]
    found = features.tokens(window)
    assert found.shape == (8, 12, 48) and found.dtype == np.float32


def test_features_are_local(features):
    """A change in one corner is not seen in the opposite one."""
    window = photo("chelsea.png")[:128, :192]
    changed = window.copy()
    changed[:32, :32] = 255 - changed[:32, :32]
    before, after = features.tokens(window), features.tokens(changed)
    assert np.abs(before - after)[:2, :2].mean() > 0.5
    np.testing.assert_allclose(before[4:, 6:], after[4:, 6:], atol=1e-4)


def test_a_size_off_the_grid_is_an_error(features):
    with pytest.raises(ValueError, match="multiples of 16"):
        features.tokens(np.zeros((128, 100, 3), np.uint8))
