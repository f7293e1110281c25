import pytest
from pydantic import ValidationError

from benchmarks.quality import ablate
from benchmarks.quality.measure import Figures
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


def test_cell_of_a_tool_that_was_not_measured_is_empty():
    figures = Figures(
        name="a",
        tool="distort",
        reason="ok",
        intended=True,
        lpips=0.4,
        contrast=0.1,
        seen=0.2,
        sharpness=1.0,
        colour=7.0,
    )
    cells = ablate.format_cells([figures], 0.6)
    assert cells == ["", "", "100% / +0.10 / 0.40", "", "100%", "20%", "1.00", "7.0", "60%"]
