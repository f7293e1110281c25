import pytest
from benchmark_files import write_json, write_picture

from applications.evaluation.readers import detect_form


def annotation(name, parts=(), people=()):
    image = {"file_name": f"{name}.jpg", "width": 40, "height": 30, "prompt": "p", "tag": ""}
    return {"image": image, "annotation": list(parts), "human": list(people)}


HAND = {"bbox": [5, 6, 15, 16], "body_parts": "hand", "level": "severe"}
PERSON = {"bbox": [0, 0, 30, 30], "tag": ["human with extra hand"]}


@pytest.fixture
def folder(tmp_path):
    def write(entries, split="val_ALL", pictures=True):
        for name, content in entries.items():
            write_json(tmp_path / "annotations" / split / f"{name}.json", content)
            if pictures:
                write_picture(tmp_path / "images" / split / f"{name}.jpg")
        return tmp_path

    return write


def test_parts_are_regions_and_people_where_there_are_none(read, folder):
    path = folder(
        {
            "sdxl_1": annotation("sdxl_1", [HAND], [PERSON]),
            "sdxl_2": annotation("sdxl_2", [], [PERSON]),
            "mj_3": annotation("mj_3", [], [{"bbox": [0, 0, 9, 9], "tag": []}]),
        }
    )
    assert detect_form(path) == "had"
    found = {example.key: example for example in read("had", path).examples}
    both, person, clean = (found[f"val_ALL/{name}"] for name in ("sdxl_1", "sdxl_2", "mj_3"))
    assert [(r.box, r.text) for r in both.regions] == [((5, 6, 15, 16), "severe hand")]
    assert [(r.box, r.text) for r in person.regions] == [((0, 0, 30, 30), "human with extra hand")]
    assert (clean.label, clean.regions) == ("clean", ())
    assert (both.facts, both.size) == ({"generator": "sdxl"}, (40, 30))


def test_what_cannot_be_used_is_named(read, kinds, folder):
    path = folder({"a_1": annotation("a_1"), "a_2": {"image": {}}, "a_3": annotation("gone")})
    (path / "annotations" / "val_ALL" / "a_4.json").write_text("{")
    found = read("had", path)
    assert [example.key for example in found.examples] == ["val_ALL/a_1"]
    assert kinds(found) == [
        ("bad label", "val_ALL/a_2"),
        ("missing picture", "gone.jpg"),
        ("bad label", "val_ALL/a_4"),
        ("unlabelled picture", "a_2.jpg"),
        ("unlabelled picture", "a_3.jpg"),
    ]
