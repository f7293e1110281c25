"""Who is measured: the released recipe, the same with FireFlow, and the factory's own way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.released import Solver, released
from benchmarks.workload import Task
from stages.inject.params import InjectParams
from stages.inject.tokens import source_index
from stages.inject.window import Picture, Unusable, WindowJob
from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.models.flow.model import Flow
from stages.models.flow.trajectory import Trajectory
from stages.records.documents import Variant

RELEASED, FIREFLOW = "released, Euler 25 + 25", "the same, FireFlow 8 + 8"


@dataclass(frozen=True)
class Contestant:
    """One way to make pairs."""

    name: str
    pairs: int
    """That one job makes."""
    job: Callable[[Flow, Task], object]


def contestants(
    inverting: InvertParams, injecting: InjectParams, steps: Sequence[int]
) -> list[Contestant]:
    """All of them; ours with four and eight variants at each number of `steps`.

    Args:
        inverting: section ``invert``.
        injecting: section ``inject``.
        steps: each way.
    """
    found = [
        Contestant(RELEASED, 1, _recipe("euler", 25)),
        Contestant(FIREFLOW, 1, _recipe("fireflow", 8)),
    ]
    for number in steps:
        params = inverting.model_copy(update={"steps": number})
        for pairs in (4, 8):
            name = f"ours K = {pairs}, {number} + {number} steps"
            found.append(Contestant(name, pairs, _ours(params, injecting, pairs)))
    return found


def inject(
    flow: Flow,
    task: Task,
    variants: Sequence[Variant],
    trajectory: Trajectory,
    inverting: InvertParams,
    injecting: InjectParams,
    seed: int = 0,
) -> dict[str, Picture | Unusable]:
    """What the stage inject does for one window, without its files."""
    told = prompt(flow, task, inverting)
    job = WindowJob(flow, task.photo, task.window, trajectory, inverting.solver, injecting, told)
    return job.run(variants, seed, task.name)


def prompt(flow: Flow, task: Task, inverting: InvertParams) -> str:
    """What the stages tell the model of the window's photo: nothing without text encoders."""
    return inverting.told(task.caption) if flow.prompts.told else ""


def _recipe(solver: Solver, steps: int) -> Callable[[Flow, Task], object]:
    def job(flow: Flow, task: Task) -> object:
        variant = task.variants[0]
        index = source_index(variant, task.window.grid)
        return released(flow, task.picture, index, variant.tool, solver, steps)

    return job


def _ours(
    inverting: InvertParams, injecting: InjectParams, pairs: int
) -> Callable[[Flow, Task], object]:
    def job(flow: Flow, task: Task) -> object:
        told = prompt(flow, task, inverting)
        trajectory = invert(flow, task.picture, inverting, told)
        return inject(flow, task, task.variants[:pairs], trajectory, inverting, injecting)

    return job
