"""Whoever looks shares DVC's memory of hashes and takes none of its locks."""

from dvc.repo import Repo

from flows.dvc_reading import open_for_reading
from stages.engine.workspace import Workspace


def test_a_reader_shares_dvcs_memory_of_hashes(workspace: Workspace):
    with open_for_reading(workspace) as first:
        place = first.site_cache_dir
    with Repo(str(workspace.root)) as own, open_for_reading(workspace) as second:
        assert own.site_cache_dir == second.site_cache_dir == place


def test_a_reader_waits_for_nobody(workspace: Workspace):
    with (
        Repo(str(workspace.root)) as own,
        own.lock,
        open_for_reading(workspace) as reader,
        reader.lock,
    ):
        assert own.tmp_dir != reader.tmp_dir
