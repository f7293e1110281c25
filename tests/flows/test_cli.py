from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from stages.engine.workspace import Workspace

runner = CliRunner()


def call(*arguments: str) -> tuple[int, str]:
    result = runner.invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


def test_a_wrong_key_is_named_before_any_work(workspace: Workspace) -> None:
    (workspace.root / "params.yaml").write_text("map: {varianst: 4}\n")
    code, output = call("build")
    assert code == 2
    assert "unknown key `map.varianst`" in output and "did you mean" in output
    assert not workspace.reports.exists()


def test_a_wrong_type_is_named(workspace: Workspace) -> None:
    (workspace.root / "params.yaml").write_text("ingest: {max_side: wide}\n")
    code, output = call("build")
    assert code == 2 and "`ingest.max_side`" in output and "'wide'" in output


def test_a_wrong_key_in_factory_toml_is_named(workspace: Workspace) -> None:
    (workspace.root / "factory.toml").write_text("[executor]\nworker = 2\n")
    code, output = call("build")
    assert code == 2 and "executor.worker" in output


def test_an_empty_folder_is_one_line_with_a_remedy(workspace: Workspace, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    workspace.sources.unlink()
    code, output = call("build", "--source", str(empty))
    assert code == 2 and "Traceback" not in output
    assert str(empty) in output.replace(" ", "") and not workspace.sources.exists()


def test_outside_a_checkout_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = call("status")
    assert code == 2 and "no dvc.yaml at or above" in output


def test_try_of_a_missing_photo(workspace: Workspace) -> None:
    code, output = call("try", "no such photo.jpg")
    assert code == 2 and "No such file" in output


def test_every_command_explains_itself() -> None:
    for command in app.registered_commands:
        code, output = call(str(command.name), "--help")
        assert code == 0 and "Usage" in output
