import pytest
from pydantic import ValidationError

from stages.records.documents import Mapping, Rle, Window


def test_a_windows_grid_is_rows_and_columns_of_16_pixels():
    window = Window(id="w0", box=(0, 0, 100, 50), size=(384, 192), parts=[])
    assert window.grid == (12, 24)


def test_documents_refuse_unknown_keys():
    with pytest.raises(ValidationError, match="colour"):
        Rle.model_validate({"size": [1, 1], "counts": [1], "colour": 3})


def test_documents_are_immutable():
    document = Mapping(key="0" * 16, variants=[])
    with pytest.raises(ValidationError, match="frozen"):
        document.key = "1" * 16


def test_documents_are_read_back_from_json():
    window = Window(id="w0", box=(0, 0, 100, 50), size=(384, 192), parts=["e0.p1"])
    assert Window.model_validate_json(window.model_dump_json()) == window
