import numpy as np
import pytest

from applications.inspectors import BASELINES, INSPECTORS, load_inspector
from applications.inspectors.chat.params import ChatParams
from applications.params import FILE, read_section
from stages.engine.workspace import FactoryError


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("shape", [(1, 1), (30, 50)])
def test_a_baseline_inspects_a_picture_of_any_size(name, shape):
    inspector = load_inspector(name)
    found = inspector.inspect(np.zeros((*shape, 3), np.uint8))
    assert inspector.name == name
    assert found.probability == (0 if name == "never" else 1)


def test_the_boxes_of_baselines():
    picture = np.zeros((40, 80, 3), np.uint8)
    [centre] = load_inspector("centre-box").inspect(picture).regions
    [whole] = load_inspector("whole-picture").inspect(picture).regions
    assert centre.box == (20, 10, 60, 30)
    assert whole.box == (0, 0, 80, 40)


def test_an_unknown_inspector_is_an_error():
    with pytest.raises(FactoryError, match="no inspector 'none': choose one of always-yes"):
        load_inspector("none")


def test_the_shipped_sections_are_valid():
    assert INSPECTORS["chat"].params
    assert read_section(("inspectors", "chat"), ChatParams).side == 1024


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("side: big", "`inspectors.chat.side`"),
        ("size: 3", "unknown key `inspectors.chat.size`"),
        ("model: {backend: none}", "`inspectors.chat.model`"),
    ],
)
def test_a_wrong_section_names_the_key(tmp_path, text, message):
    model = "model: {backend: openai, name: m, base_url: 'http://localhost/v1'}"
    lines = [text] if text.startswith("model") else [text, model]
    file = tmp_path / "params.yaml"
    file.write_text("inspectors:\n  chat:\n" + "".join(f"    {line}\n" for line in lines))
    with pytest.raises(FactoryError) as raised:
        load_inspector("chat", file)
    assert message in str(raised.value)
    assert str(file) in str(raised.value)


def test_a_file_that_is_no_yaml_is_an_error(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text("a: [")
    with pytest.raises(FactoryError, match="not valid YAML"):
        load_inspector("chat", file)
    assert FILE.is_file()
