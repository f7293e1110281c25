import json
from pathlib import Path

import pytest
from published_set import write_set

from flows.exports.samples import parse_record
from flows.records import UNKNOWN, check_version, convert_record
from stages.engine.storage.shard import read_samples
from stages.engine.workspace import FactoryError
from stages.records.documents import SCHEMA_VERSION


@pytest.fixture
def record(tmp_path):
    folder = write_set(tmp_path / "set")
    with (folder / "train-00000.tar").open("rb") as file:
        return json.loads(next(read_samples(file))[1]["json"])


@pytest.fixture
def old():
    """A record that a build of version 2 published."""
    path = Path(__file__).parents[1] / "fixtures" / "record_version_2.json"
    return json.loads(path.read_bytes())


def test_a_record_of_version_2_is_converted(old):
    assert old["schema_version"] == 2
    found = parse_record(json.dumps(old).encode(), "json")
    assert found.schema_version == SCHEMA_VERSION
    assert found.seed == found.code_sha256 == found.stages[0].code_sha256 == UNKNOWN
    assert found.models[0].revision == old["models"][0]["revision"]
    assert found.models[0].weights == UNKNOWN
    assert found.calls.photo.requests == 0
    (flaw,) = found.flaws
    assert (flaw.part, flaw.text) == (old["flaws"][0]["part"], old["flaws"][0]["text"])
    assert (flaw.pixels_sha256, flaw.verdict_by, flaw.accepted_by) == (UNKNOWN, "judge", "")


def test_a_record_of_this_version_is_left_alone(record):
    assert convert_record(record) == record


@pytest.mark.parametrize("spoil", [{"models": 3}, {"models": [{}]}, {"models": None}, {"flaws": 3}])
def test_a_damaged_record_of_version_2_is_refused_in_one_line(old, spoil):
    with pytest.raises(FactoryError, match="json: ") as error:
        parse_record(json.dumps(old | spoil).encode(), "json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("version", [None, 1, 4, "3"])
def test_other_versions_are_refused_with_their_name(version):
    with pytest.raises(FactoryError, match=str(version or "no schema version")):
        check_version(version, "x")


@pytest.mark.parametrize("field", ["stages", "calls", "seed", "code_sha256"])
def test_a_record_of_this_version_must_be_complete(record, field):
    del record[field]
    with pytest.raises(FactoryError, match=field):
        parse_record(json.dumps(record).encode(), "json")
