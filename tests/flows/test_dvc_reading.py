"""Readers share DVC's cache of hashes and take none of its locks."""

from dvc.repo import Repo

from flows.dvc_reading import open_for_reading
from stages.engine.workspace import Workspace


def test_a_reader_shares_dvcs_cache_of_hashes(workspace: Workspace):
    with open_for_reading(workspace) as first:
        place = first.site_cache_dir
    with Repo(str(workspace.root)) as own, open_for_reading(workspace) as second:
        assert own.site_cache_dir == second.site_cache_dir == place


def test_a_reader_has_locks_of_its_own(workspace: Workspace):
    with (
        Repo(str(workspace.root)) as own,
        own.lock,
        open_for_reading(workspace) as reader,
        reader.lock,
    ):
        assert own.tmp_dir != reader.tmp_dir
