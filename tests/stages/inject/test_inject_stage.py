import dataclasses

import numpy as np
import pytest
import torch

from stages.engine.faults import is_out_of_memory
from stages.engine.provenance import result_params
from stages.engine.stage import Assembled, BaseParams, RejectPhoto
from stages.inject.params import InjectParams
from stages.inject.stage import InjectStage
from stages.invert.params import InvertParams
from stages.invert.stage import InvertStage
from stages.records.documents import Injection, Scene
from stages.records.images import read_mask, read_png


@pytest.fixture
def inverted(flow, flow_sample):
    stage = InvertStage(InvertParams(steps=4), BaseParams())
    stage.flow = flow
    output = stage.process(flow_sample)
    members = {f"invert/{name}": data for name, data in output.members.items()}
    return dataclasses.replace(
        flow_sample,
        documents={**flow_sample.documents, "invert": output.document.model_dump(mode="json")},
        members={**flow_sample.members, **members},
    )


@pytest.fixture
def stage(flow):
    stage = InjectStage(InjectParams(), BaseParams())
    stage.flow = flow
    return stage


def with_variants(sample, *edits):
    """The sample with its first variants edited; the rest dropped."""
    variants = [v | e for v, e in zip(sample.documents["map"]["variants"], edits, strict=False)]
    document = sample.documents["map"] | {"variants": variants}
    return dataclasses.replace(sample, documents={**sample.documents, "map": document})


def codes(output):
    return {reject.variant: reject.code for reject in output.rejects}


def test_every_variant_has_its_four_members(stage, inverted):
    output = stage.process(inverted)
    assert isinstance(output.document, Injection)
    assert [o.variant for o in output.document.outcomes] == ["v0", "v1", "v2"]
    assert [o.tool for o in output.document.outcomes] == ["add", "distort", "fuse"]
    assert not output.rejects
    for outcome in output.document.outcomes:
        x0, y0, x1, y1 = outcome.box
        for name in ("artifact", "control"):
            pixels = read_png(output.members[f"{outcome.variant}.{name}.png"])
            assert pixels.shape == (y1 - y0, x1 - x0, 3)
        for name in ("mask", "edit"):
            mask = read_mask(output.members[f"{outcome.variant}.{name}.png"])
            assert mask.shape == (y1 - y0, x1 - x0)


def test_artifact_and_control_equal_the_photo_outside_the_edit(stage, inverted):
    photo = read_png(inverted.members["ingest/photo.png"])
    output = stage.process(inverted)
    for outcome in output.document.outcomes:
        x0, y0, x1, y1 = outcome.box
        crop = photo[y0:y1, x0:x1]
        artifact, control, mask, edit = (
            read(output.members[f"{outcome.variant}.{name}.png"])
            for name, read in (
                ("artifact", read_png), ("control", read_png),
                ("mask", read_mask), ("edit", read_mask),
            )
        )  # fmt: skip
        assert np.array_equal(artifact[~edit], crop[~edit])
        assert np.array_equal(control[~edit], crop[~edit])
        assert mask.any() and not mask[~edit].any()
        assert outcome.mask_pixels == mask.sum() and outcome.edit_pixels == edit.sum()
        assert edit[0].any() and edit[-1].any() and edit[:, 0].any() and edit[:, -1].any()
        tx0, ty0, tx1, ty1 = outcome.target_box
        assert x0 <= tx0 < tx1 <= x1 and y0 <= ty0 < ty1 <= y1


def test_same_input_same_bytes(stage, inverted):
    first, second = stage.process(inverted), stage.process(inverted)
    assert first.members == second.members and first.document == second.document


def test_the_base_seed_draws_the_fresh_noise(flow, inverted):
    def render(seed):
        stage = InjectStage(InjectParams(rho=0.7), BaseParams(seed=seed))
        stage.flow = flow
        return stage.process(inverted).members["v0.artifact.png"]

    assert render(0) == render(0) != render(1)


def test_a_mapping_that_does_not_fit_rejects_only_its_variant(stage, inverted):
    output = stage.process(with_variants(inverted, {}, {"targets": [20]}, {"references": [0]}))
    assert [o.variant for o in output.document.outcomes] == ["v0"]
    assert codes(output) == {"v1": "bad_mapping", "v2": "bad_mapping"}
    assert "4 x 5" in output.rejects[0].message


def test_an_identity_mapping_is_invisible(stage, inverted):
    output = stage.process(with_variants(inverted, {"references": [6, 7]}, {}))
    assert codes(output) == {"v0": "invisible"}
    assert "v0.artifact.png" not in output.members and "v1.artifact.png" in output.members


def test_a_window_that_was_not_inverted_rejects_only_its_variants(stage, inverted):
    output = stage.process(with_variants(inverted, {"window": "w1"}, {"window": "w7"}, {}))
    assert codes(output) == {"v0": "no_window", "v1": "no_window"}
    assert [o.variant for o in output.document.outcomes] == ["v2"]


@pytest.mark.parametrize("data", [b"", b"\0" * 64])
def test_damaged_latents_reject_the_photo(stage, inverted, data):
    members = {**inverted.members, "invert/w0.latents.safetensors": data}
    with pytest.raises(RejectPhoto) as caught:
        stage.process(dataclasses.replace(inverted, members=members))
    assert caught.value.code == "bad_latents"


def test_latents_of_another_grid_reject_the_photo(stage, inverted):
    scene = Scene.model_validate(inverted.documents["perceive"])
    windows = [scene.windows[0].model_copy(update={"size": (96, 64)})]
    documents = {
        **inverted.documents,
        "perceive": scene.model_copy(update={"windows": windows}).model_dump(mode="json"),
    }
    with pytest.raises(RejectPhoto, match="20 tokens for a window of 24"):
        stage.process(dataclasses.replace(inverted, documents=documents))


def test_renderings_that_are_not_finite_are_rejected(stage, inverted, monkeypatch):
    monkeypatch.setattr(stage.flow, "velocity", lambda z, *_: torch.full_like(z, torch.nan))
    output = stage.process(inverted)
    assert set(codes(output).values()) == {"not_finite"} and not output.members


def test_a_batch_that_does_not_fit_into_memory_is_halved(stage, inverted, monkeypatch):
    velocity, sizes = stage.flow.velocity, []

    def small(z, *rest):
        sizes.append(len(z))
        if len(z) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return velocity(z, *rest)

    stage.params = InjectParams(mode="dense")
    unsplit = stage.process(inverted)
    monkeypatch.setattr(stage.flow, "velocity", small)
    output = stage.process(inverted)
    assert max(sizes) == 4 and not output.rejects
    for outcome, before in zip(output.document.outcomes, unsplit.document.outcomes, strict=True):
        assert outcome.box == before.box
        assert (outcome.together, before.together) == (1, 3)
        name = f"{outcome.variant}.artifact.png"
        difference = read_png(output.members[name]).astype(int) - read_png(unsplit.members[name])
        assert abs(difference).max() <= 1


def test_a_single_picture_that_does_not_fit_into_memory_ends_the_photo(
    stage, inverted, monkeypatch
):
    """The engine then rejects the photo for now: nothing is stored."""

    def full(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1 TB")

    monkeypatch.setattr(stage.flow, "velocity", full)
    with pytest.raises(RuntimeError) as caught:
        stage.process(inverted)
    assert is_out_of_memory(caught.value)


def test_other_runtime_errors_are_not_treated_as_out_of_memory(stage, inverted, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(stage.flow, "velocity", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        stage.process(inverted)


def test_rows_are_the_manifests_columns(stage, inverted):
    rows = stage.rows(stage.process(inverted).document.model_dump(mode="json"))
    assert [row["variant"] for row in rows] == ["v0", "v1", "v2"]
    assert all(0 < row["mask_share"] <= 1 and row["difference"] > 0 for row in rows)


def test_the_gate_refuses_masks_outside_the_edit(judged, stage, inverted):
    rows = stage.rows(stage.process(inverted).document.model_dump(mode="json"))
    lenient = InjectStage(InjectParams(min_reconstruction_psnr=0), BaseParams())

    def failures(rows):
        found = judged(lenient, rows, variants_extra=0)
        return {check.expectation for check in found.failures}

    assert not failures(rows)
    larger = rows[0] | {"mask_pixels": rows[0]["edit_pixels"] + 1}
    assert failures([larger, *rows[1:]]) == {"expect_column_pair_values_a_to_be_greater_than_b"}
    assert failures([rows[0] | {"tool": "paint"}]) == {"expect_column_values_to_be_in_set"}
    assert failures([rows[0], rows[0]]) == {"expect_compound_columns_to_be_unique"}


def test_variants_of_a_window_with_a_poor_control_are_rejected_without_recomputing(stage, inverted):
    output = stage.process(inverted)
    document = output.document.model_dump(mode="json")
    for outcome, loss in zip(document["outcomes"], (14.0, 16.0, 3.0), strict=True):
        outcome["reconstruction_psnr"] = loss
    result = Assembled(0, inverted.key, document, output.members)
    strict = InjectStage(InjectParams(min_reconstruction_psnr=15), BaseParams())
    kept, rejects = strict.sift(result)
    assert [outcome["variant"] for outcome in kept.document["outcomes"]] == ["v1"]
    assert {name.split(".")[0] for name in kept.members} == {"v1"} and len(kept.members) == 4
    assert [(r.variant, r.code) for r in rejects] == [
        ("v0", "not_reconstructed"), ("v2", "not_reconstructed"),
    ]  # fmt: skip
    assert "14.0 dB (inject.min_reconstruction_psnr 15)" in rejects[0].message
    lenient = InjectStage(InjectParams(min_reconstruction_psnr=0), BaseParams())
    assert lenient.sift(result) == (result, [])
    assert result_params(lenient) == result_params(strict)  # the store's keys are the same


@pytest.mark.parametrize("mode", ["sparse", "dense", "faithful"])
def test_every_mode_renders_and_is_recorded(flow, inverted, mode):
    starts = {"add": 1.0, "remove": 1.0, "distort": 0.5, "fuse": 0.75}
    stage = InjectStage(InjectParams(mode=mode, t_s=starts), BaseParams())
    stage.flow = flow
    output = stage.process(inverted)
    assert output.document.mode == mode and not output.rejects
    assert len({outcome.evaluations for outcome in output.document.outcomes}) == (
        1 if mode == "faithful" else 3
    )


def test_a_tool_missing_from_the_params_is_named():
    with pytest.raises(ValueError, match="no share for distort, fuse, remove"):
        InjectParams(t_s={"add": 0.5})
