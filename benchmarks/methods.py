"""The methods that are compared: the released recipe, the recipe with FireFlow, and our stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.released import Solver, run_released
from benchmarks.workload import Task
from stages.inject.params import InjectParams
from stages.inject.window import RenderedVariant, UnusableVariant, WindowJob
from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.models.flow.model import Flow
from stages.models.flow.trajectory import Trajectory
from stages.records.documents import Variant
from stages.records.source_index import source_index

RELEASED, FIREFLOW = "released, Euler 25 + 25", "the same, FireFlow 8 + 8"


@dataclass(frozen=True)
class Method:
    """A way to make pairs."""

    name: str
    pairs: int
    """Pairs that one job makes."""
    job: Callable[[Flow, Task], object]


def list_methods(
    inverting: InvertParams, injecting: InjectParams, steps: Sequence[int]
) -> list[Method]:
    """List all methods; ours with four and eight variants at each number of `steps`.

    Args:
        inverting: section ``invert``.
        injecting: section ``inject``.
        steps: numbers of steps, the same for inversion and injection.
    """
    found = [
        Method(RELEASED, 1, _released_job("euler", 25)),
        Method(FIREFLOW, 1, _released_job("fireflow", 8)),
    ]
    for number in steps:
        params = inverting.model_copy(update={"steps": number})
        for pairs in (4, 8):
            job = _stages_job(params, injecting, pairs)
            found.append(Method(name_of_ours(pairs, number), pairs, job))
    return found


def name_of_ours(pairs: int, steps: int) -> str:
    """Return the name of the method that runs our stages."""
    return f"ours K = {pairs}, {steps} + {steps} steps"


def inject_window(
    flow: Flow,
    task: Task,
    variants: Sequence[Variant],
    trajectory: Trajectory,
    inverting: InvertParams,
    injecting: InjectParams,
    seed: int = 0,
) -> dict[str, RenderedVariant | UnusableVariant]:
    """Do what the inject stage does for one window, without its files."""
    text = make_prompt(flow, task, inverting)
    job = WindowJob(flow, task.photo, task.window, trajectory, inverting.solver, injecting, text)
    return job.run(variants, seed, task.name)


def make_prompt(flow: Flow, task: Task, inverting: InvertParams) -> str:
    """Return the prompt that the stages give the model for the window's photo.

    Empty where the model has no text encoders.
    """
    return inverting.build_prompt(task.caption) if flow.prompts.takes_prompts else ""


def _released_job(solver: Solver, steps: int) -> Callable[[Flow, Task], object]:
    def job(flow: Flow, task: Task) -> object:
        variant = task.variants[0]
        index = source_index(variant, task.window.grid)
        return run_released(flow, task.picture, index, variant.tool, solver, steps)

    return job


def _stages_job(
    inverting: InvertParams, injecting: InjectParams, pairs: int
) -> Callable[[Flow, Task], object]:
    def job(flow: Flow, task: Task) -> object:
        trajectory = invert(flow, task.picture, inverting, make_prompt(flow, task, inverting))
        return inject_window(flow, task, task.variants[:pairs], trajectory, inverting, injecting)

    return job
