"""A folder of hostile files: each gets its reason, the photos among them all pass."""

from __future__ import annotations

import json
import os
import resource
from collections import Counter
from pathlib import Path

import pytest
from hostile_files import DOTTED, GOOD, MAX_PIXELS, PARAMS, TOML, write_hostile_files

from stages.catalogue import load_params
from stages.engine.runner import run
from stages.engine.settings import load_settings
from stages.engine.stage import BaseParams
from stages.engine.storage.source_list import Names
from stages.engine.storage.tables import read_table
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.licences import parse_ledger
from stages.ingest.scan import scan
from stages.ingest.sources import ScanError
from stages.ingest.stage import IngestParams, IngestStage

MEMORY = 1 << 30
"""Bytes that scanning and decoding may take."""


def file_name(name: str) -> str:
    """Return the name without its folders; a name that is not UTF-8 is escaped in the list."""
    return name.rpartition("/")[2].replace("\\\\", "\\")


@pytest.fixture
def limited_memory():
    """Limit the memory of this process during a test, so that a bomb fails instead of growing."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def test_every_hostile_file_gets_its_reason_and_every_photo_passes(
    tmp_path, monkeypatch, limited_memory
):
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    (tmp_path / "factory.toml").write_text('[executor]\nkind = "inline"\n')
    folder = tmp_path / "photos"
    folder.mkdir()
    expected = write_hostile_files(folder)
    assert len(expected) > 250
    workspace = Workspace(tmp_path)
    report = scan([folder], workspace)
    params = {"max_pixels": MAX_PIXELS, "min_side": 16, "max_side": 200}
    gate = {"max_reject_rate": 1.0, "max_internal_error_rate": 0.0}
    stage = IngestStage(IngestParams.model_validate({**params, "gate": gate}), BaseParams())
    verdict = run(stage, workspace)
    assert verdict.success, [str(check) for check in verdict.failures]
    output, names = workspace.stage("ingest"), Names.of_list(workspace.sources)
    rows = read_table(output / "manifest.parquet")
    found = {file_name(names.name(row["key"])): "good" for row in rows}
    for reject in read_table(output / "rejects.parquet"):
        line = json.loads(reject["evidence"]).get("line")
        found[file_name(names.name(reject["key"], line))] = reject["code"]
        assert reject["message"] and "\n" not in reject["message"]
    wrong = {name: (found.get(name), sorted(codes)) for name, codes in expected.items()
             if found.get(name) not in codes}  # fmt: skip
    assert not wrong
    assert found.keys() == expected.keys()
    assert len([name for name, codes in expected.items() if codes == GOOD]) > 100
    assert Counter(report.ignored)["folder link"] == 2 and len(report.skipped) >= 10
    assert not list(tmp_path.rglob("*escaped*")) and not Path("/tmp/hostile").exists()


@pytest.mark.parametrize("name", PARAMS)
def test_hostile_params_are_one_error(name, tmp_path, limited_memory):
    (tmp_path / "params.yaml").write_text(PARAMS[name], encoding="utf-8")
    with pytest.raises(FactoryError, match=r"params\.yaml") as found:
        load_params(tmp_path)
    assert len(str(found.value)) < 10_000 and not (tmp_path / "hostile").exists()


@pytest.mark.parametrize("name", TOML)
def test_hostile_toml_is_one_error(name, tmp_path, limited_memory):
    with pytest.raises(ScanError, match=r"LICENCES\.toml"):
        parse_ledger(TOML[name], "LICENCES.toml")
    (tmp_path / "factory.toml").write_text(TOML[name], encoding="utf-8", errors="surrogatepass")
    with pytest.raises(FactoryError, match=r"factory\.toml"):
        load_settings(Workspace(tmp_path))


@pytest.mark.parametrize("text", DOTTED, ids=["key", "table", "inline table", "hidden"])
def test_keys_of_very_many_parts_are_refused_before_they_are_parsed(text):
    with pytest.raises(ScanError, match=r"LICENCES\.toml, line 2: has more than 50 dots"):
        parse_ledger(f"# {'.' * 99}\n{text}", "LICENCES.toml")
    name = "a." * 99
    ledger = parse_ledger(f"[files.\"{name}\"] # {name}\norigin = '{name}'", "LICENCES.toml")
    assert list(ledger.files) == [name]
