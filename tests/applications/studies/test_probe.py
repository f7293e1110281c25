import json
import logging

import pytest
import yaml

import applications.params
from applications.params import read_section
from applications.studies import probe
from applications.studies.probe import ProbeParams, run_probe
from stages.engine.files import sha256_file
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError


def params(published, **changes):
    values = {
        "pairs": str(published), "test": str(published), "steps": 1, "batch": 1, "crops": [64],
        "short_side": 64, "validation_pairs": 2, "test_pairs": 3, "min_test_pairs": 2,
    }  # fmt: skip
    return ProbeParams.model_validate(values | changes)


@pytest.mark.slow
def test_metrics_have_intervals_and_say_what_they_are_of(published, tmp_path, caplog):
    out = tmp_path / "metrics.json"
    with caplog.at_level(logging.WARNING, "probe"):
        run_probe(params(published), out, tmp_path / "runs")
    assert "3 test pairs are few" in caplog.text
    found = json.loads(out.read_text())
    assert found["data"] == sha256_file(published / MANIFEST)[:16]
    assert found["test_pairs"] == 3
    figure = found["artifact_against_control"]
    assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert not (tmp_path / "runs").exists()


def test_it_refuses_what_says_nothing(published, tmp_path):
    with pytest.raises(FactoryError, match="3 test pairs say nothing, at least 4 are needed"):
        run_probe(params(published, min_test_pairs=4), tmp_path / "m", tmp_path / "runs")


def test_the_section_of_the_params_file_is_the_probes(tmp_path, monkeypatch):
    written = yaml.safe_load(applications.params.FILE.read_text())["probe"]
    assert set(written) == set(ProbeParams.model_fields)
    read_section(("probe",), ProbeParams)
    file = tmp_path / "params.yaml"
    file.write_text("probe: {crops: [100]}")
    monkeypatch.setattr("sys.argv", ["probe", "--params", str(file)])
    with pytest.raises(SystemExit, match=r"probe\.crops"):
        probe.main()
