"""The params of docs/mapping.md that select everything of the released code."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from stages.catalogue import parse_params
from stages.inject.window import WindowJob
from stages.invert.inversion import invert
from stages.map.policy import plan
from stages.records.documents import Window
from stages.records.windows import cut
from tests.stages.map.conftest import ALL, make_entity, make_part, make_scene

DOCUMENT = Path(__file__).parents[3] / "docs" / "mapping.md"
KERNELS = {
    ("add", "argmax"), ("remove", "closest"), ("distort", "permutation"),
    ("distort", "gaussian_jitter"), ("distort", "stripped_shifting"), ("fuse", "opposite_entity"),
}  # fmt: skip


@pytest.fixture(scope="module")
def released_set():
    """The block of the section, as it stands in the document."""
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition("## The released set")
    block = re.search(r"^```yaml\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert block is not None
    return yaml.safe_load(block[1])


@pytest.fixture(scope="module")
def scene():
    """Two people who share 12 tokens; one with a hand and a face. A token is 32 photo pixels."""
    parts = [
        make_part("left hand", (64, 96, 160, 192), ALL, number=0),
        make_part("face", (32, 32, 160, 96), ["distort"], number=1),
    ]
    entities = [
        make_entity("person", (0, 32, 224, 224), parts),
        make_entity("person", (160, 32, 384, 224), [], 1),
    ]
    window = Window(id="w0", box=(0, 0, 384, 384), size=(192, 192), parts=["e0.p0", "e0.p1"])
    return make_scene(entities, windows=[window])


def test_it_names_every_kernel_of_the_released_code(released_set):
    kernels = released_set["map"]["kernels"]
    assert {(tool, kernel) for tool, names in kernels.items() for kernel in names} == KERNELS
    params = parse_params(released_set)
    assert (params["map"].flaws_per_picture, params["map"].min_gap) == (3, 0)
    assert (params["inject"].mode, params["inject"].residual) == ("faithful", 0)
    assert (params["invert"].solver, params["invert"].steps) == ("euler", 25)


def test_it_maps_and_renders_a_photo(released_set, scene, flow):
    fewer = released_set["invert"] | {"steps": 3}
    params = parse_params(released_set | {"invert": fewer})
    plans = [plan(scene, params["map"], seed)[0] for seed in range(12)]
    assert {(v.tool, v.kernel) for variants in plans for v in variants} == KERNELS
    variants = max(plans, key=len)
    photo = np.random.default_rng(0).integers(0, 256, (384, 384, 3), dtype=np.uint8)
    (window,) = scene.windows
    with torch.inference_mode():
        trajectory = invert(flow, cut(photo, window), params["invert"])
        job = WindowJob(flow, photo, window, trajectory, "euler", params["inject"])
        renderings = job.render([job.plan(variant, 0, scene.key) for variant in variants])
    assert {variant.tool for variant in variants} == {"add", "remove", "distort", "fuse"}
    for rendering in renderings:
        assert (rendering.artifact - trajectory.at(0.0)).norm() > 0
