import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tuning import make_base

from applications.inspectors import load_inspector
from applications.inspectors.vlm.asking import Reply
from applications.inspectors.vlm.inspector import VlmInspector
from stages.engine.stage import RejectPhoto
from stages.engine.workspace import FactoryError
from stages.models.weights.packages import WeightsError

DETECTION, PLACES = '{"flawed": true}', '[{"bbox_2d": [0, 14, 42, 56], "label": "extra\\n ear"}]'
OVERALL = '{"flawed": true, "explanation": "Two ears."}'
PICTURE = np.zeros((112, 168, 3), np.uint8)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base") / "tiny", "qwen2.5-vl")


@pytest.fixture(scope="module")
def loaded(base: Path) -> VlmInspector:
    return load(base)


def load(model: Path, **params: object) -> VlmInspector:
    file = model.parent / "params.json"
    file.write_text(json.dumps({"inspectors": {"vlm": {"model": str(model), **params}}}))
    found = load_inspector("vlm", file)
    assert isinstance(found, VlmInspector)
    return found


class Script:
    """A model that gives answers from a list and notes the questions."""

    def __init__(self, *answers: str) -> None:
        self._answers, self.questions = list(answers), []

    def ask(self, pictures: list, question: str, *_: object) -> Reply:
        self.questions.append((pictures[0].shape, question))
        return Reply(self._answers.pop(0), (), None, False)

    def weigh_yes(self, reply: Reply) -> float | None:
        return None


def answer(loaded: VlmInspector, monkeypatch: pytest.MonkeyPatch, *answers: str) -> Script:
    script = Script(*answers)
    monkeypatch.setattr(loaded, "_model", script)
    return script


def test_boxes_are_mapped_back_to_the_pictures_pixels(
    loaded: VlmInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1200 x 600 is seen at 700 x 336; its boxes are in pixels of that."""
    script = answer(loaded, monkeypatch, DETECTION, PLACES, OVERALL)
    found = loaded.inspect(np.zeros((600, 1200, 3), np.uint8))
    assert {shape for shape, _ in script.questions} == {(336, 700, 3)}
    (region,) = found.regions
    assert np.allclose(region.box, (0, 14 * 600 / 336, 42 * 1200 / 700, 56 * 600 / 336))
    assert (found.probability, region.score) == (1, 1)
    assert (region.text, found.text) == ("extra ear", "Two ears.")


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        (["Yes."], "the answer to detection cannot be used: Invalid JSON"),
        ([DETECTION, PLACES.replace("42", "169")], "is no box inside 168 x 112"),
        ([DETECTION, "[]", "Two ears."], "the answer to overall cannot be used"),
    ],
)
def test_an_unusable_answer_rejects_the_picture(
    answers: list[str],
    problem: str,
    loaded: VlmInspector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer(loaded, monkeypatch, *answers)
    with pytest.raises(RejectPhoto, match=problem) as raised:
        loaded.inspect(PICTURE)
    assert raised.value.evidence == {"answers": [answers[-1]]}


def test_regions_are_explained_on_request(
    loaded: VlmInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = answer(loaded, monkeypatch, DETECTION, PLACES, '{"explanation": "Why."}', OVERALL)
    monkeypatch.setattr(loaded, "_explain", True)
    (region,) = loaded.inspect(PICTURE).regions
    assert region.text == "extra ear: Why."
    assert "[0, 14, 42, 56]" in script.questions[2][1]


def test_an_untuned_model_answers_noise_and_is_counted(loaded: VlmInspector) -> None:
    with pytest.raises(RejectPhoto, match="the answer to detection cannot be used"):
        loaded.inspect(PICTURE)
    with pytest.raises(RejectPhoto, match="aspect ratio"):
        loaded.inspect(np.zeros((1, 300, 3), np.uint8))


@pytest.mark.parametrize("said", ["true", "false"])
def test_the_probability_is_that_of_the_token(said: str, loaded: VlmInspector) -> None:
    """The logits of an answer that was not generated: of true 2 and of false 0.5 at its place."""
    import torch

    model = loaded._model
    text, other = (f'{{"flawed": {word}}}' for word in (said, {"true": "false"}.get(said, "true")))
    tokens, others = model._encode(text), model._encode(other)
    place = next(
        n for n, pair in enumerate(zip(tokens, others, strict=False)) if len(set(pair)) > 1
    )
    logits = torch.zeros(len(tokens), max(*tokens, *others) + 1)
    yes, no = (tokens, others) if said == "true" else (others, tokens)
    logits[place, yes[place]], logits[place, no[place]] = 2, 0.5
    expected = 1 / (1 + np.exp(-1.5))
    assert model.weigh_yes(Reply(text, tuple(tokens), logits, False)) == pytest.approx(expected)
    assert model.weigh_yes(Reply(text, (1, *tokens), logits, False)) is None


def test_a_model_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    file.write_text('{"inspectors": {"vlm": {"model": "nowhere"}}}')
    with pytest.raises(WeightsError, match="'nowhere' is neither a folder nor a name"):
        load_inspector("vlm", file)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    model = make_base(tmp_path / "model", "qwen2.5-vl")
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(FactoryError, match="the weights cannot be loaded"):
        load(model)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"peft_type": "LORA"}, "without tuning.json"),
        (None, "max_pixels is 1000, must be at least"),
    ],
)
def test_an_adapter_needs_its_record_and_a_limit_has_a_minimum(
    config: dict | None, message: str, base: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text((base / "config.json").read_text())
    if config:
        (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(FactoryError, match=message):
        load(folder, max_pixels=1000)


def test_a_damaged_record_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "tuning.json").write_text('{"version": 2}')
    with pytest.raises(FactoryError, match=r"tuning\.json: version"):
        load(tmp_path / "model")


def test_an_adapter_of_another_kind_is_refused(tmp_path: Path) -> None:
    from applications.inspectors.vlm.loading import add_adapter

    (tmp_path / "adapter_config.json").write_text('{"peft_type": "PREFIX_TUNING"}')
    with pytest.raises(FactoryError, match="LORA is supported"):
        add_adapter(SimpleNamespace(), tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (tmp_path / "adapter_model.bin").touch()
    with pytest.raises(FactoryError, match=r"has no adapter_model\.safetensors"):
        add_adapter(SimpleNamespace(), tmp_path)
