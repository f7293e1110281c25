import json
from pathlib import Path

import pytest
from published_set import write_set
from typer.testing import CliRunner, Result

from flows.cli import app


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("published") / "package")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_options_choose_what_is_exported(published: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = "--splits train --tools add --max-side 40 --pictures webp --no-control"
    done = run("export", "coco", "--to", out, "--from", published, *options.split())
    assert done.exit_code == 0, done.output
    assert f"exported to {out}" in done.output
    document = json.loads((out / "annotations" / "train.json").read_bytes())
    assert {a["category_id"] for a in document["annotations"]} == {1}
    assert {max(i["width"], i["height"]) for i in document["images"]} == {40}
    assert {Path(i["file_name"]).suffix for i in document["images"]} == {".webp"}
    assert {i["kind"] for i in document["images"]} == {"real", "artifact"}
    assert [p.name for p in (out / "annotations").iterdir()] == ["train.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["coc"], "no format 'coc'"),
        (["coco", "--target", "internvl"], "has no conversations"),
        (["trl"], "name the model family with --target"),
        (["trl", "--target", "internvl", "--max-pixels", "9"], "max_pixels is 9"),
        (["coco", "--splits", "dev"], "no split dev"),
        (["coco", "--tools", "melt"], "no tool melt"),
        (["coco", "--min-pixels", "99999"], "no pair is left to export"),
        (["artibench", "--pictures", "jpeg"], "has PNG pictures"),
    ],
)
def test_what_cannot_be_exported_is_a_line_and_no_folder(
    arguments: list[str], words: str, published: Path, tmp_path: Path
) -> None:
    done = run("export", *arguments, "--to", tmp_path / "out", "--from", published)
    assert (done.exit_code, done.output.count("Traceback")) == (2, 0)
    assert words in " ".join(done.output.split())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_data_set_is_an_error(tmp_path: Path) -> None:
    done = run("export", "coco", "--to", tmp_path / "out", "--from", tmp_path)
    assert (done.exit_code, "holds no data set" in done.output) == (2, True)
