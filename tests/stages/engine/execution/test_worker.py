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


def compute(factory, act):
    """Compute one line; return its outcome and the result in the store."""
    factory.sources(line("a", act))
    (unit,) = factory.units(SourceStage)
    outcome = worker.work(factory.build(SourceStage), factory.store, unit)
    return outcome, factory.store.get(unit.store_key)


def test_a_result_is_stored(factory):
    outcome, stored = compute(factory, "")
    assert (outcome.failure, outcome.rejected) == (None, False)
    assert stored.document == {"key": key_of("a"), "text": "a"}


def test_a_reject_is_stored_as_a_result(factory):
    outcome, stored = compute(factory, "reject")
    reject = Reject(key_of("a"), None, "unwanted", "the line says so", {"act": "reject"})
    assert (outcome.failure, outcome.rejected) == (None, True)
    assert stored == Result(None, {}, [reject])


def test_a_reject_for_now_is_not_stored(factory):
    outcome, stored = compute(factory, "away")
    assert (outcome.failure.code, outcome.rejected, stored) == ("file_away", True, None)


def test_an_exception_is_reported_and_not_stored(factory):
    outcome, stored = compute(factory, "raise")
    assert stored is None
    assert outcome.rejected
    assert outcome.failure.code == "internal_error"
    assert outcome.failure.message == "ZeroDivisionError: one photo's bad luck"
    assert outcome.failure.evidence["at"].startswith("toy/source/stage.py:")
    assert "raised_in" not in outcome.failure.evidence
    assert outcome.traceback.startswith("Traceback") and "misbehave" in outcome.traceback


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA error: out of memory")])
def test_a_photo_without_enough_memory_is_tried_again(factory, monkeypatch, error):
    def process(self, sample):
        raise error

    monkeypatch.setattr(SourceStage, "process", process)
    outcome, stored = compute(factory, "")
    assert (outcome.failure.code, outcome.try_again, stored) == ("out_of_memory", True, None)
    assert "executor.workers" in outcome.failure.message
    assert outcome.traceback.startswith("Traceback")


def test_the_last_frame_of_our_code_is_named_when_a_library_raises(factory, monkeypatch):
    def process(self, sample):
        return json.loads("{")

    monkeypatch.setattr(SourceStage, "process", process)
    outcome, _ = compute(factory, "")
    at, raised = outcome.failure.evidence["at"], outcome.failure.evidence["raised_in"]
    # `process` is replaced by a function of this test, which is not part of our code.
    assert at.startswith("stages/engine/execution/worker.py:") and at.endswith("in _compute_result")
    assert raised.startswith("decoder.py:")
    assert "in process" in outcome.traceback and "raw_decode" in outcome.traceback


def test_a_number_that_is_not_finite_is_an_internal_error(factory, monkeypatch):
    monkeypatch.setattr(SourceStage, "rows", lambda self, document: [{"length": float("nan")}])
    outcome, stored = compute(factory, "")
    assert (outcome.failure.code, stored) == ("internal_error", None)
    assert outcome.failure.message == "ValueError: the manifest's column 'length' would hold nan"


def test_a_result_that_is_not_json_is_an_internal_error(factory):
    outcome, stored = compute(factory, "nan")
    assert (outcome.failure.code, stored) == ("internal_error", None)


def test_messages_that_are_not_utf8_are_escaped(factory, monkeypatch):
    def process(self, sample):
        raise OSError("no such file: caf\udce9.png")

    monkeypatch.setattr(SourceStage, "process", process)
    outcome, _ = compute(factory, "")
    assert outcome.failure.message.encode() == b"OSError: no such file: caf\\udce9.png"


def test_a_damaged_input_is_an_error_not_a_reject(factory):
    factory.sources(line("a"))
    factory.fill(SourceStage)
    (unit,) = factory.units(DoubleStage)
    (factory.workspace.stage("source") / "shard-00000.tar").write_bytes(b"")
    with pytest.raises(FactoryError, match=r"double: an input cannot be read: .*damaged"):
        worker.work(factory.build(DoubleStage), factory.store, unit)


def test_models_that_cannot_be_loaded_are_one_error():
    stage = DoubleStage(DoubleParams(weights="/nowhere"), BaseParams())
    message = "double: cannot load its models: OSError: no weights at /nowhere"
    with pytest.raises(FactoryError, match=message):
        worker.load(stage, threads=1)


def test_threads_are_set_in_an_imported_torch_which_is_not_imported_for_it(monkeypatch):
    threads = []
    stage = DoubleStage(DoubleParams(), BaseParams())
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    worker.load(stage, threads=3)
    assert "torch" not in sys.modules
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=threads.append))
    worker.load(stage, threads=3)
    assert threads and set(threads) == {3}
