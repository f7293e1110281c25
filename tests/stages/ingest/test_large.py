from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from stages.ingest import large


def test_large_photo_locks_out_other_large_ones(tmp_path, monkeypatch):
    # Not the module's own file: another test, or a build, may hold that.
    (tmp_path / "large.py").touch()
    monkeypatch.setattr(large, "__file__", str(tmp_path / "large.py"))

    def lock():
        with (tmp_path / "large.py").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with large.lock_large(large.LARGE):
        lock()
    with large.lock_large(large.LARGE + 1), pytest.raises(BlockingIOError):
        lock()
    lock()


CODE = """
import re, sys
from pathlib import Path
from stages.ingest.decode import Limits, decode

def peak():
    # getrusage would report the parent's peak where that is larger.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

data, before = Path(sys.argv[1]).read_bytes(), peak()
decode(data, Limits(10**8, 128, 1024))
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("mode", ["RGBA", "I;16"])
def test_memory_is_bounded_by_the_number_of_pixels(tmp_path, mode):
    """Pillow needs 4 bytes per pixel; converting the whole picture at once would take 16 to 24."""
    side = 6000
    image = Image.linear_gradient("L").resize((side, side))
    if mode == "RGBA":
        image = Image.merge("RGBA", [image, image, image, image])
    else:
        image = image.convert("I;16")
    path = tmp_path / "large.png"
    image.save(path, compress_level=1)
    run = [sys.executable, "-c", CODE, str(path)]
    grown = int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    assert side * side < grown < 8 * side * side
