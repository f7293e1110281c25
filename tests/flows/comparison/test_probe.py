import json

import pytest

from flows.comparison.probe import compare_probes
from flows.comparison.versions import FolderFiles, Version, open_version
from stages.engine.files import sha256_file
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import Workspace


@pytest.fixture
def make_version(tmp_path):
    """Make a checkout whose probe measured these figures."""

    def make(name, test="t", stale=False, **figures):
        root = tmp_path / name
        manifest = root / "data" / "package" / MANIFEST
        manifest.parent.mkdir(parents=True)
        manifest.write_text(name)
        (root / "applications").mkdir()
        data = "other" if stale else sha256_file(manifest)[:16]
        content = {"data": data, "test": test, "test_pairs": 9, "pairs": 20, **figures}
        (root / "applications" / "metrics.json").write_text(json.dumps(content))
        return Version(name, FolderFiles(root / "data", False, root))

    return make


def figure(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def test_figures_of_both_stand_side_by_side(make_version):
    found = compare_probes(
        make_version("a", box_F1=figure(0.5), IoU=figure(0.2)),
        make_version("b", box_F1=figure(0.6)),
    )
    assert found == [("box F1", "0.500 (0.40-0.60)", "0.600 (0.50-0.70)", "+0.100")]


def test_other_test_pictures_are_said(make_version):
    found = compare_probes(make_version("a", IoU=figure(0.2)), make_version("b", test="u"))
    assert found[0][:3] == ("test pictures", "9 pairs", "9 pairs") and "not the same" in found[0][3]


def test_a_probe_of_other_pairs_is_not_compared(make_version):
    before, after = make_version("a", IoU=figure(0.2)), make_version("b", stale=True)
    [row] = compare_probes(before, after)
    assert row[:3] == ("probe", "", "of other pairs") and "dvc repro" in row[3]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"data": 1}', "[" * 100_000])
def test_without_a_readable_probe_nothing_is_said(make_version, tmp_path, content):
    before, after = make_version("a"), make_version("b")
    metrics = tmp_path / "b" / "applications" / "metrics.json"
    metrics.unlink() if content is None else metrics.write_text(content)
    assert compare_probes(before, after) == []


def test_a_packaged_set_on_its_own_has_no_probe(tmp_path):
    (tmp_path / MANIFEST).touch()
    found = open_version(Workspace(tmp_path), str(tmp_path))
    assert found.files.open_probe() is None
