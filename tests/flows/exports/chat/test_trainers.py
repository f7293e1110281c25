"""The files of the three trainers, in their documented forms."""

import json
import re
from pathlib import Path

import pytest
from datasets import Image, load_dataset
from exporting import export
from PIL import Image as Pillow


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_llama_factory_reads_what_its_index_names(published: Path, tmp_path: Path) -> None:
    folder = export("llama-factory", published, tmp_path / "set")
    index = json.loads((folder / "dataset_info.json").read_bytes())
    assert "flawfactory_train" in index
    for entry in index.values():
        assert entry["formatting"] == "sharegpt"
        for line in lines(folder / entry["file_name"]):
            roles = [turn[entry["tags"]["role_tag"]] for turn in line["messages"]]
            assert roles == [entry["tags"]["user_tag"], entry["tags"]["assistant_tag"]]
            text = "".join(turn[entry["tags"]["content_tag"]] for turn in line["messages"])
            assert text.count("<image>") == len(line["images"])
            assert all((folder / image).is_file() for image in line["images"])
            json.loads(line["messages"][1]["content"])


def test_ms_swift_gets_boxes_as_objects(published: Path, tmp_path: Path) -> None:
    folder = export("ms-swift", published, tmp_path / "set", target="qwen3-vl")
    boxes = 0
    for path in folder.glob("[!.]*.jsonl"):
        for line in lines(path):
            text = " ".join(turn["content"] for turn in line["messages"])
            assert text.count("<image>") == len(line["images"])
            objects = line.get("objects", {"bbox": [], "image_id": []})
            assert text.count("<bbox>") == len(objects["bbox"]) == len(objects["image_id"])
            assert not re.search(r"\[\d+, \d+, \d+, \d+\]", text)
            for box, number in zip(objects["bbox"], objects["image_id"], strict=True):
                with Pillow.open(folder / line["images"][number]) as picture:
                    assert 0 <= box[0] < box[2] <= picture.width
                    assert 0 <= box[1] < box[3] <= picture.height
                boxes += 1
    assert boxes


def test_ms_swift_gets_internvls_boxes_as_numbers(published: Path, tmp_path: Path) -> None:
    """ms-swift would replace ``<bbox>`` by ``<box>[[...]]</box>``, which is not JSON."""
    folder = export("ms-swift", published, tmp_path / "set", target="internvl")
    boxes = 0
    for path in folder.glob("[!.]*.jsonl"):
        for line in lines(path):
            assert "objects" not in line
            text = " ".join(turn["content"] for turn in line["messages"])
            assert "<bbox>" not in text
            boxes += len(re.findall(r"\[\d+, \d+, \d+, \d+\]", text))
    assert boxes


def test_ms_swift_prefers_the_clean_picture(published: Path, tmp_path: Path) -> None:
    folder = export("ms-swift", published, tmp_path / "set")
    found = [line for path in folder.glob("*.preference.jsonl") for line in lines(path)]
    assert found
    for line in found:
        (chosen,), (rejected,) = line["images"], line["rejected_images"]
        assert chosen.endswith(("-real.png", "-control.png"))
        assert rejected.endswith("-artifact.png")
        assert (folder / chosen).is_file() and (folder / rejected).is_file()


def test_trl_reads_pictures_and_content_lists(published: Path, tmp_path: Path) -> None:
    folder = export("trl", published, tmp_path / "set")
    found = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert found.features["images"].feature == Image()
    for row in found:
        asked, answered = row["messages"]
        kinds = [part["type"] for part in asked["content"]]
        assert kinds == ["image"] * len(row["images"]) + ["text"]
        json.loads(answered["content"][0]["text"])
        assert "<image>" not in asked["content"][-1]["text"]


@pytest.mark.parametrize("name", ["llama-factory", "ms-swift", "trl"])
def test_the_summary_counts_and_the_read_me_states_the_limit(
    name: str, published: Path, tmp_path: Path
) -> None:
    folder = export(name, published, tmp_path / "set", max_pixels=100_000)
    summary = json.loads((folder / "summary.json").read_bytes())
    assert summary["boxes"] == "pixels" and summary["questions"] >= 1
    assert summary["conversations"]["train.detection.clean"] > 0
    read_me = (folder / "README.md").read_text(encoding="utf-8")
    assert "100000" in read_me and "{" not in read_me


@pytest.mark.parametrize(
    "name, words",
    [
        ("llama-factory", "crop_to_patches: false"),
        ("ms-swift", "MAX_NUM=2"),
        ("trl", "max_patches=2"),
    ],
)
def test_the_read_me_states_the_limit_in_tiles(
    name: str, words: str, published: Path, tmp_path: Path
) -> None:
    folder = export(name, published, tmp_path / "set", target="internvl", max_pixels=410_000)
    assert words in (folder / "README.md").read_text(encoding="utf-8")
