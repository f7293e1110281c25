import numpy as np
import pytest

from stages.models.weights import packages

pytestmark = pytest.mark.skipif(
    not packages.is_available(packages.catalogue()["efficientnet-lite0"]),
    reason="weights are not fetched: run `flawfactory models fetch`",
)


@pytest.fixture(scope="module")
def classifier():
    from stages.models.perceiver.things.classifier import ImageNetClassifier

    return ImageNetClassifier()


@pytest.fixture(scope="module")
def features():
    from stages.models.judge.features.texture import TokenFeatures

    return TokenFeatures()


@pytest.mark.parametrize(
    ("name", "expected"), [("chelsea.png", "Egyptian cat"), ("coffee.png", "espresso")]
)
def test_photos_are_classified(classifier, name, expected, sample_photo):
    photo = sample_photo(f"scikit-image/{name}")
    (index, found, score), *others = classifier.classify(photo, top=3)
    assert (found, classifier.names[index]) == (expected, expected)
    assert score > 0.3 and len(others) == 2 and score >= others[0][2] >= others[1][2]


def test_probabilities_sum_to_one(classifier, sample_photo):
    found = classifier.probabilities(sample_photo("scikit-image/rocket.jpg"))
    assert found.shape == (1000,) and found.sum() == pytest.approx(1)


def test_each_token_has_features(features, sample_photo):
    window = sample_photo("scikit-image/chelsea.png")[:128, :192]
    found = features.tokens(window)
    assert found.shape == (8, 12, 48) and found.dtype == np.float32


def test_features_are_local(features, sample_photo):
    """A change in one corner does not affect the opposite one."""
    window = sample_photo("scikit-image/chelsea.png")[:128, :192]
    changed = window.copy()
    changed[:32, :32] = 255 - changed[:32, :32]
    before, after = features.tokens(window), features.tokens(changed)
    assert np.abs(before - after)[:2, :2].mean() > 0.5
    np.testing.assert_allclose(before[4:, 6:], after[4:, 6:], atol=1e-4)


def test_a_size_off_the_grid_is_an_error(features):
    with pytest.raises(ValueError, match="multiples of 16"):
        features.tokens(np.zeros((128, 100, 3), np.uint8))
