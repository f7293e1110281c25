import pytest
from benchmark_files import write_json, write_picture

from applications.evaluation.example import Truth
from applications.evaluation.readers import detect_form
from applications.evaluation.readers.lookers import merge


def looker(flawed, severity=0, *boxes):
    return {
        "flawed": flawed,
        "severity": severity,
        "boxes": [{"box": box, "what": what} for box, what in boxes],
    }


def entry(name, *lookers):
    return {"file": name, "generator": "ldm", "width": 40, "height": 30, "lookers": list(lookers)}


@pytest.fixture
def folder(tmp_path):
    def write(*entries):
        write_json(tmp_path / "labels.json", list(entries))
        for name in "ab":
            write_picture(tmp_path / f"{name}.png")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("answers", "label"),
    [
        ("yes yes", "flawed"),
        ("yes unsure", "flawed"),
        ("yes no", "unknown"),
        ("unsure unsure", "unknown"),
        ("unsure no", "clean"),
        ("no no", "clean"),
    ],
)
def test_the_label_of_two_lookers(read, folder, answers, label):
    path = folder(entry("a.png", *(looker(answer, 1) for answer in answers.split())))
    assert detect_form(path) == "lookers"
    [example] = read("lookers", path).examples
    assert example.label == label
    assert ("severity" in example.facts) == (label == "flawed")


def test_regions_that_both_saw_are_one(read, folder):
    path = folder(
        entry(
            "a.png",
            looker("yes", 2, ([0, 0, 10, 10], "a hand"), ([20, 20, 30, 30], "an ear")),
            looker("yes", 3, ([0, 0, 10, 12], "fingers"), ([30, 0, 40, 10], "a nose")),
        )
    )
    [example] = read("lookers", path).examples
    assert [(region.box, region.text) for region in example.regions] == [
        ((0, 0, 10, 11), "a hand; fingers"),
        ((20, 20, 30, 30), "an ear"),
        ((30, 0, 40, 10), "a nose"),
    ]
    assert example.facts == {"generator": "ldm", "severity": "3"}


def test_a_region_is_merged_once():
    first, second = Truth((0, 0, 10, 10)), Truth((0, 0, 10, 9))
    assert len(merge([[first], [first, second]])) == 2


def test_what_cannot_be_used_is_named(read, kinds, folder):
    found = read(
        "lookers", folder(entry("a.png", looker("maybe")), entry("c.png", looker("no")), {}, 3)
    )
    assert not found.examples
    assert kinds(found) == [
        ("bad label", "a.png"),
        ("missing picture", "c.png"),
        ("bad label", "2"),
        ("bad label", "3"),
        ("unlabelled picture", "b.png"),
    ]
