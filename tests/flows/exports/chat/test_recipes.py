"""The configurations name files of the export and its limits; the trainers' own parsers are in
benchmarks/loaders."""

import json
from pathlib import Path

import pytest
import yaml
from exporting import export

from flows.exports.chat.recipes import TEMPLATES
from flows.exports.chat.targets import TARGETS


def read(folder: Path) -> dict[str, dict]:
    return {
        name: yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in ("lora", "full")
    }


def test_every_target_has_a_template() -> None:
    assert set(TEMPLATES) == set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_llama_factory_keeps_the_exports_limits(
    target: str, published: Path, tmp_path: Path
) -> None:
    folder = export("llama-factory", published, tmp_path / "set", target=target)
    summary = json.loads((folder / "summary.json").read_text())
    index = json.loads((folder / "dataset_info.json").read_text())
    for method, found in read(folder).items():
        assert found["finetuning_type"] == method
        assert found["image_max_pixels"] == summary["max_pixels"]
        assert found["cutoff_len"] >= summary["max_tokens_estimate"]
        assert {found["dataset"], found["eval_dataset"]} <= set(index)
        assert found["freeze_vision_tower"] and not found["freeze_multi_modal_projector"]
        assert found.get("crop_to_patches") is (False if target == "internvl" else None)


@pytest.mark.parametrize("target", TARGETS)
def test_ms_swift_keeps_the_exports_limits(target: str, published: Path, tmp_path: Path) -> None:
    folder = export("ms-swift", published, tmp_path / "set", target=target)
    limit = json.loads((folder / "summary.json").read_text())["max_pixels"]
    for method, found in read(folder).items():
        assert found["tuner_type"] == method
        for name in (*found["dataset"], *found["val_dataset"]):
            assert (folder / name).is_file()
        variables = found["ENV"]
        tiles = {"MAX_NUM": 1, "ROOT_IMAGE_DIR": "."}
        pixels = {"MAX_PIXELS": limit, "ROOT_IMAGE_DIR": ".", "QWENVL_BBOX_FORMAT": "new"}
        assert variables == (tiles if target == "internvl" else pixels)
        assert found["freeze_vit"] and not found["freeze_aligner"]


def test_without_a_validation_split_nothing_is_validated(published: Path, tmp_path: Path) -> None:
    for name in ("llama-factory", "ms-swift"):
        folder = export(name, published, tmp_path / name, splits=("train",))
        for found in read(folder).values():
            assert not {"eval_dataset", "val_dataset", "eval_strategy"} & set(found)
