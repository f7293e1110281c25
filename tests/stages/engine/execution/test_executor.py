import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy.double.stage import DoubleStage
from toy.factory import ToyFactory, key_of, line
from toy.source.stage import SourceStage
from waiting import wait_until

from stages.engine.codes import EngineCode
from stages.engine.execution import devices
from stages.engine.execution.executor import execute
from stages.engine.provenance import code_digest
from stages.engine.settings import ExecutorSettings
from stages.engine.workspace import FactoryError

FIXTURES = Path(sys.modules[ToyFactory.__module__].__file__).parents[1]
TEXTS = ["one", "two?", "three", "four", "five", "six", "seven"]


def failures(factory, *stages):
    out = factory.fill(*stages)
    return {reject.key: reject.code for reject in out.rejects if reject.variant is None}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The output of one process that computes one photo after the other."""
    factory = ToyFactory(tmp_path_factory.mktemp("inline"))
    factory.sources(*map(line, TEXTS), line("bad", "raise"), line("unwanted", "reject"))
    factory.fill(SourceStage, DoubleStage)
    return factory


@pytest.mark.parametrize("workers", [1, 3])
def test_worker_processes_give_the_same_bytes_as_one_process(reference, tmp_path, workers):
    factory = ToyFactory(tmp_path, "processes", workers)
    factory.workspace.data.mkdir()
    factory.source_list.parent.mkdir(parents=True, exist_ok=True)
    factory.source_list.write_bytes(reference.source_list.read_bytes())
    factory.fill(SourceStage, DoubleStage)
    for stage in ("source", "double"):
        assert factory.files(stage) == reference.files(stage)
        assert len(factory.files(stage)) == 3 + 3  # three shards, three tables


def test_units_are_taken_as_workers_need_them(processes):
    """A unit is made when it is submitted, so that memory does not hold those of all photos."""
    processes.sources(*map(line, map(str, range(40))))
    units = processes.units(SourceStage)
    taken: list[str] = []

    class Lazy(list):
        def __iter__(self):
            for unit in units:
                taken.append(unit.key)
                yield unit

    built, settings = processes.build(SourceStage), ExecutorSettings(kind="processes", workers=2)
    done = 0
    for _ in execute(built, processes.store, Lazy(units), settings, code_digest(built)):
        done += 1
        assert len(taken) <= done + 2 * 4
    assert done == len(taken) == 40


def test_a_photo_that_raises_is_rejected_and_the_others_are_computed(reference):
    photos = {u.key for u in reference.units(DoubleStage)}
    assert photos == set(map(key_of, TEXTS))
    assert failures(reference, SourceStage) == {
        key_of("bad"): "internal_error",
        key_of("unwanted"): "unwanted",
    }


def test_a_photo_that_kills_its_worker_is_rejected_and_the_others_are_computed(processes):
    processes.sources(line("a"), line("b"), line("killer", "kill"), line("c"), line("d", "raise"))
    assert failures(processes, SourceStage) == {
        key_of("killer"): EngineCode.WORKER_DIED,
        key_of("d"): "internal_error",
    }
    assert {u.key for u in processes.units(DoubleStage)} == set(map(key_of, "abc"))
    assert len(processes.blobs()) == 3


def test_photos_whose_worker_died_or_whose_disk_is_away_are_tried_again(processes):
    processes.sources(line("k", "kill"), line("r", "raise"), line("w", "away"), line("u", "reject"))
    again = {done.unit.key for done in processes.compute(SourceStage) if done.try_again}
    assert again == {key_of("k"), key_of("w")}


def test_two_photos_in_flight_kill_their_workers(processes):
    processes.sources(line("k1", "kill"), line("k2", "kill"), line("a"))
    assert failures(processes, SourceStage) == {
        key_of("k1"): EngineCode.WORKER_DIED,
        key_of("k2"): EngineCode.WORKER_DIED,
    }
    assert {u.key for u in processes.units(DoubleStage)} == {key_of("a")}


def test_a_photo_that_hangs_is_rejected_and_the_others_are_computed(processes):
    processes.executor("processes", 2, photo_timeout_minutes=0.025)
    processes.sources(line("hangs", "wait"), line("a"), line("k", "kill"))
    done = {outcome.unit.key: outcome for outcome in processes.compute(SourceStage)}
    hung, killed = done[key_of("hangs")], done[key_of("k")]
    assert (hung.failure.code, hung.try_again) == (EngineCode.WORKER_DIED, True)
    assert hung.failure.message == (
        "it took longer than 0.025 minutes (executor.photo_timeout_minutes in factory.toml), so "
        "its worker process was ended"
    )
    assert "in misbehave" in hung.traceback
    assert killed.failure.message.startswith("its worker process died")
    assert done[key_of("a")].failure is None


def test_a_photo_that_hangs_in_the_stages_own_process_ends_it(factory):
    factory.executor("inline", 1, photo_timeout_minutes=0.01)
    factory.sources(line("hangs", "wait"))
    environment = {
        **os.environ,
        "FLAWFACTORY_ROOT": str(factory.root),
        "PYTHONPATH": os.pathsep.join([str(FIXTURES), str(FIXTURES.parents[1])]),
    }
    command = [sys.executable, "-m", "toy.source"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    (said,) = ended.stderr.splitlines()
    assert ended.returncode == 2
    assert f"source: photo {key_of('hangs')} took longer than 0.01 minutes" in said
    assert "in misbehave" in (factory.workspace.reports / "source.hang.txt").read_text()


@pytest.mark.parametrize("kind", ["inline", "processes"])
def test_models_that_cannot_be_loaded_are_one_error(factory, kind):
    factory.sources(line("a"), line("b"))
    factory.fill(SourceStage)
    factory.save(double={"weights": "/nowhere"})
    factory.executor(kind, 2)
    message = "^double: cannot load its models: OSError: no weights at /nowhere$"
    with pytest.raises(FactoryError, match=message):
        factory.compute(DoubleStage)


def test_a_worker_that_dies_while_loading_is_an_error_not_a_reject(factory):
    factory.sources(line("a"), line("b"))
    factory.fill(SourceStage)
    factory.executor("processes", 2)
    factory.save(double={"weights": "kill"})
    with pytest.raises(FactoryError, match="double: its worker died while it loaded the models"):
        factory.compute(DoubleStage)


def test_a_worker_with_edited_code_stores_nothing(processes):
    processes.sources(line("a"))
    units, store = processes.units(SourceStage), processes.store
    settings = ExecutorSettings(kind="processes", workers=1)
    with pytest.raises(FactoryError, match="source: its code was edited while it ran"):
        list(execute(processes.build(SourceStage), store, units, settings, "digest before"))
    assert processes.blobs() == []


def test_a_damaged_input_stops_the_run(factory):
    factory.sources(line("a"), line("b"))
    factory.fill(SourceStage)
    factory.executor("processes", 1)
    (factory.workspace.stage("source") / "shard-00000.tar").write_bytes(b"")
    with pytest.raises(FactoryError, match="an input cannot be read"):
        factory.compute(DoubleStage)


def test_each_gpu_gets_one_worker_that_sees_only_it(processes, monkeypatch):
    monkeypatch.setattr(SourceStage, "devices", lambda self: frozenset({"cuda"}))
    monkeypatch.setattr(devices, "gpus", lambda: (devices.Gpu("H100", "9.0"),) * 2)
    monkeypatch.setenv(devices.VISIBLE, "4,7")
    processes.sources(*(line(f"{n}", "gpu") for n in range(6)))
    units, store = processes.units(SourceStage), processes.store
    settings = ExecutorSettings(kind="processes")
    stage = processes.build(SourceStage)
    list(execute(stage, store, units, settings, code_digest(stage)))
    seen = {store.get(unit.store_key).document["text"] for unit in units}
    assert seen <= {"4", "7"} and seen


def test_the_environment_is_restored(factory, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    factory.sources(line("a"), line("b"))
    settings = ExecutorSettings(kind="inline", threads=2)
    run = execute(
        factory.build(SourceStage), factory.store, factory.units(SourceStage), settings, ""
    )
    next(run)
    assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("2", "2")
    list(run)
    assert os.environ["OMP_NUM_THREADS"] == "5" and "MKL_NUM_THREADS" not in os.environ


def stat(pid):
    """State and parent of a process; None if it does not exist."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return None
    return state, int(parent)


def children(pid):
    """All child processes of `pid`: workers and multiprocessing's tracker."""
    pids = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdecimal()]
    return {child for child in pids if (found := stat(child)) and found[1] == pid}


def has_ended(pid):
    found = stat(pid)
    return found is None or found[0] == "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_killed_driver_leaves_no_workers_and_its_results_are_stored(processes, monkeypatch):
    processes.sources(*map(line, TEXTS), line("w1", "wait"), line("w2", "wait"))
    environment = {
        **os.environ,
        "FLAWFACTORY_ROOT": str(processes.root),
        "PYTHONPATH": os.pathsep.join([str(FIXTURES), str(FIXTURES.parents[1])]),
    }
    driver = subprocess.Popen([sys.executable, "-m", "toy.source"], env=environment)
    try:
        wait_until(lambda: len(processes.blobs()) == len(TEXTS))
        workers = children(driver.pid)
        assert len(workers) >= 2
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    wait_until(lambda: all(map(has_ended, workers)))

    monkeypatch.setenv("TOY_CALM", "1")
    computed = processes.compute(SourceStage)
    assert {done.unit.key for done in computed} == {key_of("w1"), key_of("w2")}
    assert len(processes.blobs()) == len(TEXTS) + 2


def semaphores(pid):
    """The files of the named semaphores that a process has open; its maps show their first names,
    from before glibc renames them."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    inodes = set(map(int, re.findall(r" (\d+) +/dev/shm/sem\.", maps)))
    return {path for path in Path("/dev/shm").glob("sem.*") if path.stat().st_ino in inodes}


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="semaphores are not files here")
def test_a_killed_group_of_processes_leaves_no_semaphore(processes):
    """A build that is killed kills the group of its stage's processes."""
    processes.sources(line("w1", "wait"), line("w2", "wait"))
    environment = {
        **os.environ,
        "FLAWFACTORY_ROOT": str(processes.root),
        "PYTHONPATH": os.pathsep.join([str(FIXTURES), str(FIXTURES.parents[1])]),
    }
    command = f"{sys.executable} -m toy.source; true"  # the stage leads no group, as under DVC
    shell = subprocess.Popen(["sh", "-c", command], env=environment, start_new_session=True)
    try:
        wait_until(lambda: any(len(children(stage)) > 2 for stage in children(shell.pid)))
        (stage,) = children(shell.pid)
        started = children(stage)
        found = semaphores(stage)
        assert found
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
    wait_until(lambda: not any(path.exists() for path in found))
    wait_until(lambda: all(map(has_ended, started)))
