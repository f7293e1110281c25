"""Make batches ahead in other processes, so that a GPU does not wait for crops."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")


class _Steps(Dataset[Any]):
    """Maps each step to the batch that `make` returns."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __getitem__(self, step: int) -> Any:
        return self.make(step)


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)


def _return_batch(batch: Any) -> Any:
    return batch


def batches(make: Callable[[int], T], first: int, loaders: int) -> Iterator[T]:
    """Yield `make(first)`, `make(first + 1)`, ... without end, in this order.

    Args:
        make: returns the batch of a step, which depends only on the step.
        first: step to begin with.
        loaders: number of processes that make batches ahead; 0 makes each batch on demand, in this
            process.
    """
    if loaders == 0:
        return map(make, itertools.count(first))
    loader: Any = DataLoader(
        _Steps(make),
        sampler=itertools.count(first),  # pyright: ignore[reportArgumentType]
        batch_size=None,
        num_workers=loaders,
        prefetch_factor=4,
        collate_fn=_return_batch,
        worker_init_fn=_one_thread,
        multiprocessing_context="fork",
    )
    return iter(loader)
