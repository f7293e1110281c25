"""Make a photo with its records, as the input of the package stage."""

import pytest
from package_samples import build


@pytest.fixture
def make_sample():
    return build
