"""A small published data set: three pairs a photo, some with two flaws."""

from pathlib import Path

import pytest
from published_set import write_set


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("published") / "package")
