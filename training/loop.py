"""The training loop of both networks: one update per step, a budget, resumable checkpoints."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
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
    save_atomically,
)
from training.runtime import Worker

REPORT_EVERY = 50
"""Number of steps between two lines of the log."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Training parameters that both networks have."""

    seed: int = 0
    batch: int
    """Crops per step and worker."""
    lr: float
    weight_decay: float = 0.02
    ema: float
    clip: float = 1.0
    """Maximum norm of all gradients together."""


@dataclass(frozen=True)
class Budget:
    """A limit of steps, minutes or both; the learning rate's schedule follows the share used."""

    steps: int | None = None
    minutes: float | None = None

    def used_share(self, step: int, seconds: float) -> float:
        """Return the used share of the budget; of two limits, the one used further counts."""
        return max(
            step / self.steps if self.steps else 0.0,
            seconds / 60 / self.minutes if self.minutes else 0.0,
        )


class Loop:
    """Trains a network: keeps its progress, applies updates, saves and resumes checkpoints.

    If the budget limits only steps, a resumed training gives the same bits as an uninterrupted one
    on one machine.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        opts: Sequence[torch.optim.Optimizer],
        worker: Worker,
        budget: Budget,
        path: Path,
        *,
        shape: Tree,
        describe: Callable[[float], str],
        save_every: float,
    ) -> None:
        """Resume from the checkpoint at `path`, or begin if there is none.

        Args:
            model: the network to train, in place.
            recipe: learning rate, batch size and other training parameters.
            opts: optimisers of the network's parameters; a group's learning rate is the recipe's
                times its ``lr_scale``, if it has one.
            worker: this process among those that train together; rank 0 logs and saves.
            budget: when to end.
            path: path of the checkpoint.
            shape: the model's size, stored in the checkpoint beside the weights.
            describe: formats the mean figure of the last steps for the log.
            save_every: seconds between two checkpoints.
        """
        self.model, self.recipe, self.worker, self.budget = model, recipe, worker, budget
        self.path, self.shape, self.describe, self.save_every = path, shape, describe, save_every
        self.opts = opts
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
        """Used share of the budget; 1 or more when it is used up."""
        return self.budget.used_share(self.step, self.seconds)

    def update(self, loss: Tensor, figure: float) -> None:
        """Take one optimiser step on `loss`; the log shows the mean of `figure`."""
        progress = self.progress
        for opt in self.opts:
            opt.zero_grad(set_to_none=True)
            for group in opt.param_groups:
                rate = self.recipe.lr * group.get("lr_scale", 1.0)
                group["lr"] = rate * learning_rate(progress)
        loss.backward()
        self.worker.average_gradients(self.model)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        for opt in self.opts:
            opt.step()
        self.ema.update(self.model)
        self.step += 1
        elapsed = torch.tensor(time.monotonic() - self._started)
        self.seconds = self._before + float(self.worker.average(elapsed))
        if self.worker.is_leader:
            self._figures.append(figure)
            self._report(progress, float(norm))
            if time.monotonic() - self._saved > self.save_every:
                self.save()

    def save(self) -> None:
        """Write the checkpoint, if this is the leading worker."""
        if not self.worker.is_leader:
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
