"""Set up a small DVC project with the eight stages, each a script that copies its input."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
import yaml
from dvc_commands import dvc

from stages import STAGES
from stages.engine.workspace import Workspace

SCRIPT = """
import json, os, sys, time
from pathlib import Path

name, upstream = sys.argv[1], Path(sys.argv[2])
print(f"{name} speaks")
if name == os.environ.get("TOY_WAITER", name):
    while not Path(os.environ.get("TOY_WAITS_FOR", "/")).exists():
        time.sleep(0.05)
files = [upstream] if upstream.is_file() else sorted(f for f in upstream.rglob("*") if f.is_file())
text = "".join(file.read_text() for file in files if file.name in (upstream.name, "out.txt")
               or upstream.name == "sources")
if "bad " + name in text:
    sys.exit(f"{name} met something bad")
out = Path("data") / name
out.mkdir(parents=True, exist_ok=True)
(out / "out.txt").write_text(text.split("#")[0])
if name == "package":
    import numpy as np
    from stages.engine.storage.shard import write_shard
    from stages.records.documents import SCHEMA_VERSION
    from stages.records.images import write_png
    teal = write_png(np.full((32, 32, 3), (0, 128, 128), np.uint8))
    members = dict.fromkeys(["real.png", "control.png", "artifact.png"], teal)
    members["mask.png"] = write_png(np.ones((32, 32), bool))
    members["flaws.png"] = write_png(np.ones((32, 32), np.uint8))
    box = [0, 0, 32, 32]
    names = "id label tool kernel entity part other judge text".split()
    flaw = dict.fromkeys(names, "a") | {"positional": False, "scores": [], "mask_box": box}
    pair = dict.fromkeys("pair photo split licence origin file_name".split(), "a")
    pair |= {"schema_version": SCHEMA_VERSION, "width": 32, "height": 32, "taken_out": 0}
    pair |= {"mask_box": box, "edit_box": box, "flaws": [flaw]}
    pair["explanation"] = dict.fromkeys(["overall", "clean", "author"], "a")
    members["json"] = json.dumps(pair).encode()
    write_shard(out / "train-00000.tar", [("a-p0", members)])
"""


@pytest.fixture(scope="session")
def empty_factory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git and DVC repository, to be copied, whose stages take milliseconds."""
    root = tmp_path_factory.mktemp("template") / "factory"
    (root / "data").mkdir(parents=True)
    (root / "stage.py").write_text(SCRIPT)
    (root / "data" / "sources").write_text("photos")
    stages, upstream = {}, "data/sources"
    for name in STAGES:
        stages[name] = {
            "cmd": f"{sys.executable} stage.py {name} {upstream}",
            "deps": [upstream],
            "outs": [f"data/{name}"],
        }
        upstream = f"data/{name}"
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    (root / "params.yaml").write_text("{}\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    dvc(root, "init", "-q")
    dvc(root, "config", "core.analytics", "false")
    return root


@pytest.fixture(scope="session")
def begun_factory(empty_factory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`empty_factory`, to be copied, whose stages have run up to the filter."""
    root = tmp_path_factory.mktemp("template") / "factory"
    shutil.copytree(empty_factory, root)
    dvc(root, "repro", "-q", "filter")
    return root


def _copy(template: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Copy a checkout to a path with characters that DVC, git and the gallery must not take for
    parts of a URL."""
    root = folder / "toy #1? ü"
    shutil.copytree(template, root)
    monkeypatch.chdir(root)
    return Workspace(root)


@pytest.fixture
def workspace(empty_factory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A checkout for each test, of which nothing is built."""
    return _copy(empty_factory, tmp_path, monkeypatch)


@pytest.fixture
def begun(begun_factory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A checkout for each test, of which a build has to run explain and package only: DVC takes
    most of a second for a stage."""
    return _copy(begun_factory, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def prefect_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the database of the first server is kept, as it is before its first client: to migrate
    a new one takes longer than all else that a server does."""
    return tmp_path_factory.mktemp("prefect") / "prefect.db"


@pytest.fixture
def server(tmp_path: Path, prefect_database: Path) -> Iterator[dict[str, str]]:
    """Run a Prefect server on loopback with its own home; yield its clients' environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}/api"
    home = tmp_path / "prefect"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    home.mkdir()
    if prefect_database.exists():
        shutil.copy(prefect_database, home / "prefect.db")
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            with suppress(httpx.TransportError):
                if httpx.get(f"{url}/health", trust_env=False).is_success:
                    break
            time.sleep(0.2)
        if not prefect_database.exists():
            _copy_database(home / "prefect.db", prefect_database)
        yield {**environment, "PREFECT_API_URL": url, "SERVER_PID": str(process.pid)}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _copy_database(database: Path, to: Path) -> None:
    """Copy a database that is in use."""
    with closing(sqlite3.connect(database)) as used, closing(sqlite3.connect(to)) as copy:
        used.backup(copy)


@pytest.fixture
def processes_in() -> Callable[[Path], list[str]]:
    """A function that finds the commands of other live processes that work in a folder."""

    def find(folder: Path) -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").readlink() == folder and int(process.name) != os.getpid():
                    found.append((process / "cmdline").read_text())
            except OSError:
                continue
        return [command for command in found if command]  # a process that is ending has no command

    return find
