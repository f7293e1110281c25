import json
import sys
from types import SimpleNamespace

import pytest
from toy.double.stage import DoubleParams, DoubleStage
from toy.factory import key_of, line
from toy.source.stage import SourceStage

from stages.engine.execution import worker
from stages.engine.stage import BaseParams, Reject
from stages.engine.storage.store import Result
from stages.engine.workspace import FactoryError


def done(factory, act):
    """Work on one line; the word on it and what the store then has."""
    factory.sources(line("a", act))
    (unit,) = factory.units(SourceStage)
    word = worker.work(factory.build(SourceStage), factory.store, unit)
    return word, factory.store.get(unit.store_key)


def test_a_result_is_kept(factory):
    word, kept = done(factory, "")
    assert (word.failure, word.rejected) == (None, False)
    assert kept.document == {"key": key_of("a"), "text": "a"}


def test_a_reject_is_a_result(factory):
    word, kept = done(factory, "reject")
    reject = Reject(key_of("a"), None, "unwanted", "the line says so", {"act": "reject"})
    assert (word.failure, word.rejected) == (None, True)
    assert kept == Result(None, {}, [reject])


def test_a_reject_for_now_is_tried_again_next_time(factory):
    word, kept = done(factory, "away")
    assert (word.failure.code, word.rejected, kept) == ("file_away", True, None)


def test_an_exception_is_told_and_not_kept(factory):
    word, kept = done(factory, "raise")
    assert kept is None
    assert word.rejected
    assert word.failure.code == "internal_error"
    assert word.failure.message == "ZeroDivisionError: one photo's bad luck"
    assert word.failure.evidence["at"].startswith("toy/source/stage.py:")
    assert "raised_in" not in word.failure.evidence
    assert word.traceback.startswith("Traceback") and "misbehave" in word.traceback


def test_where_our_own_code_was_is_told_when_a_library_raises(factory, monkeypatch):
    def process(self, sample):
        return json.loads("{")

    monkeypatch.setattr(SourceStage, "process", process)
    word, _ = done(factory, "")
    at, raised = word.failure.evidence["at"], word.failure.evidence["raised_in"]
    # A test's function is not ours; the engine's that called it is.
    assert at.startswith("stages/engine/execution/worker.py:") and at.endswith("in _result")
    assert raised.startswith("decoder.py:")
    assert "in process" in word.traceback and "raw_decode" in word.traceback


def test_a_number_that_is_not_finite_costs_its_photo_alone(factory, monkeypatch):
    monkeypatch.setattr(SourceStage, "rows", lambda self, document: [{"length": float("nan")}])
    word, kept = done(factory, "")
    assert (word.failure.code, kept) == ("internal_error", None)
    assert word.failure.message == "ValueError: the manifest's column 'length' would hold nan"


def test_a_result_that_is_no_json_is_an_internal_error(factory):
    word, kept = done(factory, "nan")
    assert (word.failure.code, kept) == ("internal_error", None)


def test_messages_that_are_no_unicode_can_be_written_down(factory, monkeypatch):
    def process(self, sample):
        raise OSError("no such file: caf\udce9.png")

    monkeypatch.setattr(SourceStage, "process", process)
    word, _ = done(factory, "")
    assert word.failure.message.encode() == b"OSError: no such file: caf\\udce9.png"


def test_damaged_inputs_are_not_the_photos_fault(factory):
    factory.sources(line("a"))
    factory.fill(SourceStage)
    (unit,) = factory.units(DoubleStage)
    (factory.workspace.stage("source") / "shard-00000.tar").write_bytes(b"")
    with pytest.raises(FactoryError, match=r"double: an input cannot be read: .*damaged"):
        worker.work(factory.build(DoubleStage), factory.store, unit)


def test_models_that_do_not_load_are_one_clear_error():
    stage = DoubleStage(DoubleParams(weights="/nowhere"), BaseParams())
    message = "double: cannot load its models: OSError: no weights at /nowhere"
    with pytest.raises(FactoryError, match=message):
        worker.load(stage, threads=1)


def test_threads_bind_a_torch_that_is_loaded_and_load_none(monkeypatch):
    asked = []
    stage = DoubleStage(DoubleParams(), BaseParams())
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    worker.load(stage, threads=3)
    assert "torch" not in sys.modules
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=asked.append))
    worker.load(stage, threads=3)
    assert asked and set(asked) == {3}
