import pytest
import yaml
from pydantic import Field

from stages import STAGES, catalogue
from stages.catalogue import build_stage, load_params, parse_params, section_models, stage_class
from stages.engine.stage import BaseParams, GateParams, Stage, StageParams
from stages.engine.workspace import FactoryError


class MapGate(GateParams):
    min_variants: int = 1


class MapParams(StageParams):
    variants: int = Field(default=4, ge=1)
    tools: dict[str, float] = {"add": 1.0}  # noqa: RUF012 - pydantic copies it
    gate: MapGate = MapGate()


@pytest.fixture
def two_sections(monkeypatch):
    """Replace the real sections by `base` and one stage's."""
    monkeypatch.setattr(catalogue, "section_models", lambda: {"base": BaseParams, "map": MapParams})


def complaint(values):
    with pytest.raises(FactoryError) as error:
        parse_params(values)
    return str(error.value)


@pytest.mark.usefixtures("two_sections")
class TestParse:
    def test_missing_values_are_defaults(self):
        assert parse_params({"map": None}) == {"base": BaseParams(), "map": MapParams()}

    def test_values_are_read(self):
        found = parse_params({"base": {"seed": 3}, "map": {"gate": {"min_variants": 2}}})
        assert found["base"] == BaseParams(seed=3)
        assert found["map"] == MapParams(gate=MapGate(min_variants=2))

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"mapp": {}}, "unknown key `mapp`; did you mean `map`?"),
            ({"zzz": {}}, "unknown key `zzz`; known: base, map"),
            ({"map": {"varants": 3}}, "unknown key `map.varants`; did you mean `variants`?"),
            ({"base": {"seeed": 3}}, "unknown key `base.seeed`; did you mean `seed`?"),
            (
                {"map": {"gate": {"least_photos": 2}}},
                "unknown key `map.gate.least_photos`; did you mean `min_photos`?",
            ),
            (
                {"map": {"gate": {"min_variant": 2}}},
                "unknown key `map.gate.min_variant`; did you mean `min_variants`?",
            ),
            (
                {"map": {"min_variants": 2}},
                "unknown key `map.min_variants`; did you mean `map.gate.min_variants`?",
            ),
            ({"map": {"variants": "many"}}, "`map.variants`: Input should be a valid integer"),
            ({"map": {"variants": 0}}, "`map.variants`: Input should be greater than"),
            ({"map": {"tools": {"add": "x"}}}, "`map.tools.add`: Input should be a valid number"),
            ({"map": {"gate": 3}}, "`map.gate`: Input should be"),
            ({"map": 0}, "`map`: Input should be"),
            ({"map": []}, "`map`: Input should be"),
            ({"base": {"seed": None}}, "`base.seed`: Input should be"),
            ([1], "expected sections"),
            (None, "expected sections"),
            ({3: {}}, "unknown key `3`"),
        ],
    )
    def test_wrong_keys_and_values_are_named(self, values, message):
        assert message in complaint(values)
        assert complaint(values).startswith("params.yaml: ")

    def test_all_mistakes_are_named_together(self):
        message = complaint({"base": {"seed": "x"}, "map": {"variants": "y", "tool": 1}, "no": 1})
        for name in ("base.seed", "map.variants", "map.tool", "no"):
            assert f"`{name}`" in message
        assert len(message.splitlines()) == 4

    def test_the_wrong_value_is_shown(self):
        assert "(got 'many'; allowed: 1 or more)" in complaint({"map": {"variants": "many"}})


@pytest.mark.usefixtures("two_sections")
class TestLoad:
    def load(self, root, text):
        (root / "params.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return load_params(root)

    def test_a_file_is_read(self, tmp_path):
        assert self.load(tmp_path, "map:\n  variants: 2\n")["map"] == MapParams(variants=2)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(FactoryError, match=r"params\.yaml: No such file"):
            load_params(tmp_path)

    @pytest.mark.parametrize(
        "text", ["map: [", "a: b: c", b"\xff\xfe\x00", "!!python/name:os.kill"]
    )
    def test_invalid_yaml_is_refused(self, tmp_path, text):
        with pytest.raises(FactoryError, match=r"params\.yaml: not valid YAML"):
            self.load(tmp_path, text)

    def test_a_file_that_is_too_large_is_refused(self, tmp_path):
        with pytest.raises(FactoryError, match="larger than"):
            self.load(tmp_path, "#" * 1_000_001)


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_has_a_class_and_a_section(name):
    stage = stage_class(name)
    assert issubclass(stage, Stage) and stage.name == name
    assert set(stage.reads) <= set(STAGES[: STAGES.index(name)])
    assert issubclass(section_models()[name], StageParams)


def test_the_checkouts_params_are_valid():
    from stages.engine.workspace import Workspace

    root = Workspace.find().root
    params = load_params(root)
    assert set(yaml.safe_load((root / "params.yaml").read_text())) <= set(params)
    for name in STAGES:
        assert build_stage(name, params).params == params[name]


@pytest.mark.parametrize("name", STAGES)
def test_stages_know_the_devices_of_their_models(name):
    """In the profile flux, FLUX and the perceiver compute on ``cuda``; other models are served."""
    flux, compact = (
        build_stage(name, parse_params({"base": {"profile": profile}}))
        for profile in ("flux", "compact")
    )
    on_gpu = name in ("perceive", "invert", "inject")
    assert flux.devices() == ({"cuda"} if on_gpu else set()) and compact.devices() == set()
