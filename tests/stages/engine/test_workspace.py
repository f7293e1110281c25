import pytest

from stages.engine.settings import Settings, open_store
from stages.engine.workspace import FactoryError, Workspace


@pytest.fixture(autouse=True)
def no_override(monkeypatch):
    monkeypatch.delenv("FLAWFACTORY_ROOT", raising=False)


def test_find_searches_parent_folders(tmp_path):
    (tmp_path / "dvc.yaml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert Workspace.find(below).root == tmp_path


def test_the_environment_variable_overrides_the_search(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    assert Workspace.find().root == tmp_path


def test_outside_a_checkout_the_error_names_the_remedy(tmp_path):
    with pytest.raises(FactoryError, match="inside a flawfactory checkout"):
        Workspace.find(tmp_path)


def test_folders_that_dvc_does_not_track_start_with_a_dot(tmp_path):
    workspace = Workspace(tmp_path)
    assert workspace.reports.name.startswith(".")
    assert workspace.stage("map") == tmp_path / "data" / "map"
    assert workspace.sources == tmp_path / "data" / "sources"


def test_an_experiment_in_a_temporary_folder_uses_the_store_and_answers_of_its_checkout(tmp_path):
    for folder in ("tmpabc", "standalone/tmpabc"):
        workspace = Workspace(tmp_path / ".dvc" / "tmp" / "exps" / folder)
        assert workspace.home == tmp_path and workspace.stage("map").is_relative_to(workspace.root)
        assert open_store(workspace, Settings()).root == tmp_path / "data" / ".store"
        assert workspace.calls == tmp_path / "data" / ".calls"
    assert Workspace(tmp_path).home == tmp_path
