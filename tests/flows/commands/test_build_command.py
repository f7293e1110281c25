import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest
from PIL import Image

from flows.locks import Waiter, build_lock
from stages.engine.storage.tables import REJECT_COLUMNS, write_table
from stages.engine.workspace import Workspace

pytestmark = pytest.mark.slow
FLAWFACTORY = str(Path(sys.executable).with_name("flawfactory"))
LONG = 120  # seconds; only bounds a hang
ProcessesIn = Callable[[Path], list[str]]


def until(condition: Callable[[], bool], seconds: int = LONG) -> bool:
    for _ in range(seconds * 5):
        if condition():
            return True
        time.sleep(0.2)
    return False


class Terminal:
    """A build in a terminal of its own, as a user starts it."""

    def __init__(self, workspace: Workspace, variables: Mapping[str, str]) -> None:
        self.said = b""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(variables)
            os.chdir(workspace.root)
            os.execv(FLAWFACTORY, [FLAWFACTORY, "build"])

    def press_ctrl_c(self) -> None:
        os.write(self._terminal, b"\x03")

    def read(self) -> bool:
        """Read output; return False at its end."""
        if not select.select([self._terminal], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self._terminal, 65536)
        except OSError:
            return False
        self.said += data
        return bool(data)

    def exit_code(self) -> int:
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def lines(self) -> list[str]:
        """Output lines without control sequences and the terminal's echo of Ctrl-C."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\^C", "", self.said.decode())
        return [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]


@pytest.fixture
def terminal(begun: Workspace, processes_in: ProcessesIn) -> Terminal:
    """A terminal with a build that is running explain."""
    terminal = Terminal(begun, {"TOY_WAITS_FOR": "/never", "TOY_WAITER": "explain"})

    def at_work() -> bool:
        terminal.read()
        return any("stage.py\0explain" in c for c in processes_in(begun.root))

    assert until(at_work), terminal.said
    return terminal


def no_process_left(workspace: Workspace, processes_in: ProcessesIn) -> bool:
    return until(lambda: not processes_in(workspace.root))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stopped_build_prints_one_line_and_leaves_no_process(
    name: str, terminal: Terminal, begun: Workspace, processes_in: ProcessesIn
) -> None:
    number = signal.Signals[name]
    terminal.said = b""
    if number == signal.SIGINT:
        terminal.press_ctrl_c()
    else:
        os.kill(terminal.pid, number)
    assert terminal.exit_code() == 128 + number
    line = f"flawfactory: stopped by {name}; what was finished is kept"
    assert terminal.lines == [line]
    assert no_process_left(begun, processes_in)


def test_a_killed_build_leaves_no_process(
    terminal: Terminal, begun: Workspace, processes_in: ProcessesIn
) -> None:
    os.kill(terminal.pid, signal.SIGKILL)
    assert terminal.exit_code() == -signal.SIGKILL
    assert no_process_left(begun, processes_in)


def photos(folder: Path, colour: str) -> Path:
    folder.mkdir()
    Image.new("RGB", (160, 160), colour).save(folder / f"{colour}.png")
    return folder


KEEPING = """
import shutil, sys
from pathlib import Path

name, out = sys.argv[1], Path("data", sys.argv[1])
out.mkdir()
(out / "out.txt").write_text("photos")
if name == "ingest":
    shutil.copytree("data/sources", "ingested")
"""
"""Stages whose output is that of `begun`, whatever their input; ingest keeps a copy of its own."""


def test_a_second_build_waits_before_it_scans(begun: Workspace, tmp_path: Path) -> None:
    folder = photos(tmp_path / "second", "teal")
    begun.sources.unlink()
    (begun.root / "stage.py").write_text(KEEPING)
    command = [FLAWFACTORY, "build", "--source", str(folder), "--replace"]
    with build_lock(begun, Waiter(pytest.fail)):
        gave_up = subprocess.run([*command, "--wait", "0"], capture_output=True, text=True)
        assert gave_up.returncode == 2 and "another build" in gave_up.stderr
        second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert second.stdout
        said = second.stdout.readline()
        assert f"waiting for another build (process {os.getpid()})" in said
        assert not begun.sources.exists()
    assert "1 added" in second.communicate(timeout=LONG)[0]
    assert second.returncode == 0
    lists = [path.read_text() for path in (begun.root / "ingested").rglob("*.jsonl")]
    assert any("teal.png" in text for text in lists)
    assert begun.stage("package").is_dir()


def test_an_unreachable_server_is_an_error_before_any_stage(workspace: Workspace) -> None:
    environment = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = subprocess.run([FLAWFACTORY, "build"], env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "PREFECT_API_URL= flawfactory build" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not workspace.stage("ingest").exists()


def test_a_build_ignores_proxies_and_other_prefect_databases(
    begun: Workspace, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    database = home / ".prefect" / "prefect.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"of a Prefect yet to come")
    proxies = dict.fromkeys(["HTTP_PROXY", "http_proxy", "ALL_PROXY"], "http://127.0.0.1:9")
    environment = {**os.environ, **proxies, "HOME": str(home)}
    for name in ("NO_PROXY", "no_proxy", "PREFECT_API_URL"):
        environment.pop(name, None)
    done = subprocess.run([FLAWFACTORY, "build"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert begun.stage("package").is_dir()
    assert database.read_bytes() == b"of a Prefect yet to come"


def test_a_build_survives_the_death_of_its_server(
    begun: Workspace, server: dict[str, str], processes_in: ProcessesIn, tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    environment = {**server, "TOY_WAITS_FOR": str(go_on), "TOY_WAITER": "explain"}
    environment |= dict.fromkeys(["HTTP_PROXY", "http_proxy"], "http://127.0.0.1:9")
    build = subprocess.Popen(
        [FLAWFACTORY, "build"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert until(lambda: any("explain" in c for c in processes_in(begun.root)))
    counted = httpx.post(f"{server['PREFECT_API_URL']}/flow_runs/count", trust_env=False)
    assert counted.json() == 1  # the server shows the build
    os.killpg(int(server["SERVER_PID"]), signal.SIGKILL)
    go_on.touch()
    said = build.communicate(timeout=LONG)[0]
    assert build.returncode == 0, said
    assert "went away: it does not show the whole build" in said
    assert begun.stage("package").is_dir()


FAILING = """
from pathlib import Path
from stages.engine.storage.tables import REJECT_COLUMNS, write_table

row = dict(zip(REJECT_COLUMNS, ("00ff", "", "odd_in_ingest", "no", "{}"), strict=True))
write_table(Path("data/ingest/rejects.parquet"), [row], REJECT_COLUMNS)
raise SystemExit("its gate failed")
"""


def test_the_gallery_of_a_failed_build_ends_with_the_failed_stage(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.sources.unlink()
    (workspace.root / "stage.py").write_text(FAILING)
    row = dict(zip(REJECT_COLUMNS, ("00ff", "", "odd_in_perceive", "no", "{}"), strict=True))
    # of an earlier build
    write_table(workspace.stage("perceive") / "rejects.parquet", [row], REJECT_COLUMNS)
    command = [FLAWFACTORY, "build", "--source", str(photos(tmp_path / "photos", "teal"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "ingest failed" in done.stderr
    assert "gallery: file://" in done.stdout
    shown = (workspace.data / "gallery" / "data" / "rejects" / "0.js").read_text()
    assert "odd_in_ingest" in shown and "odd_in_perceive" not in shown
