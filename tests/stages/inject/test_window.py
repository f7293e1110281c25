"""Plan, render (with a tiny model), decode and composite the variants of one window."""

import dataclasses

import numpy as np
import pytest
import torch

from stages.inject.codes import InjectCode
from stages.inject.composite import residual_weight
from stages.inject.ownership import share_pixels
from stages.inject.params import InjectParams, Shares
from stages.inject.tokens import halo_box
from stages.inject.window import (
    DecodedControl,
    RenderedVariant,
    UnusableVariant,
    WindowJob,
    psnr,
    start_step,
)
from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.records.documents import Window
from stages.records.windows import cut

SEED, KEY = 3, "00112233445566aa"
STEPS = 4
WINDOW = Window(id="w0", box=(16, 16, 112, 80), size=(96, 64), parts=[])
ZOOMED = Window(id="w0", box=(20, 24, 68, 56), size=(96, 64), parts=[])
GRID = WINDOW.grid  # 4 rows of 6 tokens
BY_TOOL = {"add": 1.0, "remove": 0.9, "distort": 0.5, "fuse": 0.75}
MODES = ("sparse", "dense", "faithful")


@pytest.fixture(scope="module")
def photo():
    coarse = np.random.default_rng(7).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), dtype=np.uint8))


@pytest.fixture(scope="module")
def make_job(flow, photo):
    inverted = {}

    def make(window=WINDOW, until=1.0, **params):
        known = (window.box, until)
        if known not in inverted:
            given = InvertParams(steps=STEPS, until=until)
            inverted[known] = invert(flow, cut(photo, window), given)
        values = {"mask": {"threshold": 1.0, "min_pixels": 4}, **params}
        settings = InjectParams.model_validate(values)
        return WindowJob(flow, photo, window, inverted[known], "fireflow", settings)

    return make


@pytest.fixture
def variants(variant):
    """Variants of three tools; the last two lie far from the first."""
    return [
        variant([7, 8], [15, 16]),
        variant([5], [18], id="v1", tool="distort"),
        variant([21, 22, 23], [2, 3, 4], id="v2", tool="fuse"),
    ]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("window", [WINDOW, ZOOMED], ids=["one to one", "zoomed"])
def test_images_are_crops_that_differ_from_the_photo_inside_the_edit_only(
    make_job, photo, variants, window, mode
):
    job = make_job(window, mode=mode)
    found = job.run(variants, SEED, KEY)
    assert list(found) == ["v0", "v1", "v2"]
    for picture in found.values():
        x0, y0, x1, y1 = picture.box
        crop = photo[y0:y1, x0:x1]
        assert picture.artifact.shape == picture.control.shape == crop.shape
        assert np.array_equal(picture.artifact[~picture.edit], crop[~picture.edit])
        assert np.array_equal(picture.control[~picture.edit], crop[~picture.edit])
        assert picture.mask.any() and not (picture.mask & ~picture.edit).any()
        assert (picture.artifact[picture.mask] != picture.control[picture.mask]).any()
        assert picture.together == 3


def test_only_faithful_mode_may_change_the_background(make_job, variants):
    areas = {}
    for mode in MODES:
        picture = make_job(mode=mode, margin=0, feather=0).run(variants[1:2], SEED, KEY)["v1"]
        areas[mode] = int(picture.edit.sum())
    assert areas["sparse"] == areas["dense"] < areas["faithful"]


def test_sparse_costs_less_than_dense(make_job, variants):
    sparse, dense = (make_job(mode=mode).run(variants, SEED, KEY) for mode in MODES[:2])
    assert all(sparse[name].evaluations < dense[name].evaluations for name in dense)


def is_same(a, b):
    arrays = ("artifact", "control", "mask", "edit")
    return a.box == b.box and all(np.array_equal(getattr(a, n), getattr(b, n)) for n in arrays)


def test_a_variant_does_not_depend_on_the_others_with_batches_of_one(make_job, variants):
    """The bytes are equal for any order, number, tools and failures of the other variants.

    The same code runs on the same shapes.
    """
    job = make_job(batch=1, t_s=BY_TOOL, rho=0.5)
    together = job.run(variants, SEED, KEY)
    misfit = variants[0].model_copy(update={"id": "v9", "picture": "p9", "targets": [99]})
    for name, neighbours in (
        ("v1", [variants[1]]),
        ("v1", variants[::-1]),
        ("v2", [misfit, variants[2]]),
    ):
        assert is_same(job.run(neighbours, SEED, KEY)[name], together[name])


def test_fresh_noise_depends_on_seed_photo_and_variant(make_job, variants):
    job = make_job(rho=1.0)
    plans = [
        job.plan(variants[0], SEED, KEY),
        job.plan(variants[0], SEED + 1, KEY),
        job.plan(variants[0], SEED, KEY[::-1]),
        job.plan(variants[0].model_copy(update={"id": "v5"}), SEED, KEY),
    ]
    assert len({plan.noise.numpy().tobytes() for plan in plans}) == len(plans)
    assert torch.equal(job.plan(variants[0], SEED, KEY).noise, plans[0].noise)
    assert (plans[0].rho[7:9] == 1).all()


def test_targets_that_share_a_reference_use_repeat_rho(make_job, variant):
    plan = make_job(rho=0.25, repeat_rho=0.75).plan(variant([7, 8], [15, 15]), SEED, KEY)
    assert plan.rho[[7, 8], 0].tolist() == [0.25, 0.75]


def test_each_tool_has_its_own_start_and_share_of_injected_steps(make_job, variants):
    steps = {"add": 0.5, "remove": 0.5, "distort": 0.0, "fuse": 1.0}
    job = make_job(t_s=BY_TOOL, positions=Shares(steps=steps, double=1, single=1))
    add, distort, fuse = (job.plan(one, SEED, KEY) for one in variants)
    times = job.settings.timesteps
    assert [times[plan.start] for plan in (add, distort, fuse)] == [
        min(job.states[1:], key=lambda t: abs(t - BY_TOOL[tool]))
        for tool in ("add", "distort", "fuse")
    ]
    assert add.start < fuse.start < distort.start
    assert add.positions_until == add.start + round((STEPS - add.start) / 2)
    assert (distort.positions_until, fuse.positions_until) == (distort.start, STEPS)


def test_the_batch_starts_where_the_earliest_of_all_tools_starts(make_job, variants):
    full, shortened = make_job(t_s=BY_TOOL), make_job(t_s=0.5)
    assert full.settings.timesteps == full.states[::-1]
    assert len(shortened.settings.timesteps) < len(full.settings.timesteps)
    assert shortened.plan(variants[1], SEED, KEY).start == 0


def test_in_faithful_mode_every_token_is_active_from_the_start(make_job, variants):
    job = make_job(mode="faithful", t_s=0.5)
    plan = job.plan(variants[1], SEED, KEY)
    assert plan.active.all() and plan.start == 0 and np.flatnonzero(plan.targets).tolist() == [5]
    assert job.settings.timesteps == job.states[::-1]
    assert make_job(margin=0).plan(variants[1], SEED, KEY).active.sum() == 1
    assert make_job(margin=1).plan(variants[1], SEED, KEY).active.sum() == 4  # in a corner


def reasons(found):
    return {name: one.code for name, one in found.items() if isinstance(one, UnusableVariant)}


def test_bad_and_identity_mappings_reject_only_their_variants(make_job, variants, variant):
    misfit = variant([24], [0], id="v7")
    still = variant([7, 8], [7, 8], id="v8")
    found = make_job().run([misfit, still, variants[0]], SEED, KEY)
    assert reasons(found) == {"v7": InjectCode.BAD_MAPPING, "v8": InjectCode.INVISIBLE}
    assert "4 x 6" in str(found["v7"]) and isinstance(found["v0"], RenderedVariant)
    assert found["v0"].together == 2  # the misfit was not rendered


def test_the_model_does_not_run_without_a_valid_mapping(make_job, variant, monkeypatch):
    job = make_job()
    monkeypatch.setattr(job.flow, "velocity", None)
    assert reasons(job.run([variant([24], [0])], SEED, KEY)) == {"v0": InjectCode.BAD_MAPPING}


def fail_on(job, monkeypatch, tokens, fail):
    """Make the model fail on sparse forward passes of `tokens` tokens."""
    velocity = job.flow.velocity

    def failing(z, *rest):
        return fail(z) if z.shape[1] == tokens else velocity(z, *rest)

    monkeypatch.setattr(job.flow, "velocity", failing)


def not_a_number(z):
    return torch.full_like(z, torch.nan)


def test_a_variant_that_cannot_be_rendered_does_not_affect_others(make_job, variants, monkeypatch):
    job = make_job(batch=1, margin=0)
    fail_on(job, monkeypatch, len(variants[2].targets), not_a_number)
    found = job.run(variants, SEED, KEY)
    assert reasons(found) == {"v2": InjectCode.NOT_FINITE}
    assert isinstance(found["v0"], RenderedVariant) and isinstance(found["v1"], RenderedVariant)


def test_the_residual_restores_detail_where_the_mapping_does_not_tear(make_job, photo, variants):
    """With the full residual the control is the photo, without it is the decoder's output."""
    with_it, without = (
        make_job(residual=share, feather=0, margin=1).run(variants[:1], SEED, KEY)["v0"]
        for share in (1.0, 0.0)
    )
    x0, y0, x1, y1 = with_it.box
    index = np.arange(24)
    index[[7, 8]] = [15, 16]
    kept = np.zeros(photo.shape[:2])
    kept[16:80, 16:112] = residual_weight(index, GRID)
    kept = (kept[y0:y1, x0:x1] == 1) & with_it.edit
    original = photo[y0:y1, x0:x1].astype(int)
    # The ramp is one pixel wide; the remaining difference is rounding.
    assert kept.sum() > 500 and np.abs(with_it.control - original)[kept].max() <= 1
    assert np.abs(without.control - original)[kept].mean() > 10


def test_the_residual_moves_with_the_mapping(make_job, photo, variants):
    with_it, without = (
        make_job(residual=share, feather=0).run(variants[:1], SEED, KEY)["v0"] for share in (1, 0)
    )
    # Targets 7 and 8 are the photo's rows 32 to 48 and columns 32 to 64, their references are 16
    # pixels below and 32 to the right. At 6 pixels from every tear the residual has full weight.
    x0, y0 = with_it.box[:2]
    middle = np.s_[38 - y0 : 42 - y0, 38 - x0 : 58 - x0]
    reference = photo[54:58, 70:90].astype(int)
    differences = [np.abs(one.artifact[middle] - reference).mean() for one in (with_it, without)]
    assert differences[0] < differences[1]


def test_only_the_active_tokens_and_their_halo_are_decoded(make_job, variants):
    job = make_job(margin=0, halo=1)
    plan = job.plan(variants[1], SEED, KEY)
    (rendering,) = job.render([plan])
    control = DecodedControl(*job.flow.decode_whole(rendering.control, GRID))
    picture = job.decode(plan, rendering, control)
    top, left, bottom, right = (16 * n for n in halo_box(plan.active, 1))
    inside = np.zeros(picture.shape[:2], dtype=bool)
    inside[top:bottom, left:right] = True
    assert (top, left, bottom, right) == (0, 64, 32, 96)
    assert np.array_equal(picture[~inside], control.picture[~inside])
    assert np.abs(picture - control.picture)[:16, 80:].mean() > 1
    # Of the halo only what the composite uses is decoded, and that as if all of it were.
    narrow = make_job(margin=0, halo=1, feather=2).decode(plan, rendering, control)
    differs = (narrow != control.picture).any(-1)
    assert differs[:22, 74:].any() and not differs[:, :74].any() and not differs[22:].any()
    np.testing.assert_allclose(narrow[:22, 74:], picture[:22, 74:], atol=0.01)
    # The recorded statistics are used.
    other = DecodedControl(control.picture, job.flow.decode_whole(3 * rendering.control, GRID)[1])
    assert np.abs(job.decode(plan, rendering, other) - picture)[inside].max() > 1


def test_the_reconstruction_is_measured_over_the_whole_window(make_job, variants):
    job = make_job()
    found = job.run(variants, SEED, KEY)
    (rendering,) = job.render([job.plan(variants[0], SEED, KEY)])
    control, _ = job.flow.decode_whole(rendering.control, GRID)
    expected = pytest.approx(psnr(job.picture, control), abs=0.01)
    assert all(picture.reconstruction_psnr == expected for picture in found.values())


def test_the_difference_is_the_mean_inside_the_mask():
    grey, mask = np.full((4, 4, 3), 100, np.uint8), np.zeros((4, 4), bool)
    artifact = grey.copy()
    artifact[0, :2], artifact[3, 3] = 90, 255
    picture = RenderedVariant(
        box=(0, 0, 4, 4), target_box=(0, 0, 2, 1), artifact=artifact, control=grey, mask=mask,
        edit=~mask, reconstruction_psnr=30.0, evaluations=1.0, together=1,
    )  # fmt: skip
    assert picture.difference == 0
    mask[0, :4] = True
    assert dataclasses.replace(picture, mask=mask).difference == 5


def test_psnr_of_known_error():
    black = np.zeros((4, 4, 3), dtype=np.uint8)
    assert psnr(black, np.full((4, 4, 3), 25.5, dtype=np.float32)) == pytest.approx(20.0)
    assert psnr(black, black.astype(np.float32)) == 100.0


def test_the_start_is_the_inversions_timestep_nearest_to_t_s():
    states = (0.0, 0.3, 0.6, 0.8, 1.0)
    assert start_step(states, 0.62) == 2
    assert start_step(states, 0.01) == 3
    assert start_step(states, 1.0) == 0
    with pytest.raises(ValueError, match=r"stopped at t = 0\.600, before t_s = 0\.7"):
        start_step(states[:3], 0.7)


def test_inversions_and_windows_that_do_not_fit_are_refused(make_job, flow, photo):
    assert make_job(until=0.5, t_s=0.5).settings.timesteps[-1] == 0
    with pytest.raises(ValueError, match=r"stopped at t = 0\.\d+, before t_s = 1\.0"):
        make_job(until=0.5, t_s={**BY_TOOL, "distort": 0.1})
    trajectory = make_job().trajectory
    for change, message in (
        ({"size": (96, 80)}, "24 tokens for a window of 30"),
        ({"box": (60, 16, 156, 80)}, "leaves the photo"),
    ):
        window = WINDOW.model_copy(update=change)
        with pytest.raises(ValueError, match=message):
            WindowJob(flow, photo, window, trajectory, "fireflow", InjectParams())


def together(variants):
    return [variant.model_copy(update={"picture": "p0"}) for variant in variants]


@pytest.mark.parametrize("mode", MODES)
def test_the_flaws_of_a_picture_are_cut_out_of_one_rendering(make_job, photo, variants, mode):
    job = make_job(mode=mode, margin=0, feather=0)
    flaws = together(variants)
    shape = photo.shape[:2]
    owned = share_pixels(flaws, {"w0": WINDOW}, shape, job.params)
    found = job.run(flaws, SEED, KEY, owned)
    seen = np.zeros(shape, int)
    for flaw in flaws:
        picture = found[flaw.id]
        x0, y0, x1, y1 = picture.box
        crop = photo[y0:y1, x0:x1]
        assert np.array_equal(picture.artifact[~picture.edit], crop[~picture.edit])
        assert np.array_equal(picture.control[~picture.edit], crop[~picture.edit])
        assert picture.mask.any() and not (picture.mask & ~picture.edit).any()
        assert picture.together == 1
        seen[y0:y1, x0:x1] += picture.edit
    assert seen.max() == 1
    costs = [picture.evaluations for picture in found.values()]
    assert len(set(costs)) == 1
    if mode == "dense":  # a pass costs the same, whatever the number of flaws
        alone = job.run(flaws[:1], SEED, KEY)["v0"]
        assert costs[0] == pytest.approx(alone.evaluations / 3)


def test_only_the_flaw_that_fails_is_rejected(make_job, variants, variant):
    misfit, unseen = variant([24], [0], id="v7"), variant([0], [1], id="v8")
    flaws = together([*variants[:2], misfit, unseen])
    job = make_job(margin=0, feather=0)
    owned = share_pixels(flaws, {"w0": WINDOW}, (96, 128), job.params)
    owned["v8"] = np.zeros((96, 128), bool)
    found = job.run(flaws, SEED, KEY, owned)
    assert reasons(found) == {"v7": InjectCode.BAD_MAPPING, "v8": InjectCode.INVISIBLE}


def test_a_picture_that_cannot_be_rendered_loses_all_its_flaws(make_job, variants, monkeypatch):
    job = make_job(batch=1, margin=0)
    flaws = [*together(variants[:2]), variants[2]]
    fail_on(job, monkeypatch, len(variants[2].targets), not_a_number)
    assert len(variants[0].targets) + len(variants[1].targets) == len(variants[2].targets)
    found = job.run(flaws, SEED, KEY)
    assert set(reasons(found)) == {"v0", "v1", "v2"}
