"""A small published data set with all splits: three pairs a photo, some with two flaws."""

from pathlib import Path

import pytest
from published_set import write_set

from stages.package.split import Ratios

RATIOS = Ratios(train=0.4, validation=0.3, test=0.3)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("published") / "package", ratios=RATIOS)
