import pytest
from reviewed_build import ReviewedBuild


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Three photos with four flaws each; the judge rejects those of remove (v1)."""
    made = ReviewedBuild(tmp_path, monkeypatch)
    made.run("filter")
    return made
