"""Take one photo from ingest to explain with a vision-language model as judge and explainer: the
flux profile's back ends with the test suite's server, the compact profile's for all other roles."""

import re
from collections import Counter
from pathlib import Path

import pytest
from chat_server import ChatServer

from flows.trial import run_trial
from stages.catalogue import parse_params
from stages.models.registry import profiles
from stages.models.weights import catalogue

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(catalogue.is_available, catalogue.find_needed("compact"))),
        reason="weights are not fetched: run `flawfactory models fetch`",
    ),
]
PHOTO = Path(__file__).parents[2] / "samples/photos/scikit-image/astronaut.png"
ASKING = ("chat", "judge", "explainer")


@pytest.fixture
def server():
    with ChatServer() as running:
        yield running


@pytest.fixture
def params(server, monkeypatch, tmp_path):
    known = profiles.read_profiles()
    mixed = {**known["compact"], **{role: known["flux"][role] for role in ASKING}}
    monkeypatch.setattr(profiles, "read_profiles", lambda: {"mixed": mixed})
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    models = {"chat": {"base_url": server.url}}
    return parse_params(
        {
            "base": {"profile": "mixed", "models": models},
            "perceive": {"max_windows": 2, "window": 192},
            "map": {"variants": 4, "weights": {"add": 1, "remove": 1}, "max_per_part": 1,
                    "max_per_tool": 4, "flaws_per_picture": 2, "min_gap": 0},
            "inject": {"margin": 0, "feather": 0},
            "invert": {"steps": 1},
            "filter": {"lpips": {"low": 0, "high": 2, "control": 0, "mask": 0}},
        }
    )  # fmt: skip


def test_the_model_judges_and_explains_a_photo(params, server):
    trial = run_trial(PHOTO, params, lambda stage: None)
    verdicts = trial.outputs["filter"].document.verdicts
    assert verdicts and {v.judge for v in verdicts} == {"vlm"}
    texts = trial.outputs["explain"].document
    assert [e.variant for e in texts.explanations] == [v.variant for v in verdicts]
    assert texts.author == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert set(texts.prompts) == {"flaw", "clean"}
    pictures = [text for text in texts.pictures if len(text.variants) > 1]
    assert pictures and all(re.match(r"picture \d+ ", text.prompt) for text in pictures)
    asked = Counter(seen.name for seen in server.requests)
    each = {"clean": 1, "flaw": len(verdicts), "verdict": len(verdicts)}
    assert asked == {**each, "picture": len(pictures)}
