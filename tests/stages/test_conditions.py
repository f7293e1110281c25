import pytest

from stages.catalogue import parse_params
from stages.conditions import find_unused_prompt
from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError
from stages.invert.params import InvertParams


def complaint(values):
    with pytest.raises(FactoryError) as error:
        parse_params(values)
    (line,) = str(error.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"invert": {"until": 0.1}, "inject": {"t_s": 1}},
            "`inject.t_s`: must not be above `invert.until`, 0.1, where",
        ),
        (
            {"invert": {"until": 0.8},
             "inject": {"t_s": {"add": 0.9, "remove": 0.8, "distort": 0.5, "fuse": 0.5}}},
            "`inject.t_s`: must not be above `invert.until`, 0.8, where",
        ),
        (
            {"perceive": {"window": 64, "min_part_tokens": 1}, "map": {"min_tokens": 7}},
            "`map.min_tokens`: must not be above `map.max_share` of the 16 tokens",
        ),
        (
            {"perceive": {"window": 64, "min_part_tokens": 3.5}},
            "`perceive.min_part_tokens`: Input must not be above 3.4 for a `window` of 64",
        ),
        (
            {"map": {"weights": {"add": 1}, "gate": {"min_fuse": 3}}},
            "`map.gate.min_fuse`: needs a `map.weights.fuse` above 0 (got 3)",
        ),
        (
            {"map": {"flaws_per_picture": 2, "min_gap": 3}},
            "`map.min_gap`: must be at least 4 tokens, twice `inject.margin` and",
        ),
        (
            {"map": {"flaws_per_picture": 2}, "inject": {"feather": 17.0}},
            "`map.min_gap`: must be at least 6 tokens",
        ),
        ({"map": {"weights": {"add": 0}}}, "`map.weights`: Input must have one above 0"),
        ({"ingest": {"max_pixels": 10_000}}, "`ingest.max_pixels`: Input must not be below"),
        ({"package": {"splits": {"train": 0.9}}}, "`package.splits.train`: Input must make 1 with"),
    ],
)  # fmt: skip
def test_conflicting_values_are_one_line(values, message):
    line = complaint(values)
    assert line.startswith("params.yaml: ") and message in line


def test_values_that_the_mode_does_not_use_cannot_conflict():
    parse_params({"invert": {"until": 0.5}, "inject": {"mode": "faithful", "t_s": 1}})
    parse_params({"invert": {"solver": "euler", "steps": 100}})
    parse_params({"map": {"min_gap": 0}})
    parse_params({"map": {"flaws_per_picture": 3, "min_gap": 0}, "inject": {"mode": "faithful"}})


def test_a_prompt_for_a_model_without_text_encoders_is_refused(flow_folder):
    base = BaseParams(models={"flow": {"name": str(flow_folder)}})
    params = {"invert": InvertParams(prompt="a photo of {caption}")}
    (line,) = find_unused_prompt(params, base)
    assert line.startswith("`invert.prompt`: ") and "'a photo of {caption}'" in line
    assert not list(find_unused_prompt({"invert": InvertParams()}, base))
    hub = BaseParams(profile="flux")
    assert not list(find_unused_prompt(params, hub))
