import pytest
from toy.factory import key_of, line
from toy.source.stage import SourceStage

from stages.engine.attempts import Attempts, attempts_file, read_attempts
from stages.engine.codes import EngineCode
from stages.engine.stage import Reject


@pytest.fixture
def unit(factory):
    factory.sources(line("a"))
    return factory.units(SourceStage)[0]


def reject(code):
    return Reject(key_of("a"), None, code, "for now", {"seen": 1})


def rejecting(factory, unit, code, *, saved=True):
    """Count one run that rejects the unit."""
    attempts = Attempts.of(factory.workspace, "source")
    attempts.add(unit, reject(code))
    if saved:
        attempts.save()


def test_a_photo_is_given_up_with_its_last_reject(factory, unit):
    for _ in range(3):
        assert Attempts.of(factory.workspace, "source").give_up({unit.store_key}) == {}
        rejecting(factory, unit, EngineCode.OUT_OF_MEMORY)
    attempts = Attempts.of(factory.workspace, "source")
    again = {unit.store_key: reject("out_of_memory")}
    assert attempts.give_up({unit.store_key, "another"}) == again
    assert attempts.counts(given_up=True) == {"out_of_memory": 1}
    attempts.save()
    assert Attempts.of(factory.workspace, "source").give_up({unit.store_key}) == again


def test_a_photo_that_is_no_longer_rejected_is_forgotten(factory, unit):
    rejecting(factory, unit, EngineCode.OUT_OF_MEMORY)
    Attempts.of(factory.workspace, "source").save()
    assert read_attempts(factory.workspace, "source") == {}


def test_only_a_workers_death_counts_in_a_run_that_does_not_end(factory, unit):
    """The next death may end the build again."""
    rejecting(factory, unit, EngineCode.OUT_OF_MEMORY, saved=False)
    assert read_attempts(factory.workspace, "source") is None
    rejecting(factory, unit, EngineCode.WORKER_DIED, saved=False)
    (attempt,) = read_attempts(factory.workspace, "source").values()
    assert (attempt.code, attempt.count) == ("worker_died", 1)


def test_a_photo_whose_file_is_away_costs_nothing_to_try(factory, unit):
    for _ in range(4):
        rejecting(factory, unit, "file_away")
    assert Attempts.of(factory.workspace, "source").give_up({unit.store_key}) == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 3}', '{"a": {"key": "b"}}'])
def test_a_damaged_file_counts_as_none(factory, text):
    path = attempts_file(factory.workspace, "source")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert read_attempts(factory.workspace, "source") is None
