"""Computes units on a Ray cluster. The driver runs on one of its nodes.

Each worker is an actor with one photo at a time, so no more photos are in flight than there are
workers, and it is known which photo a worker died of. Workers write results to the store; the
driver receives outcomes and alone writes shards, tables and manifests.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import Counter, deque
from collections.abc import Collection, Generator
from dataclasses import dataclass, field
from typing import Any

try:
    import ray
    from ray import exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as error:
    from stages.engine.workspace import FactoryError

    raise FactoryError("executor.kind = 'ray' needs Ray: pip install 'flawfactory[ray]'") from error

from stages.engine.execution import devices
from stages.engine.execution.job import Job
from stages.engine.execution.ray_worker import Place, RayWorker, read_hang
from stages.engine.execution.units import Unit
from stages.engine.execution.worker import UnitOutcome, read_sample
from stages.engine.provenance import machine_facts
from stages.engine.workspace import FactoryError, Workspace

_POLL_SECONDS = 2.0
"""How often the cluster is asked for nodes that joined or left."""
_NOTICE_SECONDS = 30.0
_KNOCK_SECONDS = 15.0
_READ_SECONDS = 60.0
"""How long a node may take to read a log: it starts a process for it."""
_DEATHS = 2
"""A photo whose worker died so often is computed alone at the end: something else on the node may
have been at fault. Nodes may die too."""
_LOADING_ROUNDS = 3
"""All workers dying so often in a row before they get a photo is an error; once may be a node."""
_DIED = (exceptions.RayActorError, exceptions.OutOfMemoryError, exceptions.WorkerCrashedError)


def run(job: Job, units: Collection[Unit]) -> Generator[UnitOutcome, None, None]:
    """Compute the units on the cluster that `ExecutorSettings.address` names.

    A photo whose worker dies is computed again by another one. The one that kills its worker
    twice, or exceeds the time limit, and then does so once more when it is the only one, is
    rejected.

    Raises:
        FactoryError: the cluster cannot be reached or runs another version, a node differs from
            this machine, or no worker starts; and as for `worker.work`.
    """
    _connect(job.settings.address)
    crew = _Crew(job)
    try:
        suspects = yield from crew.compute(units, job.settings.workers, _DEATHS)
        crew.dismiss()
        for unit in (yield from crew.compute(suspects, 1, 1)):
            yield job.reject_killer(unit, crew.hung.get(unit.key, ""))
    finally:
        crew.dismiss()
        ray.shutdown()


def _connect(address: str) -> None:
    # Only clusters that somebody started are used: a local one that Ray starts by itself listens on
    # all interfaces.
    try:
        _knock(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, exceptions.RayError) as error:
        reason = " ".join(str(error).split())
        message = f"cannot use the Ray cluster `executor.address` = {address!r}: {reason}"
        raise FactoryError(message) from error


def _knock(address: str) -> None:
    """Check that HOST:PORT is open; Ray would try for minutes.

    Raises:
        OSError: it is not.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_SECONDS).close()


@dataclass(eq=False)
class _Worker:
    actor: Any
    place: Place | None = None
    """None until its models are loaded."""
    lacks_inputs: bool = False
    """Whether its node cannot read this machine's files."""
    shares_store: bool = False
    """Whether one of its results was found in the store."""
    started: float = 0.0
    """When it was given its unit."""


@dataclass
class _Crew:
    """The workers of a job."""

    job: Job
    workers: set[_Worker] = field(default_factory=set)
    busy: dict[Any, tuple[_Worker, Unit | None]] = field(default_factory=dict)
    """Future to the worker and its unit; None while it loads its models."""
    wanted: int = 0
    """Number of workers to have."""
    loading_deaths: int = 0
    """Workers that died since the last one that loaded its models."""
    hung: dict[str, str] = field(default_factory=dict)
    """Key of a photo whose last worker ended because of the time limit to where it was then."""
    room: tuple[float, int] = (-_POLL_SECONDS, 0)
    """When the cluster was last asked, and how many workers it had room for."""

    def __post_init__(self) -> None:
        stage, settings = self.job.stage, self.job.settings
        self.request = {"CPU": float(settings.threads)}
        if devices.on_gpu(stage.devices()):
            self.request["GPU"] = settings.gpus_per_worker
        root = {"FLAWFACTORY_ROOT": str(Workspace.find().root)}
        self.options = {
            "num_cpus": self.request["CPU"],
            "num_gpus": self.request.get("GPU", 0),
            "scheduling_strategy": "SPREAD",
            "runtime_env": {"env_vars": self.job.environment() | root},
        }
        # Large arguments of every worker are stored once for all of them.
        self.setup, self.facts = ray.put(self.job.setup()), ray.put(machine_facts(stage))

    def compute(
        self, units: Collection[Unit], maximum: int, patience: int
    ) -> Generator[UnitOutcome, None, list[Unit]]:
        """Yield the outcomes; return the units whose workers died `patience` times.

        Args:
            units: the units to compute.
            maximum: maximum number of workers; 0 for as many as the cluster has room for.
            patience: deaths of a unit's workers after which it is given up; one is enough if it
                exceeded the time limit.
        """
        waiting, to_take = iter(units), len(units)
        again, given_up = deque[Unit](), list[Unit]()
        deaths: Counter[str] = Counter()
        watch = _Watch(self.job)
        while left := (
            to_take + len(again) + sum(unit is not None for _, unit in self.busy.values())
        ):
            occupied = {worker for worker, _ in self.busy.values()}
            for worker in self.workers - occupied:
                if to_take:
                    to_take -= 1
                    self._submit(worker, next(waiting))
                elif again:
                    self._submit(worker, again.popleft())
            self._hire(min(left, maximum or self._capacity()))
            watch.check(any(worker.place for worker in self.workers), self.request)
            for future in ray.wait(list(self.busy), timeout=_POLL_SECONDS)[0]:
                worker, unit = self.busy.pop(future)
                try:
                    outcome = self._finish(worker, unit, ray.get(future))
                except _DIED as error:
                    self._bury(worker, unit, error)
                    if unit is None:
                        continue
                    deaths[unit.key] += patience if self._note_hang(worker, unit) else 1
                    outcome = self.job.find_stored(unit)
                    if outcome is None:
                        retry = deaths[unit.key] < patience
                        again.append(unit) if retry else given_up.append(unit)
                except exceptions.RayError as error:
                    raise self._translate(error) from error
                if outcome is not None:
                    yield outcome
        return given_up

    def dismiss(self) -> None:
        """End all workers."""
        for worker in self.workers:
            ray.kill(worker.actor)
        self.workers.clear()
        self.busy.clear()

    def _submit(self, worker: _Worker, unit: Unit) -> None:
        sample = read_sample(self.job.stage, unit) if worker.lacks_inputs else None
        worker.started = time.monotonic()
        self.busy[worker.actor.work.remote(unit, sample)] = (worker, unit)

    def _finish(self, worker: _Worker, unit: Unit | None, result: Any) -> UnitOutcome | None:
        """Take a finished call's result; return a unit's outcome."""
        if unit is None:
            worker.place, self.loading_deaths = result, 0
            return None
        outcome: UnitOutcome | None = result
        if outcome is None:
            worker.lacks_inputs = True
            self._submit(worker, unit)
            return None
        if not worker.shares_store and outcome.failure is None:
            if self.job.store.get(unit.store_key) is None:
                host = worker.place.host if worker.place else "?"
                raise FactoryError(
                    f"{self.job.stage.name}: node {host} stored a result that is not in the "
                    f"store {self.job.store} as seen from here: name a folder that all nodes "
                    "share, or s3://BUCKET/PREFIX, as `store` in factory.toml"
                )
            worker.shares_store = True
        return outcome

    def _bury(self, worker: _Worker, unit: Unit | None, error: Exception) -> None:
        self.workers.discard(worker)
        ray.kill(worker.actor)  # it may be unreachable but alive
        if unit is not None:
            return
        if getattr(error, "actor_init_failed", False):
            raise self._translate(error) from error
        self.loading_deaths += 1
        if self.loading_deaths > (_LOADING_ROUNDS - 1) * self.wanted:
            raise self.job.died_while_loading() from error

    def _note_hang(self, worker: _Worker, unit: Unit) -> bool:
        """Return whether a worker that died had reached the time limit with its unit; note it.

        Requests to chat models begin the time anew, so only the worker knows.
        """
        self.hung.pop(unit.key, None)
        over = time.monotonic() - worker.started >= self.job.seconds
        if over and worker.place and (hung := _find_hang(worker.place)):
            self.hung[unit.key] = hung
        return unit.key in self.hung

    def _translate(self, error: Exception) -> FactoryError:
        """Return an error of a worker, or of Ray, as one line."""
        cause = getattr(error, "cause", None) or error
        if isinstance(cause, FactoryError):
            return cause
        last = str(cause).strip().splitlines()[-1].strip()
        return FactoryError(f"{self.job.stage.name}: a worker on Ray failed: {last}")

    def _hire(self, number: int) -> None:
        self.wanted = number
        while len(self.workers) < number:
            worker = _Worker(ray.remote(RayWorker).options(**self.options).remote())
            self.workers.add(worker)
            self.busy[worker.actor.start.remote(self.setup, self.facts)] = (worker, None)

    def _capacity(self) -> int:
        """Return how many workers the cluster's present nodes have room for; at least 1, so that an
        autoscaler sees a request."""
        asked, found = self.room
        if time.monotonic() - asked >= _POLL_SECONDS:
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            found = sum(
                min(int(node.get(name, 0) / amount) for name, amount in self.request.items())
                for node in nodes
            )
            self.room = (time.monotonic(), found)
        return max(1, found)


def _find_hang(place: Place) -> str:
    """Return where a worker that has died was when the time of its photo was up; empty if it died
    of something else, or with its node."""
    there = NodeAffinitySchedulingStrategy(place.node, soft=False)
    options = {"num_cpus": 0, "scheduling_strategy": there}
    try:
        answer = ray.remote(read_hang).options(**options).remote(place.log)
        traces = ray.get(answer, timeout=_READ_SECONDS)
    except (exceptions.RayTaskError, exceptions.GetTimeoutError):  # Ray logs elsewhere
        return f"perhaps in Ray's log of the worker on node {place.host}, which cannot be read"
    except exceptions.RayError:  # the node is gone
        return ""
    return f"on node {place.host}: {traces}" if traces else ""


class _Watch:
    """Notices when the cluster runs no worker of the job."""

    def __init__(self, job: Job) -> None:
        self.job, self.since, self.noticed = job, time.monotonic(), False

    def check(self, working: bool, request: dict[str, float]) -> None:
        """Say after 30 seconds that there is no worker.

        Raises:
            FactoryError: there was none for `ExecutorSettings.wait_minutes`.
        """
        now = time.monotonic()
        if working:
            self.since, self.noticed = now, False
            return
        minutes = self.job.settings.wait_minutes
        if now - self.since < min(_NOTICE_SECONDS, minutes * 60):
            return
        total = ray.cluster_resources()
        has = ", ".join(f"{name} {total.get(name, 0):g}" for name in request)
        needs = ", ".join(f"{name} {amount:g}" for name, amount in request.items())
        text = f"{self.job.stage.name}: no worker runs: one needs {needs}, the cluster has {has}"
        if models := self.job.stage.describe_models():
            text += f", and {models} to be loaded"
        if now - self.since > minutes * 60:
            raise FactoryError(f"{text}; gave up after {minutes:g} minutes (executor.wait_minutes)")
        if not self.noticed:
            self.noticed = True
            print(f"{text}; waiting", flush=True)
