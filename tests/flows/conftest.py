"""A small DVC project with the eight stage names, each a script that copies and counts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stages import STAGES
from stages.engine.workspace import Workspace

SCRIPT = """
import json, os, sys, time
from pathlib import Path
from stages.engine.shard import write_shard

name, upstream = sys.argv[1], Path(sys.argv[2])
print(f"{name} speaks")
time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
text = upstream.read_text() if upstream.is_file() else (upstream / "out.txt").read_text()
if "bad " + name in text:
    sys.exit(f"{name} met something bad")
out = Path("data") / name
out.mkdir(parents=True, exist_ok=True)
(out / "out.txt").write_text(text.split("#")[0])
if name == "package":
    import numpy as np
    from stages.engine.images import write_png
    teal = write_png(np.full((32, 32, 3), (0, 128, 128), np.uint8))
    members = dict.fromkeys(["real.png", "control.png", "artifact.png"], teal)
    members["mask.png"] = write_png(np.ones((32, 32), bool))
    write_shard(out / "train-00000.tar", [("a-v0", {**members, "json": b"{}"})])
"""


def _run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Git and DVC repository whose pipeline costs milliseconds a stage. Its name is one that people
    have: DVC, git and the gallery must not take parts of it for an address's."""
    root = tmp_path / "toy #1? ü"
    (root / "data").mkdir(parents=True)
    (root / "stage.py").write_text(SCRIPT)
    (root / "data" / "sources").write_text("photos")
    stages, upstream = {}, "data/sources"
    for name in STAGES:
        stages[name] = {
            "cmd": f"python stage.py {name} {upstream}",
            "deps": [upstream],
            "outs": [f"data/{name}"],
        }
        upstream = f"data/{name}"
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    (root / "params.yaml").write_text("{}\n")
    _run("git", "init", "-q", cwd=root)
    _run(sys.executable, "-m", "dvc", "init", "-q", cwd=root)
    _run(sys.executable, "-m", "dvc", "config", "core.analytics", "false", cwd=root)
    monkeypatch.chdir(root)
    return Workspace(root)


@pytest.fixture
def processes_in() -> Callable[[Path], list[str]]:
    """Finds the commands of other live processes whose working directory is a folder."""

    def find(folder: Path) -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").readlink() == folder and int(process.name) != os.getpid():
                    found.append((process / "cmdline").read_text())
            except OSError:
                continue
        return [command for command in found if command]  # none: it is ending

    return find
