import numpy as np

from benchmarks.quality.seams import features
from stages.models.judge.features import seams


def test_features_are_finite_on_a_flat_picture():
    (strip,) = seams.cut_strips(np.full((96, 96, 3), 7, np.uint8), [seams.Border(2, 2, True)])
    assert np.isfinite(features(strip)).all()
