import pytest
from pydantic import ValidationError

from stages.map.params import MapParams


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"weights": {"add": -1.0}}, "weights"),
        ({"weights": {"add": 0.0}}, "weights"),
        ({"weights": {"melt": 1.0}}, "melt"),
        ({"kernels": {"distort": ["twirl"]}}, "jitter, strip"),
        ({"kernels": {"distort": []}}, "jitter, strip"),
        ({"fuse": {"near": 5}}, "must not be above `far`, 4"),
        ({"add": {"ring": 2}}, "ring"),
        ({"variants": 0}, "variants"),
    ],
)
def test_wrong_values_are_errors_that_name_them(section, message):
    with pytest.raises(ValidationError, match=message):
        MapParams.model_validate(section)
