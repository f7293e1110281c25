import json
import subprocess
from pathlib import Path

import pytest
import yaml

from stages import STAGES
from stages.catalogue import build_stage, parse_params
from stages.engine.provenance import code_digest, code_files
from stages.package.provenance import ProvenanceFile, collect_provenance, describe_stage, git_id

ROOT = Path(__file__).parents[3]


@pytest.fixture
def collect(tmp_path):
    """Collect the provenance of a checkout whose params.yaml has these sections."""

    def collect_with(**sections):
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(sections))
        return collect_provenance(tmp_path)

    return collect_with


@pytest.mark.parametrize("profile", ["compact", "flux"])
def test_every_stage_is_recorded_with_code_params_models_and_prompts(collect, profile):
    found = collect(base={"profile": profile, "seed": 7})
    assert [entry.stage for entry in found.stage_records()] == list(STAGES)
    assert {m.stage for m in found.model_records()} == {
        "perceive", "invert", "inject", "filter", "explain",
    }  # fmt: skip
    file = found.as_file()
    assert (file.profile, file.seed) == (profile, "7")
    asked = {prompt.id.split()[0] for stage in file.stages for prompt in stage.prompts}
    wanted = {"vocabulary", "caption", "verdict", "flaw", "picture", "clean"}
    assert asked == (wanted if profile == "flux" else set())
    for stage in file.stages:
        for prompt in stage.prompts:
            assert "# user" in prompt.text


def test_the_file_is_read_back(collect):
    file = collect().as_file()
    assert ProvenanceFile.model_validate_json(file.model_dump_json()) == file


def test_nothing_of_the_machine_and_no_revision_is_recorded(collect, tmp_path):
    text = collect().as_file().model_dump_json()
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    assert str(ROOT) not in text and str(tmp_path) not in text
    assert not head or head not in text


def test_the_code_is_that_of_the_store_keys(collect):
    stage = build_stage("map", parse_params({}))
    found = describe_stage(stage)
    assert found.code_sha256 == code_digest(stage)
    assert found.files.keys() == code_files(stage).keys()


def test_files_have_gits_ids(tmp_path):
    content = b"a = 1\n"
    (tmp_path / "a.py").write_bytes(content)
    command = ["git", "hash-object", "--no-filters", str(tmp_path / "a.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert git_id(content) == done.stdout.strip()


def test_params_that_change_results_and_those_of_the_layout_are_apart(collect):
    stages = {stage.stage: stage for stage in collect(map={"variants": 3}).stages}
    assert stages["map"].params["variants"] == 3
    assert "quotas" in stages["map"].layout and "quotas" not in stages["map"].params
    assert "photos_per_shard" in stages["package"].layout
    assert not any("gate" in {*s.params, *s.layout} for s in stages.values())
    records = {r.stage: json.loads(r.params) for r in collect(map={"variants": 3}).stage_records()}
    assert records["map"]["variants"] == 3


def test_the_digests_follow_what_they_stand_for(collect):
    before, after = collect(), collect(filter={"lpips": {"low": 0.2}})
    assert before.code_sha256 == after.code_sha256
    assert before.params_sha256 != after.params_sha256
    gated = collect(filter={"gate": {"max_variant_reject_rate": 0.5}})
    assert gated.as_file() == before.as_file()
