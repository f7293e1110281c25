import pytest
from pygit2 import GitError
from scmrepo.exceptions import SCMError
from typer.testing import CliRunner

from flows.cli import app
from flows.repository import UnusableCheckout, locked_stages, translate_errors
from stages.engine.workspace import FactoryError, Workspace

CONFLICT = "stages:\n<<<<<<< HEAD\n  a: {}\n=======\n  b: {}\n>>>>>>> other\n"


def test_a_missing_lock_has_no_stages(tmp_path):
    assert locked_stages(tmp_path) == {}
    (tmp_path / "dvc.lock").write_text("stages: {ingest: {outs: []}}\n")
    assert locked_stages(tmp_path) == {"ingest": {"outs": []}}


@pytest.mark.parametrize(
    "text", ["", "stages:", "stages: [", "- a\n", "stages: 3\n", "stages: {ingest: 3}\n"]
)
def test_a_damaged_lock_file_is_a_one_line_error(tmp_path, text):
    (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(
        FactoryError, match=r"^dvc.lock is empty or damaged: `git checkout "
    ) as found:
        locked_stages(tmp_path)
    assert "remove the file" in str(found.value)  # scheduled builds do not commit it


@pytest.mark.parametrize("name", ["dvc.lock", "data/sources.dvc"])
@pytest.mark.parametrize("command", ["status", "plan", "verify", "diff HEAD", "build"])
def test_conflict_markers_are_a_one_line_error(workspace: Workspace, name, command):
    (workspace.root / "dvc.lock").write_text("stages: {ingest: {outs: [{path: x, md5: y}]}}\n")
    (workspace.root / name).write_text(CONFLICT)
    done = CliRunner().invoke(app, command.split(), env={"COLUMNS": "500"})
    line = done.output.strip().splitlines()[-1]
    assert done.exit_code == 2 and "git checkout --ours" in line
    assert name in line


@pytest.mark.parametrize(
    "error",
    [
        GitError("/x/.git/: repository path '/x' is not owned by current user"),
        SCMError("fatal: detected dubious ownership in repository at '/x'"),
    ],
)
def test_an_untrusted_checkout_is_an_error_with_a_remedy(tmp_path, error):
    remedy = f"git config --global --add safe.directory {tmp_path}"
    with pytest.raises(UnusableCheckout, match=remedy), translate_errors(Workspace(tmp_path)):
        raise error


def test_other_errors_keep_their_meaning(tmp_path):
    with (
        pytest.raises(FactoryError, match="DVC: no such branch"),
        translate_errors(Workspace(tmp_path)),
    ):
        raise SCMError("no such\nbranch")
    with pytest.raises(ZeroDivisionError), translate_errors(Workspace(tmp_path)):
        raise ZeroDivisionError
