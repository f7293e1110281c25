"""Tests all settings of all sections, found by walking the models, so new ones are included."""

import copy
import math
from functools import cache
from typing import get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.catalogue import parse_params, section_models
from stages.engine.section import Section, complaints, format_value, leaves
from stages.engine.settings import Settings
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.urls.settings import UrlSettings
from stages.models.chat.settings import CallSettings
from stages.models.registry import BACKENDS
from stages.tools import TOOLS

FACTORY, CALLS, URLS = "factory.toml", "calls", "urls"
ROOT = Workspace.find().root
MODELS = {**section_models(), FACTORY: Settings, CALLS: CallSettings, URLS: UrlSettings} | {
    f"{role}-{name}": backend.options_model()
    for role, known in BACKENDS.items()
    for name, backend in known.items()
}
LEAVES = [
    pytest.param(name, leaf, id=".".join([name, *leaf.path]) + f"-{leaf.schema['type']}")
    for name, model in MODELS.items()
    for leaf in leaves(model)
    if leaf.schema["type"] != "null"
]
NUMBERS = [p for p in LEAVES if p.values[1].schema["type"] in ("number", "integer")]
REQUIRED = {"name": "m", "base_url": "http://here/v1", "detector": "a/b", "segmenter": "c/d"}
"""Options without a default."""


@cache
def checkout():
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def start(name):
    """Return valid values of a section, for a test to change."""
    if name == CALLS:
        return {"prices": {"add": {"input": 1, "output": 1}}}
    if name in checkout():
        return copy.deepcopy(checkout()[name]) or {}
    return {key: REQUIRED[key] for key in MODELS[name].model_fields if key in REQUIRED}


def put(values, path, value):
    """Put `value` at a leaf's place; return the keys that lead to it."""
    key, *rest = ("add" if key == "*" else key for key in path)
    if isinstance(values, list):
        key = 0 if key == "#" else int(key)
        values.extend([None] * (key + 1 - len(values)))
    if not rest:
        values[key] = value
    else:
        fit = list if rest[0] == "#" or rest[0].isdigit() else dict
        if not isinstance(values, list) and not isinstance(values.get(key), fit):
            # A share for all tools becomes one for each tool.
            values[key] = [] if fit is list else dict.fromkeys(TOOLS, 0.5) if path[1] == "*" else {}
        return [str(key), *put(values[key], path[1:], value)]
    return [str(key)]


def find_problems(name, values):
    """Return the messages about a section's values."""
    try:
        MODELS[name].model_validate(values)
    except ValidationError as error:
        return list(complaints(error, MODELS[name], values, name))
    return []


def bounds(leaf):
    s = leaf.schema
    low = s.get("minimum", s.get("exclusiveMinimum"))
    high = s.get("maximum", s.get("exclusiveMaximum"))
    return low, high


def inside(leaf):
    """Return the strategy of the numbers that a leaf allows."""
    (low, high), s = bounds(leaf), leaf.schema
    if s["type"] == "integer":
        step = s.get("multipleOf", 1)
        top = high - ("exclusiveMaximum" in s)
        return st.integers(-(-low // step), top // step).map(lambda n: n * step)
    return st.floats(low, high, exclude_min="exclusiveMinimum" in s)


def wrong_values(leaf):
    """Return values that a leaf of this type and range refuses."""
    low, high = bounds(leaf)
    bad = [math.nan, math.inf, -math.inf, 1e308, -1e308, 10**400, -(10**400), "4", True, [], {}]
    bad += [low - 1, high + 1, low - 10**9, high + 10**9]
    if leaf.schema["type"] == "number":
        bad += [math.nextafter(low, -math.inf), math.nextafter(high, math.inf)]
    else:
        bad += [low + 0.5]
    if "exclusiveMinimum" in leaf.schema:
        bad += [low]
    return bad


@pytest.mark.parametrize(("name", "leaf"), NUMBERS)
def test_every_number_has_bounds_that_are_finite(name, leaf):
    low, high = bounds(leaf)
    assert low is not None and high is not None and math.isfinite(low) and math.isfinite(high)
    assert low < high


@pytest.mark.parametrize(("name", "leaf"), NUMBERS)
def test_a_wrong_number_is_refused_with_its_key_its_value_and_the_allowed_range(name, leaf):
    for value in wrong_values(leaf):
        values = start(name)
        key = ".".join([name, *put(values, leaf.path, value)])
        lines = [line for line in find_problems(name, values) if line.startswith(f"`{key}`: ")]
        assert lines, f"{key}: {value!r} passes, or another key is named"
        assert f"(got {format_value(value)}" in lines[0]
        assert isinstance(value, dict) or f"allowed: {leaf.allowed})" in lines[0]


@pytest.mark.parametrize(("name", "leaf"), NUMBERS)
@settings(max_examples=20)
@given(data=st.data())
def test_an_allowed_number_passes_unless_it_conflicts_with_another_value(name, leaf, data):
    values = start(name)
    put(values, leaf.path, data.draw(inside(leaf)))
    try:
        MODELS[name].model_validate(values)
    except ValidationError as error:
        assert {problem["type"] for problem in error.errors()} <= {"refused", "out_of_order"}


@pytest.mark.parametrize(("name", "leaf"), [p for p in LEAVES if p not in NUMBERS])
def test_a_wrong_type_or_choice_is_refused(name, leaf):
    bad = [3, 1.5, [3], {"a": 3}] + ([True] if leaf.schema["type"] == "string" else ["yes"])
    bad += ["no such word"] if "enum" in leaf.schema else []
    for value in bad:
        values = start(name)
        key = ".".join([name, *put(values, leaf.path, value)])
        lines = [line for line in find_problems(name, values) if line.startswith(f"`{key}")]
        assert lines, f"{key}: {value!r} passes, or another key is named"


def sections(model, path=()):
    """Yield a section and those nested in it, each with the keys that lead to it."""
    yield path, model
    for key, field in model.model_fields.items():
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, Section):
                yield from sections(inner, (*path, key))


BANDS = [
    (name, path, band)
    for name, model in MODELS.items()
    for path, inner in sections(model)
    for band in inner.bands()
]
PAIRS = [
    (name, leaf.path[:-1])
    for name, model in MODELS.items()
    for leaf in leaves(model)
    if leaf.path[-1] == "1" and leaf.schema["type"] in ("number", "integer")
]


def test_bands_are_found():
    assert ("filter", ("lpips",), ("low", "high")) in BANDS
    assert ("invert", (), ("min_noise_std", "max_noise_std")) in BANDS
    for backend in ("mediapipe", "grounded"):
        assert ("perceive", (backend, "part_area")) in PAIRS


@pytest.mark.parametrize(("name", "path", "band"), BANDS)
def test_a_reversed_band_is_refused(name, path, band):
    low, high = (
        next(leaf for leaf in leaves(MODELS[name]) if leaf.path == (*path, key)) for key in band
    )
    values = start(name)
    put(values, low.path, bounds(low)[1])
    minimum = bounds(high)[0]
    exclusive = "exclusiveMinimum" in high.schema
    put(values, high.path, math.nextafter(minimum, math.inf) if exclusive else minimum)
    key = ".".join([name, *low.path])
    lines = find_problems(name, values)
    assert any(line.startswith(f"`{key}`: ") and band[1] in line for line in lines)


@pytest.mark.parametrize(("name", "path"), PAIRS)
def test_a_reversed_pair_is_refused(name, path):
    values = start(name)
    put(values, path, [0.5, 0.0005])
    (line,) = find_problems(name, values)
    assert line.startswith(f"`{'.'.join([name, *path])}`: ")
    assert "0.5" in line and "0.0005" in line and "must be below" in line


def test_every_default_value_has_a_leaf():
    def scalars(value, path=()):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from scalars(inner, (*path, key))
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                yield from scalars(inner, (*path, str(place)))
        else:
            yield path

    for name, model in section_models().items():
        for path in scalars(model().model_dump(mode="json")):
            assert any(leaf.matches(path) for leaf in leaves(model)), (name, path)


def test_the_checkouts_values_are_allowed():
    parse_params(checkout())


@pytest.mark.parametrize(
    "section",
    [
        {"perceive": {"window": 1024}},
        {"perceive": {"mediapipe": {"part_area": [0, 1]}}},
        {"invert": {"until": 0.5}, "inject": {"t_s": 0.5}},
        {"inject": {"t_s": {"add": 1, "remove": 0.9, "distort": 0.8, "fuse": 0.7}}},
        {"invert": {"solver": "euler", "steps": 25}, "inject": {"mode": "faithful"}},
        {"invert": {"solver": "rf_solver", "steps": 15}, "inject": {"mode": "dense"}},
        {"invert": {"until": 0.5}, "inject": {"mode": "faithful"}},
        {"inject": {"rho": 0, "residual": 0, "margin": 0, "feather": 0, "halo": 0}},
        {"map": {"weights": {"add": 0, "distort": 3}, "kernels": {}, "variants": 1}},
        {"map": {"variants": 64, "max_per_tool": 64, "max_per_part": 64}},
        {"base": {"seed": -1, "models": {}}},
        {"base": {"profile": "flux", "models": {"captioner": None}}},
        {"base": {"profile": "flux", "models": {"vocabulary": {"backend": "words"}}}},
        {"package": {"splits": {"train": 1, "validation": 0, "test": 0}}},
    ],
)
def test_plausible_sections_pass(section):
    parse_params(section)


def test_exponents_of_yaml_1_2_are_numbers(tmp_path):
    from stages.catalogue import load_params

    (tmp_path / "params.yaml").write_text("inject: {rho: 1e-3}\ninvert: {guidance: 1E+1}\n")
    found = load_params(tmp_path)
    assert (found["inject"].rho, found["invert"].guidance) == (0.001, 10.0)


def test_several_mistakes_are_several_lines():
    values = {"map": {"weights": {"add": math.nan}}, "inject": {"halo": 10**6, "t_s": 0}}
    with pytest.raises(FactoryError) as error:
        parse_params(values)
    lines = str(error.value).splitlines()
    assert [line.split("`")[1] for line in lines] == [
        "map.weights.add", "inject.t_s", "inject.halo",
    ]  # fmt: skip
