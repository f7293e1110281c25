import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from published_set import write_set

from benchmarks import reading
from benchmarks.picture_formats import ENCODERS, measure, read_pictures
from stages.engine.workspace import FactoryError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set") / "package")


@pytest.mark.slow
def test_every_reader_reads_every_picture(package: Path, tmp_path: Path) -> None:
    shards = reading.write_copies(package, 10, 3, tmp_path)
    assert len(shards) == 3
    for use in reading.KINDS.values():
        for name, pairs in reading.make_readers(tmp_path, shards, use).items():
            numbers = [item["pictures"] if isinstance(item, dict) else item for item in pairs]
            assert numbers == [6] * 10, name


@pytest.mark.slow
def test_the_command_prints_rates_and_ratios(package: Path) -> None:
    arguments = ["--package", str(package), "--pairs", "4", "--shards", "2", "--rounds", "1"]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.reading", *arguments],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "COLUMNS": "120"}, check=True,
    )  # fmt: skip
    assert "cores" in run.stdout
    for name in ("single files", "tarfile", "webdataset", "datasets, streaming", "at random"):
        assert len(re.findall(rf"{name}.*\d \(\d+\.\d\d\)", run.stdout)) == 2, run.stdout


def test_formats_are_compared_on_the_same_pictures(package: Path) -> None:
    pictures = read_pictures(package, 2)
    assert {name: len(found) for name, found in pictures.items()} == dict.fromkeys(
        ("artifact", "control", "real", "edit", "flaws", "mask"), 2
    )
    for name in ("real", "mask"):
        rows = list(measure(name, pictures[name]))
        assert [row.format for row in rows] == list(ENCODERS) and all(row.exact for row in rows)


@pytest.mark.parametrize("read", [reading.write_copies, read_pictures])
def test_a_folder_without_shards_is_named(read, tmp_path: Path) -> None:
    arguments = (tmp_path, 1, 1, tmp_path) if read is reading.write_copies else (tmp_path, 1)
    with pytest.raises(FactoryError, match="no shard in"):
        read(*arguments)
