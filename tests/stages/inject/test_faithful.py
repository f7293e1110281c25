"""``inject.mode: faithful`` against a plain reference of the released recipe."""

import numpy as np
import pytest
import torch
from released_recipe import POSITION_STEPS, run_recipe
from tiny_flow import save_tiny_flow

from stages.inject.params import InjectParams
from stages.inject.render import join
from stages.inject.window import WindowJob
from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.models.flow.model import Flow
from stages.records.documents import Variant, Window
from stages.records.source_index import source_index

GRID, STEPS = (4, 5), 5
PHOTO = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
WINDOW = Window(id="w0", box=(0, 0, 80, 64), size=(80, 64), parts=[])
PAIRS = {
    "add": ([6, 7], [13, 14]),
    "remove": ([0, 1, 5], [18, 18, 19]),
    "distort": ([11, 12, 13], [12, 13, 11]),
    "fuse": ([3, 8], [4, 9]),
}


def make_variant(tool):
    targets, references = PAIRS[tool]
    return Variant(
        id=tool, window="w0", tool=tool, kernel="k", entity="e0", entity_name="cat", part="e0.p0",
        part_name="ear", part_kind="ear", positional=False, seed=0, targets=targets,
        references=references,
    )  # fmt: skip


@pytest.fixture(scope="module")
def flux(tmp_path_factory):
    """Random weights with FLUX.1-dev's numbers of blocks, whose attention heeds positions."""
    layers = (19, 38)
    folder = save_tiny_flow(tmp_path_factory.mktemp("flux"), guidance=True, layers=layers)
    flow = Flow.load(folder)
    with torch.no_grad():
        for name, weight in flow.transformer.named_parameters():
            if ".norm_q." in name or ".norm_k." in name:
                weight.fill_(1.5)
    return flow


@pytest.fixture(scope="module", params=["euler", "rf_solver"])
def inverted(request, flux):
    with torch.inference_mode():
        return request.param, invert(flux, PHOTO, InvertParams(solver=request.param, steps=STEPS))


def render_faithful(flux, inverted, **changes):
    """Final latents by tool, and those of the photo."""
    solver, trajectory = inverted
    params = InjectParams(mode="faithful", faithful=changes)
    job = WindowJob(flux, PHOTO, WINDOW, trajectory, solver, params)
    plans = [job.plan(make_variant(tool), 0, "k") for tool in PAIRS]
    with torch.inference_mode():
        renderings = job.render(plans)
    return dict(zip(PAIRS, (r.artifact for r in renderings), strict=True)), trajectory.at(0.0)


@pytest.fixture(scope="module")
def released(flux, inverted):
    return render_faithful(flux, inverted)


@pytest.mark.parametrize("tool", PAIRS)
def test_faithful_equals_the_reference(flux, inverted, released, tool):
    solver, trajectory = inverted
    found, photo = released
    index = source_index(make_variant(tool), GRID)
    times = trajectory.states(solver)
    expected = run_recipe(flux, photo[None], GRID, {tool: index}, solver, times)[0]
    assert (expected - photo).norm() > 0.1 * photo.norm()
    assert (found[tool] - expected).norm() < 1e-5 * expected.norm()


@pytest.mark.parametrize("tools", [("add", "distort"), ("fuse", "remove", "add")])
def test_several_flaws_in_a_picture_equal_the_reference(flux, inverted, tools):
    solver, trajectory = inverted
    photo, times = trajectory.at(0.0), trajectory.states(solver)
    job = WindowJob(flux, PHOTO, WINDOW, trajectory, solver, InjectParams(mode="faithful"))
    variants = [make_variant(tool) for tool in tools]
    with torch.inference_mode():
        (found,) = job.render([join([job.plan(variant, 0, "k") for variant in variants])])
    flaws = {variant.tool: source_index(variant, GRID) for variant in variants}
    expected = run_recipe(flux, photo[None], GRID, flaws, solver, times)[0]
    assert (found.artifact - expected).norm() < 1e-5 * expected.norm()


@pytest.mark.parametrize(
    "changes",
    [
        {"text_values": False},
        {"mapped_values": "always"},
        {"source_time": "same"},
        {"values": {"steps": 0.8, "double": 0.0, "single": 0.5}},
        {"values": {"steps": 1.0, "double": 0.0, "single": 0.474}},
        {"positions": {"steps": 0.3}},
        {"positions": {"single": 0.4}},
    ],
    ids=str,
)
def test_every_rule_of_the_recipe_moves_the_latents(flux, inverted, released, changes):
    found, _ = released
    moved, _ = render_faithful(flux, inverted, **changes)
    distances = [(moved[tool] - found[tool]).norm() / found[tool].norm() for tool in PAIRS]
    assert max(distances) > 5e-5  # five times what the reference may differ by


def test_the_default_shares_are_those_of_the_reference():
    assert InjectParams().faithful.positions.steps == POSITION_STEPS


def test_nineteen_and_eighteen_of_flux_single_blocks_inject(flux):
    faithful = InjectParams().faithful
    blocks = flux.blocks(
        (faithful.positions.double, faithful.positions.single),
        (faithful.values.double, faithful.values.single),
    )
    assert blocks.positions == frozenset(range(38))
    assert blocks.values == frozenset(range(39, 57))
