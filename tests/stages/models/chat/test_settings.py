import pytest

from stages.engine.workspace import FactoryError, Workspace
from stages.models.chat.settings import CallSettings, Price, load_call_settings


def load(folder, text):
    (folder / "factory.toml").write_text(text)
    return load_call_settings(Workspace(folder))


def test_defaults_apply_without_a_file_or_section(tmp_path):
    assert load_call_settings(Workspace(tmp_path)) == CallSettings()
    assert load(tmp_path, "store = 'x'") == CallSettings()


def test_values_of_the_section_are_read(tmp_path):
    found = load(tmp_path, "[calls]\nbudget = 3\n[calls.prices.m]\ninput = 1\noutput = 2")
    assert found == CallSettings(budget=3, prices={"m": Price(input=1, output=2)})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[calls]\nbudgt = 3", "unknown key `calls.budgt`; did you mean `budget`?"),
        ("[calls]\nattempts = 0", "`calls.attempts`: "),
        ("calls = 3", "`calls`: "),
    ],
)
def test_a_wrong_value_is_named_with_its_key(tmp_path, text, named):
    with pytest.raises(FactoryError, match=r"factory\.toml") as error:
        load(tmp_path, text)
    assert named in str(error.value)
