import pytest

from stages.catalogue import parse_params
from stages.conditions import prompt_is_heard
from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError
from stages.invert.params import InvertParams


def complaint(values):
    with pytest.raises(FactoryError) as error:
        parse_params(values)
    (line,) = str(error.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("values", "told"),
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
            "`perceive.min_part_tokens`: Input must not be above 3.4, what a `window` of 64 holds",
        ),
        (
            {"map": {"weights": {"add": 1}, "gate": {"min_fuse": 3}}},
            "`map.gate.min_fuse`: needs a `map.weights.fuse` above 0 (got 3)",
        ),
        ({"map": {"weights": {"add": 0}}}, "`map.weights`: Input must have one above 0"),
        ({"ingest": {"max_pixels": 10_000}}, "`ingest.max_pixels`: Input must not be below"),
        ({"package": {"splits": {"train": 0.9}}}, "`package.splits.train`: Input must make 1 with"),
    ],
)  # fmt: skip
def test_what_cannot_work_together_is_one_line(values, told):
    line = complaint(values)
    assert line.startswith("params.yaml: ") and told in line


def test_what_the_mode_does_not_use_does_not_matter():
    parse_params({"invert": {"until": 0.5}, "inject": {"mode": "faithful", "t_s": 1}})
    parse_params({"invert": {"solver": "euler", "steps": 100}})


def test_words_for_a_model_without_text_encoders(flow_folder):
    base = BaseParams(models={"flow": {"name": str(flow_folder)}})
    params = {"invert": InvertParams(prompt="a photo of {caption}")}
    (line,) = prompt_is_heard(params, base)
    assert line.startswith("`invert.prompt`: ") and "'a photo of {caption}'" in line
    assert not list(prompt_is_heard({"invert": InvertParams()}, base))
    hub = BaseParams(profile="flux")
    assert not list(prompt_is_heard(params, hub))
