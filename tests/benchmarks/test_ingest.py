import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.ingest import write_large_pictures

ROOT = Path(__file__).parents[2]
PHOTO = "samples/photos/scikit-image/rocket.jpg"


@pytest.mark.parametrize(
    "arguments,row",
    [
        (["damage", "--photos", "1"], r"JPEG +│ +1 │ +0 │ +\d/\d"),
        (["memory", PHOTO], r"rocket.jpg │ +0\.1 │ +\d+ "),
        (["groups", "--photos", "400"], r"mixed │ +400 │ +29\d │ +\d"),
    ],
)
def test_commands_run_at_their_smallest_size(arguments: list[str], row: str) -> None:
    command = [sys.executable, "-m", "benchmarks.ingest", *arguments]
    environment = {**os.environ, "FLAWFACTORY_ROOT": str(ROOT), "COLUMNS": "120"}
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True
    )
    assert re.search(row, run.stdout)


def test_large_pictures_differ_in_format_or_mode(tmp_path: Path) -> None:
    found = [Image.open(path) for path in write_large_pictures(200, tmp_path)]
    kinds = {(image.format, image.mode) for image in found}
    assert len(kinds) == 7 and {image.size for image in found} == {(200, 200)}
