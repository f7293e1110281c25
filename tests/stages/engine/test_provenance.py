import importlib
import sys

import pytest
from toy.double.stage import DoubleParams, DoubleStage

from stages.engine import provenance
from stages.engine.execution import devices
from stages.engine.provenance import code_digest, code_files, stage_digest, unit_key
from stages.engine.stage import BaseParams, StageParams

STAGE = """
from stages.engine.stage import Stage, StageParams
from house import lamp
class RoomStage(Stage):
    name, reads, params_model = "room", {}, StageParams
    def plugins(self): return ("house.tools.saw",)
    def process(self, sample): raise NotImplementedError
    def rows(self, document): return []
    def columns(self): return {}
"""
FILES = {
    "__init__.py": "",
    "lamp.py": "LIGHT = 1\n",
    "cellar.py": "DARK = 1\n",
    "tools/__init__.py": "",
    "tools/saw.py": "TEETH = 9\n",
    "tools/axe.py": "EDGE = 1\n",
    "tools/teeth.toml": "a = 1\n",
    "room/__init__.py": "",
    "room/stage.py": STAGE,
    "room/prompt.txt": "Look closely.\n",
    "room/gate.json": "{}",
}


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A package of its own with one stage; edits do not reach the toy stages."""
    for name, text in FILES.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path / "house"
    for name in [n for n in sys.modules if n.split(".")[0] == "house"]:
        del sys.modules[name]


@pytest.fixture
def room(house):
    module = importlib.import_module("house.room.stage")
    return module.RoomStage(StageParams(), BaseParams())


CODE = ["room/stage.py", "room/prompt.txt", "lamp.py", "tools/saw.py", "tools/teeth.toml"]


def test_the_code_is_the_closure_of_the_stage_and_its_plugins(house, room):
    assert set(code_files(room)) == {f"house/{name}" for name in CODE}


@pytest.mark.parametrize("name", [*CODE, "tools/new.json"])
def test_code_that_shapes_results_enters_the_digest(house, room, name):
    before = code_digest(room)
    with (house / name).open("a") as file:
        file.write("# edited\n")
    assert code_digest(room) != before


@pytest.mark.parametrize("name", ["room/gate.json", "cellar.py", "tools/axe.py"])
def test_the_rest_does_not(house, room, name):
    before = code_digest(room)
    with (house / name).open("a") as file:
        file.write("# edited\n")
    assert code_digest(room) == before


def test_a_renamed_file_is_other_code(house, room):
    before = code_digest(room)
    (house / "room/prompt.txt").rename(house / "room/question.txt")
    assert code_digest(room) != before


def digest(base=None, **params):
    return stage_digest(DoubleStage(DoubleParams.model_validate(params), base or BaseParams()))


def test_params_seed_and_profile_are_in_the_key():
    digests = {
        digest(),
        digest(variants=3),
        digest(base=BaseParams(seed=1)),
        digest(base=BaseParams(profile="flux")),
    }
    assert len(digests) == 4


def test_thresholds_and_shard_size_are_not():
    assert digest(gate={"max_length": 3}) == digest()
    assert digest(base=BaseParams(photos_per_shard=7)) == digest()


def test_model_revisions_are_in_the_key(monkeypatch):
    before = digest()
    monkeypatch.setattr(DoubleStage, "revisions", lambda self: {"flow": "sha256:1"})
    assert digest() != before


def test_numerics_are_in_the_key(monkeypatch):
    before = digest()
    found = provenance.numerics()
    assert found["torch"] != "absent" and found["cpu"]
    monkeypatch.setattr(provenance, "numerics", lambda: found | {"torch": "9.9"})
    assert digest() != before


def test_class_of_gpu_and_cuda_are_in_the_key_where_the_stage_computes_there(monkeypatch):
    h100, a100, newer = (
        {"gpu": f"{name} ({capability})", "cuda": cuda}
        for name, capability, cuda in (
            ("H100", "9.0", "12.8"), ("A100", "8.0", "12.8"), ("H100", "9.0", "13.0"),
        )
    )  # fmt: skip
    on_cpu, keys = digest(), set()
    for found in (h100, a100, newer):
        monkeypatch.setattr(devices, "fingerprint", lambda found=found: found)
        assert digest() == on_cpu
        with monkeypatch.context() as patch:
            patch.setattr(DoubleStage, "devices", lambda self: frozenset({"cuda"}))
            keys.add(digest())
    assert len(keys) == 3 and on_cpu not in keys


def test_the_engines_format_is_in_the_key(monkeypatch):
    before = digest()
    monkeypatch.setattr(provenance, "FORMAT_VERSION", provenance.FORMAT_VERSION + 1)
    assert digest() != before


def test_unit_keys_differ_by_stage_and_inputs():
    inputs = {"key": "k", "members": {"map": {"json": "1"}}}
    keys = {
        unit_key("s", inputs),
        unit_key("t", inputs),
        unit_key("s", {"key": "k", "members": {"map": {"json": "2"}}}),
    }
    assert len(keys) == 3
    assert unit_key("s", dict(reversed(inputs.items()))) in keys
