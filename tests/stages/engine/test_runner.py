import hashlib
import importlib
import json
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
import toy
from toy.double.stage import CopyCode, DoubleStage
from toy.factory import build, key_of, line
from toy.pack.stage import PackStage
from toy.source.stage import SourceStage
from toy.thin.stage import ThinStage

from stages.engine import runner
from stages.engine.attempts import MAX_ATTEMPTS
from stages.engine.execution.progress import Progress
from stages.engine.runner import gather, main
from stages.engine.stage import RejectForNow, Stage
from stages.engine.storage.source_list import Names, Source
from stages.engine.storage.store import Store
from stages.engine.storage.tables import MANIFEST, METRICS, read_photos, write_table
from stages.engine.workspace import FactoryError

TEXTS = ["a", "b?", "c", "d"]
ALL = (SourceStage, DoubleStage, PackStage)


@pytest.fixture
def ready(factory, monkeypatch):
    """A workspace with four photos."""
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(factory.root))
    monkeypatch.delenv(runner.LEASHED, raising=False)
    factory.sources(*map(line, TEXTS))
    return factory


def exit_code(stage):
    with pytest.raises(SystemExit) as end:
        main(partial(build, stage))
    return end.value.code


def test_three_stages_pass_their_gates_and_report(ready):
    assert ready.run(*ALL).success
    report = ready.report("double")
    assert (report["photos"], report["computed"], report["rejected"]) == (4, 4, 0)
    assert (report["variants_rejected"], report["rows"]) == (1, 7)
    assert report["gate"]["success"] is True
    assert report["output_bytes"] == sum(map(len, ready.files("double").values()))
    stored = sum(ready.report(stage.name)["stored_bytes"] for stage in ALL)
    assert stored == sum(blob.stat().st_size for blob in ready.blobs())
    assert ready.metrics("pack")["variants_in"] == 7
    progress = Progress.read(ready.workspace.reports / "double.progress.json")
    assert progress is not None and (progress.done, progress.total) == (4, 4)


def test_what_a_block_leaves_out_is_set_aside_and_balances(ready):
    assert ready.run(SourceStage, ThinStage).success
    report, numbers = ready.report("thin"), ready.metrics("thin")
    assert (report["rejected"], report["aside"]) == (0, 1)  # c: a and b? fill the block
    assert (report["variants_rejected"], report["variants_aside"]) == (1, 0)
    counts = {name: numbers[f"variants_{name}"] for name in ("in", "accepted", "rejected", "aside")}
    assert counts == {"in": 8, "accepted": 5, "rejected": 1, "aside": 2}  # both of c
    assert numbers["variant_reject_rate"] == pytest.approx(1 / 6, abs=1e-6)


def test_a_variant_lost_with_those_left_out_fails_the_gate(ready):
    ready.save(thin={"per_block": 1, "forgets": True})
    assert {check.column for check in ready.run(SourceStage, ThinStage).failures} == {
        "variants_missing"
    }


def test_a_warning_is_printed_and_fails_nothing(ready, capsys):
    ready.save(thin={"gate": {"max_length": 1}})
    ready.run(SourceStage)
    assert exit_code(ThinStage) == 0
    said = capsys.readouterr().err
    assert "warning: a copy is long: length.max must be at most 1" in said
    (check,) = [c for c in ready.report("thin")["gate"]["checks"] if not c["success"]]
    assert check["warns"] and ready.report("thin")["gate"]["success"]


def test_outputs_are_reproducible(ready):
    ready.run(*ALL)
    before = {stage.name: ready.files(stage.name) for stage in ALL}
    shutil.rmtree(ready.workspace.data / ".store")
    ready.run(*ALL)
    assert {stage.name: ready.files(stage.name) for stage in ALL} == before
    assert ready.report("double")["computed"] == 4


def test_a_passed_gate_exits_0(ready, capsys):
    assert exit_code(SourceStage) == 0
    assert "gate of source: " in capsys.readouterr().out


def test_the_workers_are_printed(ready, capsys):
    assert exit_code(SourceStage) == 0
    assert "source: 4 photos to compute, in the stage's own process" in capsys.readouterr().out
    assert exit_code(SourceStage) == 0
    assert "to compute" not in capsys.readouterr().out


def test_the_models_to_load_are_shown_until_a_photo_is_done(ready, monkeypatch):
    found = {"flow": "flux:12", "metric": "l:3"}
    monkeypatch.setattr(SourceStage, "revisions", lambda stage: found)
    ready.run(SourceStage)
    progress = Progress.read(ready.workspace.reports / "source.progress.json")
    assert progress.workers.endswith(", to load flow flux:12, metric l:3")


def test_a_failed_gate_exits_1_with_the_reason(ready, capsys):
    ready.run(SourceStage)
    ready.save(double={"gate": {"max_length": 2}})
    assert exit_code(DoubleStage) == 1
    message = capsys.readouterr().err
    assert (
        "length must be at most 2 (double.gate.max_length), observed 1 of 7 rows, values [4]"
        in message
    )
    assert f"for example {key_of('b?')} (v0)" in message
    assert "change double.gate.max_length in params.yaml" in message


def test_a_failed_gate_names_files_and_reasons(ready, capsys, monkeypatch):
    def entry(text):
        digest = hashlib.sha256(text.encode()).hexdigest()
        words = {"licence": "MIT", "origin": "me", "batch": "b"}
        return Source(path=f"photos/{text}.jpg", sha256=digest, bytes=1, **words)

    names = [f"p{n:02}" for n in range(20)]
    known = Names([entry(name) for name in names])  # the toy's list has no half with names
    monkeypatch.setattr(Names, "of_list", lambda folder: known)
    ready.sources(
        *[line(n, "reject" if n < "p12" else "away" if n < "p14" else "") for n in names],
        line("gone", withdrawn=True),
    )
    ready.save(source={"gate": {"max_reject_rate": 0.5}})
    assert exit_code(SourceStage) == 1
    (message,) = [row for row in capsys.readouterr().err.splitlines() if "FAILED" in row]
    assert "too many photos are rejected: reject_rate must be at most 0.5 " in message
    assert "(source.gate.max_reject_rate), observed 0.7" in message
    assert "12 unwanted (photos/p" in message and "and 9 more: the line says so)" in message
    assert "2 file_away (photos/p" in message and "its disk is not there" in message
    assert "change source.gate.max_reject_rate in params.yaml" in message
    report = ready.report("source")
    assert report["reasons"] == {"unwanted": 12, "file_away": 2, "withdrawn": 1}
    assert report["try_again"] == {"file_away": 2}
    assert (report["rejected"], report["aside"]) == (14, 1)


def test_the_reject_rate_is_not_judged_on_few_photos(ready):
    ready.sources(line("a"), *[line(text, "reject") for text in "bcd"])
    ready.save(source={"gate": {"max_reject_rate": 0.1}})
    assert ready.run(SourceStage).success
    ready.save(source={"gate": {"max_reject_rate": 0.1, "min_photos": 4}})
    (check,) = ready.run(SourceStage).failures
    assert check.column == "reject_rate"


def test_no_accepted_photo_fails_the_gate_with_the_reason(ready):
    ready.sources(line("a", "reject"))
    (check,) = ready.run(SourceStage).failures
    assert check.message.startswith("no photo is left: photos_accepted must be at least 1")
    assert "1 unwanted" in check.message and "the line says so" in check.message


def test_sifting_rejects_photos_and_computes_nothing(ready):
    ready.run(SourceStage, DoubleStage)
    ready.save(double={"longest": 2})
    assert ready.run(DoubleStage).success
    assert ready.report("double")["computed"] == 0
    assert ready.report("double")["reasons"] == {"too_long": 1}
    assert key_of("b?") not in {entry.key for entry in read_photos(ready.workspace.stage("double"))}
    ready.save(double={})
    assert ready.run(DoubleStage).success
    assert ready.report("double")["reasons"] == {"doubtful": 1}
    assert ready.report("double")["computed"] == 0


def test_a_changed_threshold_computes_nothing(ready):
    ready.run(SourceStage)
    ready.save(double={"gate": {"max_length": 2}})
    assert not ready.run(DoubleStage).success
    assert ready.report("double")["computed"] == 4
    ready.save(double={"gate": {"max_length": 4}})
    assert ready.run(DoubleStage).success
    assert ready.report("double")["computed"] == 0


def test_a_bug_in_a_stages_function_fails_its_gate(ready, capsys, monkeypatch):
    ready.run(SourceStage)
    monkeypatch.setattr("toy.double.stage.double", lambda text: text * 700)
    assert exit_code(DoubleStage) == 1
    assert "length must be at most" in capsys.readouterr().err


def test_an_exception_on_too_many_photos_fails_the_gate(ready, capsys, monkeypatch):
    ready.sources(*map(line, TEXTS), line("bad", "raise"), line("worse", "raise"))
    assert exit_code(SourceStage) == 1
    message = capsys.readouterr().err
    assert "internal_error_rate must be at most 0.02" in message
    assert "of 6 photos 2 internal_error" in message and key_of("worse") in message
    assert "ZeroDivisionError: one photo's bad luck at toy/source/stage.py:" in message
    tracebacks = ready.report("source")["tracebacks"]
    assert set(tracebacks) == {key_of("bad"), key_of("worse")}
    assert "misbehave" in tracebacks[key_of("bad")]
    assert not any(b"Traceback" in data for data in ready.files("source").values())


def test_an_exception_on_one_photo_passes_the_gate(ready):
    ready.sources(*map(line, TEXTS), line("bad", "raise"))
    assert ready.run(SourceStage).success
    assert ready.report("source")["reasons"] == {"internal_error": 1}


def test_changed_params_and_new_photos_compute_only_what_they_affect(ready):
    ready.run(SourceStage)
    ready.sources(*map(line, [*TEXTS, "e"]))
    ready.run(SourceStage, DoubleStage)
    assert (ready.report("source")["computed"], ready.report("double")["computed"]) == (1, 5)
    ready.save(double={"variants": 1})
    ready.run(DoubleStage)
    assert ready.report("double")["computed"] == 5
    ready.save(double={"variants": 2})
    ready.run(DoubleStage)
    assert ready.report("double")["computed"] == 0


def test_an_interrupted_run_is_resumed(ready, monkeypatch):
    done = []

    def interrupted(self, sample):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(sample.key)
        return process(self, sample)

    process = SourceStage.process
    monkeypatch.setattr(SourceStage, "process", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ready.run(SourceStage)
    monkeypatch.setattr(SourceStage, "process", process)
    assert ready.run(SourceStage).success
    assert ready.report("source")["computed"] == 2


def test_damaged_blobs_are_computed_again(ready):
    ready.sources(*map(line, TEXTS), line("away", "away"))
    ready.run(SourceStage)
    before = ready.files("source")
    for blob in ready.blobs()[:2]:
        blob.write_bytes(blob.read_bytes()[:-7])
    assert ready.run(SourceStage).success
    # `away` is not in the store, so it is tried again, but only once, not in both passes.
    assert ready.report("source")["computed"] == 3
    assert ready.files("source") == before


def test_every_blob_is_read_once(ready, monkeypatch):
    ready.run(SourceStage)
    read, get = [], Store.get

    def counted(self, key):
        read.append(key)
        return get(self, key)

    monkeypatch.setattr(Store, "get", counted)
    ready.run(SourceStage)
    assert sorted(read) == sorted(blob.name for blob in ready.blobs())


def test_results_that_vanish_from_the_store_are_an_error(ready, monkeypatch):
    monkeypatch.setattr(Store, "get", lambda self, key: None)
    with pytest.raises(FactoryError, match="the store lost"):
        ready.run(SourceStage)


def test_a_reject_for_now_is_tried_again(ready, monkeypatch):
    ready.sources(*map(line, TEXTS), line("away", "away"))
    assert ready.run(SourceStage).success
    assert ready.metrics("source")["photos_rejected"] == 1
    monkeypatch.setenv("TOY_CALM", "1")
    ready.run(SourceStage)
    assert ready.metrics("source")["photos_rejected"] == 0
    assert ready.report("source")["computed"] == 1


@pytest.fixture
def unlucky(ready, monkeypatch):
    """A workspace whose stage double rejects one photo for now; the list of its attempts."""
    tried, process = [], DoubleStage.process

    def fail(self, sample):
        if sample.key != key_of("a"):
            return process(self, sample)
        tried.append(sample.key)
        raise RejectForNow(CopyCode.DOUBTFUL, "no answer", tries=6)

    monkeypatch.setattr(DoubleStage, "process", fail)
    ready.run(SourceStage)
    return ready, tried


def test_a_photo_is_given_up_after_three_runs(unlucky, capsys):
    factory, tried = unlucky
    outputs = []
    for _ in range(4):
        assert factory.run(DoubleStage).success
        outputs.append(factory.files("double"))
    assert len(tried) == MAX_ATTEMPTS == 3
    assert all(output == outputs[0] for output in outputs)
    report = factory.report("double")
    assert report["try_again"] == report["given_up"] == {"doubtful": 1}
    assert report["computed"] == 0
    assert (
        "double: photos given up after 3 builds: 1 (`flawfactory build --try-again`)"
        in capsys.readouterr().out
    )

    factory.save(double={"variants": 1})  # another key
    factory.run(DoubleStage)
    assert len(tried) == 4 and factory.report("double")["given_up"] == {}


def test_runs_whose_gate_fails_are_not_counted(unlucky):
    """They fail the build, for a reason that may have nothing to do with the photo."""
    factory, tried = unlucky
    factory.save(double={"gate": {"max_length": 1}})
    for number in range(4):
        assert not factory.run(DoubleStage).success
        assert len(tried) == number + 1


def test_an_expected_error_exits_2_with_one_line(ready, capsys):
    assert exit_code(DoubleStage) == 2
    message = capsys.readouterr().err
    assert message.startswith("flawfactory: ") and "has no output yet" in message
    assert message.count("\n") == 1


def test_an_unexpected_exception_exits_2(ready, capsys):
    ready.source_list.write_text("no json\n")
    assert exit_code(SourceStage) == 2
    assert "JSONDecodeError" in capsys.readouterr().err


def test_two_photos_with_the_same_key_are_an_error(ready):
    ready.sources(line("a"), line("b"), line("a"))
    with pytest.raises(FactoryError, match=f"key {key_of('a')} twice"):
        ready.run(SourceStage)


@pytest.mark.parametrize(("variants_in", "expected"), [(3, 0), (0, 1)])
def test_an_empty_manifest_may_mean_that_all_variants_were_rejected(ready, variants_in, expected):
    """Then no variants are expected. If the stage had none, the next upstream stage is read."""
    ready.fill(SourceStage, DoubleStage)
    source, double = ready.workspace.stage("source"), ready.workspace.stage("double")
    columns = {"key": str, "variant": str}
    write_table(source / MANIFEST, [{"key": key_of("a"), "variant": "v0"}], columns)
    write_table(double / MANIFEST, [], columns)
    (double / METRICS).write_text(json.dumps({"variants_in": variants_in}))
    upstream = gather(ready.build(PackStage), ready.workspace).upstream
    assert len(upstream.variants) == expected


def test_incoming_variants_are_those_of_accepted_photos(ready):
    ready.run(SourceStage, DoubleStage)
    upstream = gather(ready.build(PackStage), ready.workspace).upstream
    assert upstream.photos == list(map(key_of, TEXTS))
    assert len(upstream.variants) == 7 and (key_of("b?"), "v1") not in upstream.variants


@pytest.fixture
def copy(ready, tmp_path, monkeypatch):
    """A copy of the toy stages that tests may edit: its `DoubleStage` and its folder."""
    folder = tmp_path / "copied"
    shutil.copytree(Path(toy.__file__).parent, folder / "toy_copy")
    for path in (folder / "toy_copy").rglob("*.py"):
        path.write_text(path.read_text().replace("toy.", "toy_copy."))
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    yield importlib.import_module("toy_copy.double.stage").DoubleStage, folder / "toy_copy"
    for name in [n for n in sys.modules if n.split(".")[0] == "toy_copy"]:
        del sys.modules[name]


def test_an_unknown_threshold_stops_before_any_work(ready, copy):
    stage, folder = copy
    ready.run(SourceStage)
    before = ready.blobs()
    gate = folder / "double" / "gate.json"
    gate.write_text(gate.read_text().replace("gate.max_length", "gate.max_lenth"))
    with pytest.raises(FactoryError, match=r"'gate\.max_lenth' is not in DoubleParams"):
        ready.run(stage)
    assert ready.blobs() == before and not ready.workspace.stage("double").exists()


def editing(stage: type[Stage], edit):
    """Make `stage.process` call `edit`; return `stage`."""
    process = stage.process

    def edited(self, sample):
        edit()
        return process(self, sample)

    stage.process = edited
    return stage


@pytest.mark.parametrize("name", ["double/stage.py", "words.py", "double/gate.json"])
def test_code_edited_during_the_run_fails_the_stage(ready, copy, name):
    stage, folder = copy
    ready.run(SourceStage)
    text = (folder / name).read_text()
    edited = editing(stage, lambda: (folder / name).write_text(text + "\n"))
    with pytest.raises(FactoryError, match=r"double: .* changed while it ran; run it again"):
        ready.run(edited)


def test_an_input_changed_during_the_run_fails_the_stage(ready, copy):
    stage, _ = copy
    ready.run(SourceStage)
    photos = ready.workspace.stage("source") / "photos.parquet"
    edited = editing(stage, lambda: photos.write_bytes(photos.read_bytes() + b" "))
    with pytest.raises(FactoryError, match=r"photos\.parquet changed while it ran"):
        ready.run(edited)


def test_params_changed_during_the_run_fail_the_stage(ready, copy, capsys):
    stage, _ = copy
    ready.run(SourceStage)
    edited = editing(stage, lambda: ready.save(double={"variants": 1}))
    assert exit_code(edited) == 2
    assert "params.yaml changed while it ran" in capsys.readouterr().err


def test_params_of_another_stage_may_change_during_the_run(ready, copy):
    stage, _ = copy
    ready.run(SourceStage)
    assert exit_code(editing(stage, lambda: ready.save(source={}))) == 0
