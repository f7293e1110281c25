"""Batches made ahead by other processes, so that a GPU does not wait for crops."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")


class _Steps(Dataset[Any]):
    """What `make` gives for each step."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __getitem__(self, step: int) -> Any:
        return self.make(step)


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)


def _unchanged(batch: Any) -> Any:
    return batch


def batches(make: Callable[[int], T], first: int, loaders: int) -> Iterator[T]:
    """`make(first)`, `make(first + 1)`, ... without end, in this order.

    Args:
        make: the batch of a step; depends on the step alone.
        first: step to begin with.
        loaders: processes that make batches ahead; 0 makes each here when it is asked for.
    """
    if loaders == 0:
        return map(make, itertools.count(first))
    loader: Any = DataLoader(
        _Steps(make),
        sampler=itertools.count(first),  # pyright: ignore[reportArgumentType]
        batch_size=None,
        num_workers=loaders,
        prefetch_factor=4,
        collate_fn=_unchanged,
        worker_init_fn=_one_thread,
        multiprocessing_context="fork",
    )
    return iter(loader)
