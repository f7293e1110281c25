import pytest
from pydantic import ValidationError

from benchmarks.quality import ablate
from stages.inject.params import InjectParams


def test_settings_start_with_the_default_and_have_no_duplicates():
    for knob in ablate.KNOBS:
        made = list(ablate.list_settings(InjectParams(), knob))
        assert made[0][1] == InjectParams()
        assert len({params.model_dump_json() for _, params in made}) == len(made)
        assert len({label for label, _ in made}) == len(made)


@pytest.mark.parametrize("knob", ablate.KNOBS)
def test_change_affects_only_its_knob(knob):
    for value in ablate.KNOBS[knob]:
        params = ablate.change(InjectParams(), knob, value)
        assert ablate.get_value(params, knob) == value
        default = ablate.get_value(InjectParams(), knob)
        assert ablate.change(params, knob, default) == InjectParams()


def test_change_validates_the_value():
    with pytest.raises(ValidationError):
        ablate.change(InjectParams(), "t_s", 2.0)


def test_default_by_tool_is_listed_beside_the_values():
    params = InjectParams(t_s={"add": 0.5, "remove": 1.0, "distort": 1.0, "fuse": 1.0})
    assert len(list(ablate.list_settings(params, "t_s"))) == 1 + len(ablate.KNOBS["t_s"])
