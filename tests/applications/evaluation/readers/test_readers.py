import pytest
from benchmark_files import write_picture

from applications.evaluation.readers import READERS, detect_form, load_form
from applications.evaluation.readers.form import Request
from stages.engine.workspace import FactoryError


@pytest.mark.parametrize("name", READERS)
def test_every_form_says_what_it_expects(name):
    form = load_form(name)
    assert form.summary
    assert form.layout


def test_an_unknown_layout_lists_the_forms(tmp_path):
    write_picture(tmp_path / "a.png")
    with pytest.raises(FactoryError) as raised:
        detect_form(tmp_path)
    assert all(name in str(raised.value) for name in READERS)


@pytest.mark.parametrize("name", READERS)
def test_no_form_matches_an_empty_folder_or_a_picture(name, tmp_path):
    picture = write_picture(tmp_path / "full" / "a.png")
    (tmp_path / "empty").mkdir()
    form = load_form(name)
    assert not form.matches(tmp_path / "empty")
    assert not form.matches(picture.parent)
    assert not form.matches(picture)


def test_a_missing_path_is_an_error(tmp_path):
    with pytest.raises(FactoryError, match="does not exist"):
        detect_form(tmp_path / "none")


def test_missing_labels_are_said_to_be_missing(tmp_path):
    with pytest.raises(FactoryError, match=r"open_ended_vqa\.json is missing$"):
        load_form("loki").read(Request(tmp_path))


def test_a_folder_in_place_of_labels_is_an_error(tmp_path):
    (tmp_path / "labels.json").mkdir()
    with pytest.raises(FactoryError, match="not opened"):
        load_form("lookers").read(Request(tmp_path))


def test_an_unknown_form_is_an_error():
    with pytest.raises(FactoryError, match="no form 'none': choose one of shards"):
        load_form("none")
