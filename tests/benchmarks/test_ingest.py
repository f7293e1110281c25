import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.ingest import large_pictures

ROOT = Path(__file__).parents[2]
PHOTO = "samples/photos/scikit-image/rocket.jpg"


@pytest.mark.parametrize(
    "arguments,row",
    [
        (["damage", "--photos", "1"], r"JPEG +│ +1 │ +0 │ +\d/\d"),
        (["memory", PHOTO], r"rocket.jpg │ +0\.1 │ +\d+ "),
    ],
)
def test_it_runs_at_its_smallest_size(arguments: list[str], row: str) -> None:
    command = [sys.executable, "-m", "benchmarks.ingest", *arguments]
    environment = {**os.environ, "FLAWFACTORY_ROOT": str(ROOT), "COLUMNS": "120"}
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True
    )
    assert re.search(row, run.stdout)


def test_every_large_picture_is_one_of_its_kind(tmp_path: Path) -> None:
    found = [Image.open(path) for path in large_pictures(200, tmp_path)]
    kinds = {(image.format, image.mode) for image in found}
    assert len(kinds) == 7 and {image.size for image in found} == {(200, 200)}
