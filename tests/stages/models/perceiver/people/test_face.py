import pytest

from stages.models.perceiver.people.face import FaceModel, mesh_roi
from stages.models.perceiver.people.geometry import Roi
from stages.models.weights import packages

pytestmark = pytest.mark.skipif(
    not packages.is_available(packages.catalogue()["mediapipe"]), reason="weights are not fetched"
)


@pytest.fixture(scope="module")
def model():
    return FaceModel(packages.read("mediapipe", "face_landmark.tflite"))


def test_a_face_has_little_spread_when_the_crop_is_rotated(model, sample_photo):
    image = sample_photo("scikit-image/astronaut.png")
    face = model.predict_twice(image, model(image, Roi(222, 115, 170)))
    assert face.score > 0.9 and face.spread < 0.04
    roi = mesh_roi(face.points)
    local = roi.to_crop(face.points)
    assert (local > 0).all() and (local < 1).all()


def test_an_animal_has_a_large_spread_or_a_low_score(model, sample_photo):
    image = sample_photo("plasma/Cat.png")
    side = float(min(image.shape[:2]))
    face = model.predict_twice(image, model(image, Roi(side / 2, side / 2, side)))
    assert face.score < 0.8 or face.spread > 0.06
