import pytest
from benchmark_files import write_json, write_picture

from applications.evaluation.sets import open_set
from stages.engine.workspace import FactoryError


def test_the_test_split_is_taken_and_all_on_request(published):
    assert open_set(published).split == "test"
    assert open_set(published, for_validation=True).split == "validation"
    assert len(open_set(published, split="all").examples) > len(open_set(published).examples)
    assert {e.split for e in open_set(published, split="train").examples} == {"train"}


def test_an_unknown_split_is_an_error(published, tmp_path):
    with pytest.raises(FactoryError, match="no split 'none': it has test, train, validation"):
        open_set(published, split="none")
    write_json(tmp_path / "labels.json", [])
    with pytest.raises(FactoryError, match="the form lookers has none"):
        open_set(tmp_path, split="test")


def test_an_empty_set_is_an_error(tmp_path):
    write_json(tmp_path / "labels.json", [])
    with pytest.raises(FactoryError, match="is empty: labels"):
        open_set(tmp_path)


def test_a_set_without_pictures_says_what_is_missing(tmp_path):
    looker = {"flawed": "no", "severity": 0, "boxes": []}
    entry = {"generator": "g", "width": 1, "height": 1, "lookers": [looker]}
    write_json(tmp_path / "labels.json", [entry | {"file": "a.png"}, entry | {"file": "b.png"}])
    with pytest.raises(FactoryError, match="2 x missing picture; the first: missing picture: a"):
        open_set(tmp_path)
    write_picture(tmp_path / "elsewhere" / "b.png")
    assert len(open_set(tmp_path, pictures=tmp_path / "elsewhere").examples) == 1


def test_a_set_of_unknown_labels_is_an_error(tmp_path):
    lookers = [{"flawed": answer, "severity": 1, "boxes": []} for answer in ("yes", "no")]
    entry = {"file": "a.png", "generator": "g", "width": 1, "height": 1, "lookers": lookers}
    write_json(tmp_path / "labels.json", [entry])
    write_picture(tmp_path / "a.png")
    with pytest.raises(FactoryError, match="all 1 pictures are of unknown label"):
        open_set(tmp_path)


def test_a_form_is_not_forced_on_another_layout(published, tmp_path):
    for form in ("coco", "loki", "lookers", "artibench", "had", "synthscars", "richhf", "x-aigd"):
        with pytest.raises(FactoryError):
            open_set(published, form)
    write_picture(tmp_path / "a.png")
    with pytest.raises(FactoryError, match="holds no data set"):
        open_set(tmp_path, "shards", "all")
