"""What holds for every format."""

from pathlib import Path

import pytest
from exporting import export

from flows.exports import EXPORTS, load_format
from flows.exports.options import Options
from flows.exports.samples import read_samples
from flows.exports.writing import new_folder
from stages.engine.workspace import FactoryError


def read_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_repeated_gives_the_same_bytes(
    name: str, published: Path, tmp_path: Path
) -> None:
    first = read_files(export(name, published, tmp_path / "a"))
    assert first == read_files(export(name, published, tmp_path / "b"))
    assert len(first) > 1
    assert not any(str(tmp_path).encode() in content for content in first.values())


@pytest.mark.parametrize("name", EXPORTS)
def test_a_stopped_export_leaves_no_folder(name: str, published: Path, tmp_path: Path) -> None:
    options = Options(target="qwen2.5-vl")

    def stopping():
        yield next(read_samples(published, options))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "out") as temporary:
        load_format(name).write(stopping(), temporary, options)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(FactoryError, match="is not empty"), new_folder(tmp_path / "out"):
        raise AssertionError("entered")
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
