import dataclasses

import pytest
import torch
from pydantic import ValidationError

from stages.engine.provenance import result_params
from stages.engine.stage import Assembled, BaseParams, RejectPhoto
from stages.engine.workspace import FactoryError
from stages.invert.params import InvertParams
from stages.invert.stage import InvertStage
from stages.models import registry
from stages.models.flow.trajectory import Trajectory
from stages.records.documents import Inversion


@pytest.fixture
def stage(flow):
    stage = InvertStage(InvertParams(steps=4), BaseParams())
    stage.flow = flow
    return stage


def edited(sample, **window):
    documents = {name: dict(document) for name, document in sample.documents.items()}
    first = documents["perceive"]["windows"][0] | window
    documents["perceive"]["windows"] = [first]
    return dataclasses.replace(sample, documents=documents)


def test_the_windows_that_variants_use_are_inverted(stage, flow_sample):
    output = stage.process(flow_sample)
    assert isinstance(output.document, Inversion)
    assert output.document.windows == ["w0"]
    assert list(output.members) == ["w0.latents.safetensors"]
    kept = Trajectory.from_bytes(output.members["w0.latents.safetensors"])
    assert kept.points.shape == (9, 20, 64)
    assert list(kept.states("fireflow")) == output.document.timesteps
    assert stage.process(flow_sample).members == output.members


def captioned(sample, caption):
    scene = {**sample.documents["perceive"], "caption": caption}
    return dataclasses.replace(sample, documents={**sample.documents, "perceive": scene})


class RecordingPrompts:
    """Accepts every prompt, records it and returns the conditioning of the empty one."""

    takes_prompts = True

    def __init__(self, inner):
        self.inner, self.tokens, self.received = inner, inner.tokens, set()

    def __call__(self, prompt):
        self.received.add(prompt)
        return self.inner("")


@pytest.mark.parametrize(
    ("prompt", "caption", "expected"),
    [
        ("{caption}", "A cat.", "A cat."),
        ("{caption}", "", ""),
        ("a photo: {caption}", "A cat.", "a photo: A cat."),
        ("", "A cat.", ""),
        ("grass", "A cat.", "grass"),
    ],
)
def test_caption_fills_the_prompt(flow, flow_sample, monkeypatch, prompt, caption, expected):
    stage = InvertStage(InvertParams(steps=1, prompt=prompt), BaseParams())
    stage.flow = flow
    monkeypatch.setattr(flow, "prompts", RecordingPrompts(flow.prompts))
    output = stage.process(captioned(flow_sample, caption))
    assert flow.prompts.received == {expected} and output.document.prompt == expected


def test_a_model_without_text_encoders_gets_no_caption(stage, flow_sample):
    output = stage.process(captioned(flow_sample, "A cat."))
    assert output.document.prompt == ""
    assert output.members == stage.process(flow_sample).members


def test_a_prompt_for_a_model_without_text_encoders_is_an_error(flow, monkeypatch):
    monkeypatch.setattr(registry, "create", lambda role, base, params: flow)
    InvertStage(InvertParams(), BaseParams()).setup()
    with pytest.raises(FactoryError, match="no text encoders for 'a cat'"):
        InvertStage(InvertParams(prompt="a cat"), BaseParams()).setup()


@pytest.mark.parametrize("prompt", ["{captoin}", "{", "{caption.__class__}"])
def test_an_unknown_slot_is_refused(prompt):
    with pytest.raises(ValidationError, match=r"the only slot is \{caption\}"):
        InvertParams(prompt=prompt)


def test_rows_has_one_row_per_photo(stage, flow_sample):
    output = stage.process(flow_sample)
    (row,) = stage.rows(output.document.model_dump(mode="json"))
    assert row["key"] == flow_sample.key and row["windows"] == 1
    assert row["latent_bytes"] == len(output.members["w0.latents.safetensors"])
    assert row["noise_std_min"] == row["noise_std_max"] > 0


def test_a_photo_without_windows_is_rejected(stage, flow_sample):
    with pytest.raises(RejectPhoto) as caught:
        stage.process(edited(flow_sample, id="w9"))
    assert caught.value.code == "no_window"


def test_a_window_outside_the_photo_is_rejected(stage, flow_sample):
    with pytest.raises(RejectPhoto) as caught:
        stage.process(edited(flow_sample, box=[60, 16, 140, 80]))
    assert caught.value.code == "bad_window"


def test_latents_that_are_not_finite_are_rejected(stage, flow_sample, monkeypatch):
    monkeypatch.setattr(stage.flow, "velocity", lambda z, *_, **__: torch.full_like(z, torch.inf))
    with pytest.raises(RejectPhoto) as caught:
        stage.process(flow_sample)
    assert caught.value.code == "not_finite"


@pytest.mark.parametrize(("noise", "passes"), [(0.9, True), (0.2, False), (2.0, False)])
def test_a_photo_that_does_not_become_noise_is_rejected_without_recomputing(noise, passes):
    stage = InvertStage(InvertParams(), BaseParams())
    document = Inversion(
        key="00112233445566aa", solver="euler", timesteps=[0, 1], windows=["w0", "w1"],
        noise_std={"w0": 1.0, "w1": noise}, latent_bytes=10,
    ).model_dump(mode="json")  # fmt: skip
    result = Assembled(0, "00112233445566aa", document, {})
    if passes:
        assert stage.sift(result) == (result, [])
        return
    with pytest.raises(RejectPhoto, match=f"window w1 .* deviation {noise:.2f}") as caught:
        stage.sift(result)
    assert caught.value.code == "not_noise"
    lenient = InvertStage(InvertParams(min_noise_std=0.1, max_noise_std=3), BaseParams())
    assert lenient.sift(result) == (result, [])
    assert result_params(lenient) == result_params(stage)  # the store's keys are the same
