import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy.double.stage import DoubleStage
from toy.factory import ToyFactory, line
from toy.source.stage import SourceStage

from stages.engine.workspace import FactoryError

LINES = [line(f"line {number} " * 20) for number in range(12)]
"""Of each photo the stages store and write more than 50 kB."""


def mount(folder: Path, *options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=300k")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kind", ["inline", "processes"])
def test_a_disk_that_fills_in_the_middle_loses_nothing(
    kind: str, disk: Path, tmp_path: Path
) -> None:
    reference = ToyFactory(tmp_path / "reference")
    reference.sources(*LINES)
    reference.fill(SourceStage, DoubleStage)

    factory = ToyFactory(disk / "factory", kind)
    factory.sources(*LINES)
    with pytest.raises(FactoryError, match="No space left on device; free some space and run it"):
        factory.fill(SourceStage, DoubleStage)
    stored = factory.blobs()
    assert stored and not any(path.name.startswith(".") for path in stored)

    mount(disk, "remount", "size=64m")
    computed = len(factory.compute(SourceStage)) + len(factory.compute(DoubleStage))
    assert computed == 2 * len(LINES) - len(stored)
    factory.fill(SourceStage, DoubleStage)
    for stage in ("source", "double"):
        assert factory.files(stage) == reference.files(stage)
