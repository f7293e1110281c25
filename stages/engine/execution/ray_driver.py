"""Runs `ray_cluster` in a process of its own, and hands its outcomes to the stage's process.

Ray ends the process that uses a cluster (exit code 1, no exception) when the cluster's head fails,
or Ray on this machine. The stage's process must not be that one: it reports the end as an error.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from stages.engine.execution.job import Job
from stages.engine.execution.units import Unit
from stages.engine.execution.worker import UnitOutcome, WorkerSetup, exit_with_parent
from stages.engine.settings import ExecutorSettings
from stages.engine.workspace import FactoryError

_END_SECONDS = 5.0
"""How long the process may take to end its workers. Ray ends them too, a little later."""


def run(job: Job, units: Collection[Unit]) -> Iterator[UnitOutcome]:
    """Compute the units as `ray_cluster.run` does.

    Raises:
        FactoryError: as for `ray_cluster.run`, or Ray ended its process.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    incoming, outgoing = context.Pipe(duplex=False)
    arguments = (sender, incoming, len(units), os.getpid(), job.setup(), job.settings)
    process = context.Process(target=_drive, args=arguments, daemon=True)
    process.start()
    sender.close()  # so that the pipes end with the process
    incoming.close()
    feeder = threading.Thread(target=_feed, args=(outgoing, units), daemon=True)
    feeder.start()
    try:
        while (message := receiver.recv()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message
    except EOFError as error:
        raise FactoryError(
            f"{job.stage.name}: the connection to the Ray cluster was lost: did its head, or Ray "
            "on this machine, fail? Results so far are in the store: start Ray again, build again"
        ) from error
    finally:
        receiver.close()
        _end(process)
        feeder.join()


def _feed(outgoing: Connection, units: Iterable[Unit]) -> None:
    """Send the units, or the exception that ends them, as fast as they are taken: a full pipe
    waits."""
    with outgoing:
        try:
            for unit in units:
                if not _send(outgoing, unit):
                    return
        except Exception as error:  # it comes back as the outcome of the process
            _send(outgoing, error)


def _send(outgoing: Connection, message: Unit | Exception) -> bool:
    """Send a message; return False if the process that takes it has ended."""
    try:
        outgoing.send(message)
    except OSError:
        return False
    return True


class _Incoming(Collection[Unit]):
    """The units that `_feed` sends. They can be iterated once."""

    def __init__(self, connection: Connection, count: int) -> None:
        self._connection, self._count = connection, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Unit]:
        for _ in range(self._count):
            message = self._connection.recv()
            if isinstance(message, Exception):
                raise message
            yield message

    def __contains__(self, unit: object) -> bool:
        raise NotImplementedError("units that are still to come are not known")


def _end(process: BaseProcess) -> None:
    process.terminate()  # Ray makes it a SystemExit, so the process can end its workers
    process.join(_END_SECONDS)
    process.kill()
    process.join()


def _drive(
    sender: Connection,
    incoming: Connection,
    count: int,
    parent: int,
    setup: WorkerSetup,
    settings: ExecutorSettings,
) -> None:
    """Send every outcome, then None, or an exception."""
    threading.Thread(target=exit_with_parent, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends this
    try:
        from stages.engine.execution import ray_cluster  # Ray is an optional dependency

        job = Job(setup.create(), setup.store, settings, setup.code)
        with closing(ray_cluster.run(job, _Incoming(incoming, count))) as outcomes:
            for outcome in outcomes:
                sender.send(outcome)
        sender.send(None)
    except BrokenPipeError:
        return
    except Exception as error:
        if not isinstance(error, FactoryError):
            error.add_note(traceback.format_exc())  # tracebacks cannot be sent
        sender.send(error)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # Ray's handler would raise while Python ends
