"""The training loop both networks share: one update a step, a budget, resumable checkpoints."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.optim import (
    Ema,
    Tree,
    learning_rate,
    load_checkpoint,
    optimisers,
    save_atomically,
)
from training.runtime import Worker

REPORT_EVERY = 50
"""Steps between two lines of the log."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What decides how a network is trained, whatever it learns."""

    seed: int = 0
    batch: int
    """Crops a step and worker."""
    lr: float
    weight_decay: float = 0.02
    ema: float
    clip: float = 1.0
    """Greatest norm of all gradients together."""


@dataclass(frozen=True)
class Budget:
    """When a training ends: what is further spent decides, and the schedule follows it."""

    steps: int | None = None
    minutes: float | None = None

    def spent(self, step: int, seconds: float) -> float:
        """Share of the budget that is used up; 1 or more at the end."""
        return max(
            step / self.steps if self.steps else 0.0,
            seconds / 60 / self.minutes if self.minutes else 0.0,
        )


class Loop:
    """A network in training: where it stands, its next update, its checkpoint.

    With a budget of steps alone a resumed training equals an uninterrupted one bit for bit on one
    machine.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        outer: tuple[str, ...],
        worker: Worker,
        budget: Budget,
        path: Path,
        *,
        shape: Tree,
        describe: Callable[[float], str],
        save_every: float,
    ) -> None:
        """Take the training up where the checkpoint at `path` has it, else begin it.

        Args:
            model: to train, in place.
            recipe: learning rate, batch and the like.
            outer: how the names of the parameters begin that AdamW trains (`optimisers`).
            worker: this process among those that train together; rank 0 logs and saves.
            budget: when to end.
            path: of the checkpoint.
            shape: what the checkpoint says about the model's size, beside its weights.
            describe: words for the mean figure of the last steps.
            save_every: seconds between two checkpoints.
        """
        self.model, self.recipe, self.worker, self.budget = model, recipe, worker, budget
        self.path, self.shape, self.describe, self.save_every = path, shape, describe, save_every
        self.opts = optimisers(model, recipe.lr, recipe.weight_decay, outer)
        self.ema = Ema(model, recipe.ema)
        self.log = logging.getLogger(path.stem)
        self.step, self.seconds = 0, 0.0
        self._resume()
        self._figures: list[float] = []
        self._started = self._saved = self._reported = time.monotonic()
        self._before = self.seconds
        size = sum(p.numel() for p in model.parameters()) / 1e6
        self.log.info("%.2f M parameters", size)

    @property
    def progress(self) -> float:
        """Share of the budget that is used up; 1 or more at the end."""
        return self.budget.spent(self.step, self.seconds)

    def update(self, loss: Tensor, figure: float) -> None:
        """One optimiser step down `loss`; `figure` is what the log tells the mean of."""
        progress = self.progress
        for opt in self.opts:
            opt.zero_grad(set_to_none=True)
            for group in opt.param_groups:
                group["lr"] = self.recipe.lr * learning_rate(progress)
        loss.backward()
        self.worker.average_gradients(self.model)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        for opt in self.opts:
            opt.step()
        self.ema.update(self.model)
        self.step += 1
        elapsed = torch.tensor(time.monotonic() - self._started)
        self.seconds = self._before + float(self.worker.average(elapsed))
        if self.worker.leads:
            self._figures.append(figure)
            self._report(progress, float(norm))
            if time.monotonic() - self._saved > self.save_every:
                self.save()

    def save(self) -> None:
        """Write the checkpoint; only the leading worker does."""
        if not self.worker.leads:
            return
        save_atomically(
            self.path,
            {
                "model": self.model.state_dict(),
                "ema": self.ema.state_dict(),
                "opts": [opt.state_dict() for opt in self.opts],
                "step": self.step,
                "seconds": self.seconds,
                "crops": self.step * self.recipe.batch * self.worker.world,
                "machine": self.worker.machine,
                **self.shape,
            },
        )
        self._saved = time.monotonic()

    def _resume(self) -> None:
        tree = load_checkpoint(self.path)
        if tree is None:
            return
        self.model.load_state_dict(tree["model"])
        self.ema.load_state_dict(tree["ema"])
        for opt, state in zip(self.opts, tree["opts"], strict=True):
            opt.load_state_dict(state)
        self.step, self.seconds = tree["step"], tree["seconds"]
        self.log.info("resumed at step %d, %.1f min", self.step, self.seconds / 60)

    def _report(self, progress: float, norm: float) -> None:
        if len(self._figures) < REPORT_EVERY:
            return
        now = time.monotonic()
        crops = len(self._figures) * self.recipe.batch * self.worker.world
        self.log.info(
            "step %d %.1f%% %s norm %.2f %.1f crops/s",
            self.step,
            100 * progress,
            self.describe(float(np.mean(self._figures))),
            norm,
            crops / (now - self._reported),
        )
        self._figures, self._reported = [], now
