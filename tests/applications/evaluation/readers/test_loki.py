import json
from pathlib import Path

import pytest
from benchmark_files import write_json, write_picture

from applications.evaluation.readers import detect_form
from stages.engine.workspace import FactoryError

PUBLISHED = Path(__file__).parents[5] / "shared" / "generated" / "loki.json"
"""LOKI's own file, which nobody has licensed to be copied here."""
ENTRY = {
    "image_path": "media_data/image/0a.png",
    "problems": {
        "regional": [
            {"region": [3.5, 2.0, 10.25, 5.0], "desc": "The chair floats."},
            {"region": [20.0, 10.0, 5.0, 6.0], "desc": ""},
        ],
        "global": [{"desc": "Nothing here – „really“ – stands."}],
    },
    "id": 1, "question": "?", "choices": [], "answer": "", "modality": "image",
    "question_type": "open-ended", "metric": "model-as-judge",
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_boxes_have_width_and_height(read, tmp_path, encoding):
    write_json(tmp_path / "open_ended_vqa.json", [ENTRY], encoding)
    write_picture(tmp_path / "media_data" / "image" / "0a.png")
    assert detect_form(tmp_path) == "loki"
    [example] = read("loki", tmp_path).examples
    assert [region.box for region in example.regions] == [(3.5, 2, 13.75, 7), (20, 10, 25, 16)]
    assert [region.text for region in example.regions] == ["The chair floats.", ""]
    assert example.text == "Nothing here – „really“ – stands."
    assert (example.label, example.size) == ("flawed", None)


def test_the_file_alone_names_every_missing_picture(read, kinds, tmp_path):
    path = write_json(tmp_path / "open_ended_vqa.json", [ENTRY], "utf-16")
    found = read("loki", path)
    assert (found.examples, kinds(found)) == ((), [("missing picture", ENTRY["image_path"])])


def test_pictures_may_be_elsewhere(read, tmp_path):
    write_json(tmp_path / "a" / "data_json" / "image" / "open_ended_vqa.json", [ENTRY], "utf-16")
    write_picture(tmp_path / "b" / "media_data" / "image" / "0a.png")
    assert len(read("loki", tmp_path / "a", pictures=tmp_path / "b").examples) == 1


@pytest.mark.parametrize(
    "problems",
    [
        {},
        {"regional": 3, "global": []},
        {"regional": [{"region": [1, 2, 3]}], "global": []},
        {"regional": [{"region": [1, 2, 0, 3]}], "global": []},
        {"regional": [{"region": [1, 2, True, 3]}], "global": []},
        {"regional": [{"region": [1, 2, 10**400, 3]}], "global": []},
    ],
)
def test_a_label_of_another_form_is_named(read, kinds, tmp_path, problems):
    write_json(tmp_path / "open_ended_vqa.json", [ENTRY | {"problems": problems}])
    write_picture(tmp_path / "media_data" / "image" / "0a.png")
    assert kinds(read("loki", tmp_path)) == [("bad label", ENTRY["image_path"])]


@pytest.mark.parametrize("text", ["", "{}", "[1", '{"a": [', "\ufeff\ufeff[]"])
def test_a_file_that_is_no_list_is_an_error(read, tmp_path, text):
    path = tmp_path / "open_ended_vqa.json"
    path.write_text(text)
    with pytest.raises(FactoryError, match=str(path)):
        read("loki", tmp_path)


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="LOKI's file is not here")
def test_the_published_annotation(read, tmp_path):
    for entry in json.loads(PUBLISHED.read_text(encoding="utf-16")):
        picture = tmp_path / entry["image_path"]
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.touch()  # labels are read without the pixels
    found = read("loki", PUBLISHED, pictures=tmp_path)
    assert not found.problems
    regions = [region for example in found.examples for region in example.regions]
    assert (len(found.examples), len(regions)) == (229, 687)
    assert sum(not region.text for region in regions) == 1
    assert sum(not example.text for example in found.examples) == 4
