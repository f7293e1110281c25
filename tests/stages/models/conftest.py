"""Models of the test suite: tiny detectors, made once a run, and a chat model that is scripted."""

import json
from typing import ClassVar

import numpy as np
import pytest
from tiny_perception import save_tiny_dino, save_tiny_sam2, save_tiny_sam_hq, tiny_sam

from stages.models.chat.request import ChatAnswer
from stages.records.documents import Variant, Window


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
def sam_hq_folder(tmp_path_factory):
    return save_tiny_sam_hq(tmp_path_factory.mktemp("sam-hq"))


@pytest.fixture(scope="session")
def sam_model():
    return tiny_sam()


class Scripted:
    """A chat model that says what it is given, in order; dicts become JSON."""

    name = "scripted"
    identity: ClassVar[dict[str, str]] = {"name": "scripted"}

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []

    def complete(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, ChatAnswer):
            return answer
        return ChatAnswer(answer if isinstance(answer, str) else json.dumps(answer), "scripted-1")


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture
def photo():
    return np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.fixture
def dog_window():
    """Half of the photo at the model's size: 5 x 5 tokens of 16 px."""
    return Window(id="w0", box=(40, 20, 120, 100), size=(80, 80), parts=["e0.p0"])


@pytest.fixture
def dog_variant():
    """A flaw on the two tokens right of the middle of the window."""

    def make(tool="add", **more):
        facts = {"direction": "below"} if tool == "add" else {}
        values = {
            "id": "v0", "window": "w0", "tool": tool, "kernel": "ring", "entity": "e0",
            "entity_name": "dog", "part": "e0.p0", "part_name": "left ear", "part_kind": "ear",
            "positional": False, "seed": 1, "targets": [12, 13], "references": [10, 11],
            "facts": facts, **more,
        }  # fmt: skip
        return Variant(**values)

    return make
