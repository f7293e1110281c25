import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dvc_commands import dvc
from typer.testing import CliRunner

from flows.cli import INTERNAL_ERROR, USER_ERROR, app
from flows.commands import status
from stages import STAGES
from stages.engine.storage.source_list import Source, write_list
from stages.engine.workspace import Workspace

runner = CliRunner()


def test_the_command_line_imports_no_library_that_takes_seconds() -> None:
    heavy = {"torch", "great_expectations", "prefect", "transformers", "diffusers", "dvc.repo"}
    code = "import sys, flows.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())


def call(*arguments: str) -> tuple[int, str]:
    result = runner.invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


def test_build_rejects_an_unknown_param_before_any_work(workspace: Workspace) -> None:
    (workspace.root / "params.yaml").write_text("map: {varianst: 4}\n")
    code, output = call("build")
    assert code == 2
    assert "unknown key `map.varianst`" in output and "did you mean" in output
    assert not workspace.reports.exists()


def test_build_names_a_param_of_the_wrong_type(workspace: Workspace) -> None:
    (workspace.root / "params.yaml").write_text("ingest: {max_side: wide}\n")
    code, output = call("build")
    assert code == 2 and "`ingest.max_side`" in output and "'wide'" in output


def test_build_names_an_unknown_key_of_factory_toml(workspace: Workspace) -> None:
    (workspace.root / "factory.toml").write_text("[executor]\nworker = 2\n")
    code, output = call("build")
    assert code == 2 and "executor.worker" in output


def test_a_folder_without_photos_is_a_one_line_error(workspace: Workspace, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    workspace.sources.unlink()
    code, output = call("build", "--source", str(empty))
    assert code == 2 and "Traceback" not in output
    assert str(empty) in output.replace(" ", "") and not workspace.sources.exists()


def test_outside_a_checkout_commands_name_the_missing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = call("status")
    assert code == 2 and "no dvc.yaml at or above" in output


def test_try_names_a_missing_photo(workspace: Workspace) -> None:
    code, output = call("try", "no such photo.jpg")
    assert code == 2 and "no such photo.jpg is not there" in output


def test_every_command_has_help() -> None:
    for command in app.registered_commands:
        code, output = call(str(command.name), "--help")
        assert code == 0 and "Usage" in output


def test_an_os_error_is_one_line(workspace: Workspace) -> None:
    code, output = call("view", "--out", "/etc/passwd")
    assert code == USER_ERROR and "Traceback" not in output
    assert "/etc/passwd" in output and "Not a directory" in output


def test_an_internal_error_names_the_file_with_its_traceback(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "read_reports", lambda workspace: {}["lost"])
    code, output = call("status")
    assert code == INTERNAL_ERROR and "Traceback" not in output
    (file,) = workspace.reports.glob("crash-*.txt")
    assert file.name in output and "KeyError" in file.read_text()


def test_a_full_disk_is_a_one_line_error(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("flows.sources.scan", full)
    (workspace.root / "photos").mkdir()
    code, output = call("scan", "photos")
    assert code == USER_ERROR and "No space left on device: free some space" in output


@pytest.mark.parametrize("command", [["scan"], ["build", "--source"]])
def test_an_empty_argument_is_not_the_current_folder(
    workspace: Workspace, command: list[str]
) -> None:
    before = workspace.sources.read_text()
    code, output = call(*command, "")
    assert code == 2 and "an empty argument names no folder" in output
    assert workspace.sources.read_text() == before


def test_a_photo_of_a_bucket_is_named_by_its_address(workspace: Workspace) -> None:
    path = "data/.buckets/flaws/a.jpg"
    words = {"licence": "unknown", "origin": "unknown", "batch": "photos"}
    workspace.sources.unlink()
    write_list(workspace.sources, [Source(path=path, bytes=1, sha256="a" * 64, **words)])
    code, output = call("withdraw", "s3://flaws/a.jpg", "--reason", "asked for")
    assert code == 0 and f"withdrawn: {'a' * 16} {path}" in output
    code, output = call("locate", "s3://flaws/photos")
    assert code == USER_ERROR and "`flawfactory scan s3://flaws/photos` fetches" in output


@pytest.mark.parametrize("folder", [".", "..", "/"])
def test_the_checkout_cannot_be_scanned(workspace: Workspace, folder: str) -> None:
    before = workspace.sources.read_text()
    code, output = call("scan", folder)
    assert code == USER_ERROR and "contains this checkout" in output
    assert workspace.sources.read_text() == before


@pytest.mark.parametrize("out", ["no/such/folder/x.png", "data", "x.txt", "x"])
def test_try_checks_its_target_before_any_work(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.setattr("flows.trial.run_trial", lambda *_: pytest.fail("it began"))
    (workspace.root / "photo.png").touch()
    code, output = call("try", "photo.png", "--out", out)
    assert code == USER_ERROR and f"--out {out}" in output


@pytest.mark.parametrize("command", ["status", "plan", "build"])
def test_the_remedy_for_a_missing_git_repository_works(workspace: Workspace, command: str) -> None:
    (workspace.root / ".git").rename(workspace.root / "gone")
    code, output = call(command)
    assert code == USER_ERROR and "is not a git repository: run `git init`" in output
    (remedy,) = re.findall(r"`dvc (config [^`]*)`", output)
    dvc(workspace.root, *remedy.split())
    assert call("status") == (0, "nothing is built yet: run `flawfactory build`")


def test_an_empty_lock_file_is_an_error_with_a_remedy(workspace: Workspace) -> None:
    (workspace.root / "dvc.lock").touch()
    for command in ("verify", "status", "plan"):
        code, output = call(command)
        assert code == USER_ERROR and "dvc.lock is empty" in output and "git checkout" in output


def test_status_before_the_first_build_is_one_line(workspace: Workspace) -> None:
    code, output = call("status")
    assert code == 0 and "nothing is built yet: run `flawfactory build`" in output
    assert "modified" not in output and "stale" not in output


def test_stale_stages_have_a_line_each_and_unbuilt_ones_share_one() -> None:
    never = {name: ["not built yet"] for name in STAGES[2:]}
    assert status.stale_lines({"perceive": ["params.yaml modified"], **never}) == [
        "stale: perceive: params.yaml modified",
        f"not built yet: {', '.join(STAGES[2:])}: run `flawfactory build`",
    ]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("base: {profile: nope}", "`base.profile`: no such profile"),
        ("base: {models: {flow: {path: /nope}}}", "unknown key `base.models.flow.path`"),
        ("base: {models: {flow: {name: /nope}}}", "`base.models.flow.name`: '/nope' is neither"),
        ("invert: {until: 0.1}", "`inject.t_s`: must not be above `invert.until`, 0.1"),
        ("map: {weights: {add: .nan}}", "`map.weights.add`: Input should be a finite number"),
    ],
)
@pytest.mark.parametrize("command", [["build"], ["plan"], ["try", "photo.png"]])
def test_an_invalid_param_is_reported_before_any_work(
    workspace: Workspace, command: list[str], params: str, message: str
) -> None:
    (workspace.root / "params.yaml").write_text(params)
    (workspace.root / "photo.png").touch()
    code, output = call(*command)
    assert code == USER_ERROR and message in output
    assert not list(workspace.data.glob("[a-z]*/"))


def tree(folder: Path) -> dict[str, int]:
    """Map every file and folder below `folder` to the time of its last change."""
    return {str(path): path.lstat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def test_status_writes_nothing(workspace: Workspace) -> None:
    before = tree(workspace.root)
    assert call("status")[0] == 0
    assert tree(workspace.root) == before


def test_a_read_only_checkout_is_a_one_line_error(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", refused)
    for command in (["view"], ["gc", "--yes"]):
        code, output = call(*command)
        assert code == USER_ERROR and "Read-only file system: the folder is read-only" in output
