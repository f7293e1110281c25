import pytest

from stages.catalogue import parse_params
from stages.engine.workspace import FactoryError


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("detection", "`perceive.mediapipe.detection`"),
        ("people_share", "`perceive.mediapipe.people_share`"),
        ("sure", "`perceive.mediapipe.min_class_probability`"),
        ("floor", "`perceive.mediapipe.min_group_probability`"),
        ("part_area", "`perceive.grounded.part_area` or `perceive.mediapipe.part_area`"),
    ],
)
def test_a_param_at_its_old_place_is_refused_with_the_new_one(old, new):
    with pytest.raises(FactoryError) as error:
        parse_params({"perceive": {old: 0.5}})
    assert str(error.value) == f"params.yaml: unknown key `perceive.{old}`; did you mean {new}?"


@pytest.mark.parametrize(
    ("backend", "wrong"),
    [
        ("mediapipe", {"hand": 1.5}),
        ("mediapipe", {"box": 0.3}),
        ("grounded", {"box": 1.5}),
        ("grounded", {"text_threshold": 0.3}),
        ("grounded", {"part_area": [0.1]}),
    ],
)
def test_wrong_params_of_a_back_end_are_refused_whether_or_not_it_is_chosen(backend, wrong):
    (key,) = wrong
    with pytest.raises(FactoryError, match=rf"`perceive\.{backend}\.{key}"):
        parse_params({"perceive": {backend: wrong}})
