import pytest

from stages.engine.settings import Settings, store_root
from stages.engine.workspace import FactoryError, Workspace


@pytest.fixture(autouse=True)
def no_override(monkeypatch):
    monkeypatch.delenv("FLAWFACTORY_ROOT", raising=False)


def test_find_looks_upwards(tmp_path):
    (tmp_path / "dvc.yaml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert Workspace.find(below).root == tmp_path


def test_environment_overrides(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    assert Workspace.find().root == tmp_path


def test_outside_a_checkout_says_what_to_do(tmp_path):
    with pytest.raises(FactoryError, match="inside a flawfactory checkout"):
        Workspace.find(tmp_path)


def test_what_dvc_does_not_own_starts_with_a_dot(tmp_path):
    workspace = Workspace(tmp_path)
    assert workspace.reports.name.startswith(".")
    assert workspace.stage("map") == tmp_path / "data" / "map"
    assert workspace.sources == tmp_path / "data" / "sources"


def test_an_experiment_in_a_temporary_folder_has_its_checkouts_store_and_answers(tmp_path):
    for folder in ("tmpabc", "standalone/tmpabc"):
        workspace = Workspace(tmp_path / ".dvc" / "tmp" / "exps" / folder)
        assert workspace.home == tmp_path and workspace.stage("map").is_relative_to(workspace.root)
        assert store_root(workspace, Settings()) == tmp_path / "data" / ".store"
        assert workspace.calls == tmp_path / "data" / ".calls"
    assert Workspace(tmp_path).home == tmp_path
