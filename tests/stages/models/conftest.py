"""Tiny Grounding DINO, SAM and SAM 2, made once a run."""

import pytest
from tiny_perception import save_tiny_dino, save_tiny_sam2, tiny_sam


@pytest.fixture(scope="session")
def dino_folder(tmp_path_factory):
    return save_tiny_dino(tmp_path_factory.mktemp("dino"))


@pytest.fixture(scope="session")
def sam2_folder(tmp_path_factory):
    return save_tiny_sam2(tmp_path_factory.mktemp("sam2"))


@pytest.fixture(scope="session")
def sam2_video_folder(tmp_path_factory):
    return save_tiny_sam2(tmp_path_factory.mktemp("sam2-video"), video=True)


@pytest.fixture(scope="session")
def sam_model():
    return tiny_sam()
