"""Tiny random models of the real classes learn eight conversations by heart, on the CPU."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from tuning import LEARN, export_pair, make_base

from applications.evaluation.inspecting import inspect_set
from applications.evaluation.sets import open_set
from applications.inspectors import load_inspector
from applications.inspectors.vlm.answers import parse
from applications.inspectors.vlm.families import FAMILIES
from applications.inspectors.vlm.record import read_tuning
from applications.training.vlm import train as module
from applications.training.vlm import trainer
from applications.training.vlm.train import tune
from flows.exports.samples import Sample
from stages.engine.workspace import FactoryError

pytestmark = pytest.mark.timeout(900)


class Stopped(Exception):
    pass


class StopAfter:
    """Makes trainers that count their steps and stop after the checkpoint at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        from transformers import TrainerCallback

        make, self.steps = module.make_trainer, 0
        outer = self

        class Count(TrainerCallback):
            def on_step_end(self, *_: object, **__: object) -> None:
                outer.steps += 1

            def on_save(self, args: object, state: object, *_: object, **__: object) -> None:
                if state.global_step == step:  # pyright: ignore[reportAttributeAccessIssue]
                    raise Stopped

        def counting(*args: object) -> object:
            trainer = make(*args)  # pyright: ignore[reportArgumentType]
            trainer.add_callback(Count())
            return trainer

        monkeypatch.setattr(module, "make_trainer", counting)


def write_params(path: Path, **params: object) -> Path:
    path.write_text(json.dumps({"inspectors": {"vlm": params}}))
    return path


def learn(work: Path, published: Path, family: str) -> Sample:
    """Tune, be stopped after half of the steps, and resume."""
    sample = export_pair(published, work / "export", family)
    base = make_base(work / "base", family)
    half = LEARN["steps"] // 2
    with pytest.MonkeyPatch.context() as patch:
        first = StopAfter(patch, half)
        with pytest.raises(Stopped):
            tune(work / "export", str(base), work / "tuned", save_every=half, **LEARN)
    with pytest.MonkeyPatch.context() as patch:
        second = StopAfter(patch, -1)
        tune(work / "export", str(base), work / "tuned", save_every=half, resume=True, **LEARN)
    assert (first.steps, second.steps) == (half, LEARN["steps"] - half)
    return sample


def check_learnt(work: Path, sample: Sample) -> None:
    tuning = read_tuning(work / "tuned")
    assert not {p.suffix for p in (work / "tuned").iterdir()} & {".bin", ".pt", ".pth", ".pkl"}
    assert tuning and tuning.loss["last"] < 0.1 * tuning.loss["first"]
    assert tuning.balance["detection"] == {"no": 1, "yes": 1}
    inspector = load_inspector(
        "vlm", write_params(work / "p.json", model=str(work / "tuned"), explain_regions=True)
    )
    rows = Dataset.from_parquet(str(work / "export/data/train.parquet"), cache_dir=str(work / "c"))
    assert len(rows) == 8
    for row in rows:
        pictures = [np.asarray(picture.convert("RGB")) for picture in row["images"]]
        asked, answered = row["messages"]
        said = inspector._model.ask(pictures, asked["content"][-1]["text"], 300).text  # pyright: ignore
        parse(row["task"], said)
        assert said == answered["content"][0]["text"]
    clean, flawed = (inspector.inspect(p) for p in (sample.real, sample.artifact))
    flaw, words = sample.record.flaws[0], sample.record.explanation
    assert clean.probability < 0.5 and clean.regions == () and clean.text == words.clean
    assert flawed.probability > 0.5 and flawed.text == words.overall
    (region,) = flawed.regions
    assert region.text == f"{flaw.label}: {flaw.text}"
    assert np.abs(np.subtract(region.box, flaw.mask_box)).max() < 1


@pytest.fixture(scope="module")
def learnt(published: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sample]:
    work = tmp_path_factory.mktemp("learnt")
    return work, learn(work, published, "qwen2.5-vl")


def test_eight_conversations_are_learnt_by_heart_and_a_run_resumes(
    learnt: tuple[Path, Sample],
) -> None:
    check_learnt(*learnt)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["qwen3-vl", "internvl"])
def test_the_other_families_learn_too(family: str, published: Path, tmp_path: Path) -> None:
    check_learnt(tmp_path, learn(tmp_path, published, family))


def test_a_set_is_evaluated(learnt: tuple[Path, Sample], published: Path, tmp_path: Path) -> None:
    work, _ = learnt
    inspector = load_inspector("vlm", write_params(tmp_path / "p.json", model=str(work / "tuned")))
    examples = open_set(published, split="test").examples
    rows = inspect_set(examples, {inspector.name: inspector}).rows["tuned"]
    assert len(rows) == len(examples)
    for row in rows:
        assert row.failure is None or row.failure.code == "unusable_answer"


def test_the_base_of_an_adapter_must_be_the_one_that_was_tuned(
    learnt: tuple[Path, Sample], tmp_path: Path
) -> None:
    work, _ = learnt
    other = make_base(tmp_path / "other", "qwen3-vl")
    params = write_params(tmp_path / "p.json", model=str(work / "tuned"), base=str(other))
    with pytest.raises(FactoryError, match="was tuned on other weights"):
        load_inspector("vlm", params)


def test_a_run_is_resumed_only_with_its_settings(learnt: tuple[Path, Sample]) -> None:
    work, _ = learnt
    with pytest.raises(FactoryError, match=r"was started with rate 0\.01, not 0\.02"):
        tune(work / "export", str(work / "base"), work / "tuned", resume=True,
             **LEARN | {"rate": 0.02})  # fmt: skip


def test_a_finished_folder_is_not_overwritten(learnt: tuple[Path, Sample]) -> None:
    work, _ = learnt
    with pytest.raises(FactoryError, match="exists and is not empty"):
        tune(work / "export", str(work / "base"), work / "tuned", **LEARN)


def test_full_tuning_leaves_the_vision_tower_as_it_was(
    learnt: tuple[Path, Sample], tmp_path: Path
) -> None:
    work, _ = learnt
    family = FAMILIES["qwen2.5-vl"]
    tune(work / "export", str(work / "base"), tmp_path / "to", method="full", steps=2, batch=4,
         device_batch=2, rate=0.01)  # fmt: skip
    before = load_file(work / "base" / "model.safetensors")
    after = load_file(tmp_path / "to" / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    # Saved names are those of the released files: `visual.` and `model.` at the top.
    tower = {n for n in before if "visual." in n and "visual.merger." not in n}
    assert tower and not tower & changed
    assert any("visual.merger." in name for name in changed)
    assert any("embed_tokens" in name for name in changed)
    assert any("self_attn" in name for name in changed)
    inspector = load_inspector("vlm", write_params(tmp_path / "p", model=str(tmp_path / "to")))
    assert inspector.name == "to" and family.model_class


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trainer.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FactoryError, match=r"tuning needs trl and peft: pip install"):
        tune(tmp_path, "nowhere", tmp_path / "to")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--batch=0", "--batch must be at least 1"),
        ("--tasks=detection,colour", "no task 'colour': choose of detection"),
        ("--epochs=0", "--epochs positive"),
    ],
)
def test_a_wrong_option_is_one_line(option: str, message: str) -> None:
    with pytest.raises(FactoryError, match=message):
        module.run(["--data", "d", "--model", "m", "--to", "t", option])
