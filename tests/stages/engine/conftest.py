"""Workspaces of the toy stages."""

import pytest
from toy.factory import ToyFactory


@pytest.fixture
def factory(tmp_path):
    """An empty workspace that computes in this process."""
    return ToyFactory(tmp_path / "workspace")


@pytest.fixture
def processes(tmp_path):
    """An empty workspace with two worker processes."""
    return ToyFactory(tmp_path / "processes", "processes", 2)
