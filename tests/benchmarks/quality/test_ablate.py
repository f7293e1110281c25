import pytest
from pydantic import ValidationError

from benchmarks.quality import ablate
from stages.inject.params import InjectParams


def test_the_default_comes_first_and_every_other_setting_once():
    for knob in ablate.KNOBS:
        made = list(ablate.settings(InjectParams(), knob))
        assert made[0][1] == InjectParams()
        assert len({params.model_dump_json() for _, params in made}) == len(made)
        assert len({label for label, _ in made}) == len(made)


@pytest.mark.parametrize("knob", ablate.KNOBS)
def test_a_setting_changes_its_knob_only(knob):
    for value in ablate.KNOBS[knob]:
        params = ablate.changed(InjectParams(), knob, value)
        assert ablate.get(params, knob) == value
        assert ablate.changed(params, knob, ablate.get(InjectParams(), knob)) == InjectParams()


def test_values_are_checked():
    with pytest.raises(ValidationError):
        ablate.changed(InjectParams(), "t_s", 2.0)


def test_a_default_by_tool_is_kept_beside_the_values():
    params = InjectParams(t_s={"add": 0.5, "remove": 1.0, "distort": 1.0, "fuse": 1.0})
    assert len(list(ablate.settings(params, "t_s"))) == 1 + len(ablate.KNOBS["t_s"])
