import json

import pytest
from published_set import write_set

from flows.exports.samples import parse_record
from flows.records import UNKNOWN, check_version, convert_record
from stages.engine.storage.shard import read_samples
from stages.engine.workspace import FactoryError
from stages.package.pair import PublishedPair
from stages.records.documents import SCHEMA_VERSION


@pytest.fixture
def record(tmp_path):
    folder = write_set(tmp_path / "set")
    with (folder / "train-00000.tar").open("rb") as file:
        return json.loads(next(read_samples(file))[1]["json"])


def make_old(record):
    """Take from a record what version 2 did not have."""
    old = {n: v for n, v in record.items() if n not in ("stages", "seed", "code_sha256", "calls")}
    models = [{"stage": "inject", "name": "flow", "revision": "diffusers:abc"}]
    return old | {"schema_version": 2, "models": models}


def test_a_record_of_version_2_is_converted(record):
    found = parse_record(json.dumps(make_old(record)).encode(), "json")
    assert found.schema_version == SCHEMA_VERSION
    assert found.flaws == PublishedPair.model_validate(record).flaws
    assert found.seed == found.code_sha256 == found.stages[0].code_sha256 == UNKNOWN
    (model,) = found.models
    assert (model.role, model.back_end, model.weights) == ("flow", "diffusers", UNKNOWN)
    assert found.calls.photo.requests == 0


def test_a_record_of_this_version_is_left_alone(record):
    assert convert_record(record) == record


@pytest.mark.parametrize("spoil", [{"models": 3}, {"models": [{}]}, {"models": None}])
def test_a_damaged_record_of_version_2_is_refused_in_one_line(record, spoil):
    with pytest.raises(FactoryError, match="json: ") as error:
        parse_record(json.dumps(make_old(record) | spoil).encode(), "json")
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
