"""Set up the processes of the training commands: single-threaded workers that average gradients,
or one process on a GPU for which others make batches.

Two processes of one thread each are faster than one process of two threads on a shared machine:
they synchronise once per step instead of at every operator, where one preempted thread stops both.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.queues import SimpleQueue
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import torch
from torch import distributed, nn

Failures = SimpleQueue[tuple[int, str]]
"""Ranks of failed workers with what they raised, in the order of failure."""


@dataclass(frozen=True)
class Worker:
    """One of `world` processes training together; rank 0 logs and saves."""

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    loaders: int = 0
    """Number of processes that make batches ahead (`training.feed`)."""

    @property
    def machine(self) -> str:
        """Description of the machine that trains."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"{self.world} CPU processes of one thread each"

    @property
    def is_leader(self) -> bool:
        """Whether this is the process that logs and saves."""
        return self.rank == 0

    def average(self, values: torch.Tensor) -> torch.Tensor:
        """Average `values` over the workers, in place."""
        if self.world > 1:
            distributed.all_reduce(values)
            values /= self.world
        return values

    def average_gradients(self, model: nn.Module) -> None:
        """Replace each gradient by its mean over the workers."""
        if self.world == 1:
            return
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        flat = self.average(torch.cat([g.flatten() for g in gradients]))
        for gradient, mean in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(mean.view(gradient.shape))


def add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--device`` and ``--workers``."""
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--workers",
        type=int,
        default=2,
        help="number of processes that train together on the CPU, or make batches for the GPU",
    )


def log_to_stderr() -> None:
    """Set up logging with times; limit torch to one thread per process."""
    torch.set_num_threads(1)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s"
    )


def _run_worker(
    rank: int, world: int, meeting: str, work: Callable[[Worker], object], failures: Failures
) -> None:
    torch.set_num_threads(1)
    try:
        distributed.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=world
        )
        work(Worker(rank, world))
    except BaseException as error:
        # Report before the connections close, since peers fail with them.
        failures.put((rank, repr(error)))
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _root_failure(exits: list[int | None], failures: Failures) -> str | None:
    """Find the failure that caused the others; None if there was none.

    It is that of a worker that ended without a report (it was killed), or else the first reported.
    """
    reported: list[tuple[int, str]] = []
    while not failures.empty():
        reported.append(failures.get())
    silent = set(range(len(exits))) - {rank for rank, _ in reported}
    for rank in sorted(silent):
        if exits[rank]:
            return f"training worker {rank} ended with exit status {exits[rank]}"
    for rank, error in reported:
        return f"training worker {rank} failed: {error}"
    return None


def run_workers(world: int, work: Callable[[Worker], object], device: str = "cpu") -> None:
    """Run `work` in `world` forked processes, which share memory read before, and wait for them.

    On a GPU `work` runs once, in this process, with `world` loaders.

    Raises RuntimeError with the first failure if a worker fails; the others are then ended.
    """
    if device != "cpu":
        torch.backends.cuda.matmul.allow_tf32 = True
        # With cuDNN's attention the backward pass failed at 257 tokens (torch 2.11, H100).
        torch.backends.cuda.enable_cudnn_sdp(False)
        work(Worker(device=torch.device(device), loaders=world))
        return
    if world == 1:
        work(Worker())
        return
    context = multiprocessing.get_context("fork")
    failures: Failures = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder, "meeting"))
        workers = [
            context.Process(
                target=_run_worker, args=(rank, world, meeting, work, failures), daemon=True
            )
            for rank in range(world)
        ]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            for worker in workers:
                worker.join(timeout=0.5)
            if any(worker.exitcode not in (None, 0) for worker in workers):
                for worker in workers:
                    worker.join(timeout=1)  # a killed worker may not have ended yet
                break
        failure = _root_failure([worker.exitcode for worker in workers], failures)
        for worker in workers:
            worker.terminate()
        if failure is not None:
            raise RuntimeError(failure)
