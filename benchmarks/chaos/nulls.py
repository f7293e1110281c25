"""Null back ends: perceiver, flow model, metric and judge that cost nothing, to measure the rest.

Nothing in the table of back ends names them: `register` adds them in each process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stages.models.perceiver.entities import build_entities
from stages.models.perceiver.regions import Region, Thing
from stages.models.protocols import Case, SmallCrops
from stages.models.registry.backends import BACKENDS, Backend
from stages.records.documents import TOKEN, Entity, Verdict
from stages.records.images import Image
from stages.tools import TOOLS, Tool

if TYPE_CHECKING:
    import torch

    from stages.models.flow.injection import Blocks

NAME = "null"
_SIDE = 4
"""Mean colours that a token keeps, along each side of its square."""


class Halves:
    """Takes every photo for a thing with two parts."""

    @classmethod
    def revision(cls) -> str:
        """Return a constant: there are no weights."""
        return "1"

    def perceive(self, image: Image) -> list[Entity]:
        """Return one entity with the parts ``left half`` and ``right half``."""
        left = np.zeros(image.shape[:2], bool)
        left[:, : image.shape[1] // 2] = True
        sides = (("left", left), ("right", ~left))
        parts = [Region(f"{side} half", "half", 1.0, mask) for side, mask in sides]
        return build_entities([Thing("picture", 1.0, left | ~left, parts)], (0.0, 1.0))


class Still:
    """A flow model that keeps mean colours as latents and moves nothing, so that a flaw shows what
    its mapping takes from elsewhere. Shapes are those of ``stages.models.flow.model.Flow``."""

    prompts = SimpleNamespace(takes_prompts=False, tokens=0)

    @classmethod
    def revision(cls) -> str:
        """Return a constant: there are no weights."""
        return "1"

    def encode(self, image: Image) -> torch.Tensor:
        """Encode (H, W, 3) uint8 to (1, N, 64)."""
        import torch

        rows, columns, step = image.shape[0] // TOKEN, image.shape[1] // TOKEN, TOKEN // _SIDE
        tiles = image.reshape(rows, _SIDE, step, columns, _SIDE, step, 3).mean((2, 5))
        colours = tiles.transpose(0, 2, 1, 3, 4).reshape(1, rows * columns, -1) / 127.5 - 1
        return torch.nn.functional.pad(torch.tensor(colours, dtype=torch.float32), (0, 16))

    def decode_whole(
        self, tokens: torch.Tensor, grid: tuple[int, int]
    ) -> tuple[NDArray[np.float32], None]:
        """Decode (N, 64) to (H, W, 3) float32 in 0..255."""
        rows, columns = grid
        colours = (tokens[:, :-16].float().numpy() + 1) * 127.5
        tiles = colours.reshape(rows, columns, _SIDE, _SIDE, 3).transpose(0, 2, 1, 3, 4)
        small = tiles.reshape(rows * _SIDE, columns * _SIDE, 3)
        return small.repeat(TOKEN // _SIDE, 0).repeat(TOKEN // _SIDE, 1).clip(0, 255), None

    def decode_crop(
        self, tokens: torch.Tensor, grid: tuple[int, int], statistics: None,
        wanted: tuple[int, int, int, int],
    ) -> NDArray[np.float32]:  # fmt: skip
        """Decode a region (top, left, bottom, right) of a crop."""
        top, left, bottom, right = wanted
        return self.decode_whole(tokens, grid)[0][top:bottom, left:right]

    def shift(self, tokens: int) -> float:
        """Return 0: timesteps are not shifted."""
        return 0.0

    def velocity(self, tokens: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """Return zeros."""
        return 0 * tokens

    def blocks(self, positions: Sequence[float], values: Sequence[float]) -> Blocks:
        """Return no blocks: there are none."""
        from stages.models.flow.injection import Blocks

        return Blocks(frozenset(), frozenset())

    def sparse_injection(self, *_: Any) -> None:
        """Return nothing to inject."""


class Constant:
    """A metric by which all pictures are 0.5 apart."""

    def __init__(self, small_crops: SmallCrops) -> None:
        pass

    @classmethod
    def revision(cls) -> str:
        """Return a constant: there are no weights."""
        return "1"

    def distance(self, a: Image, b: Image) -> float:
        """Return 0.5."""
        return 0.5

    def spatial(self, a: Image, b: Image) -> NDArray[np.float32]:
        """Return 0.5 at each pixel."""
        return np.full(a.shape[:2], 0.5, np.float32)


class Lenient:
    """A judge that accepts every flaw."""

    name = NAME
    scores: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = TOOLS

    @classmethod
    def revision(cls) -> str:
        """Return a constant: there are no weights."""
        return "1"

    def judge(self, case: Case) -> Verdict:
        """Accept the flaw."""
        return Verdict(
            variant=case.variant.id,
            tool=case.variant.tool,
            passed=True,
            reason="ok",
            message="",
            scores={},
            judge=self.name,
        )


@dataclass(frozen=True)
class _Here(Backend):
    """A back end of this module, whose own code does not enter the store's keys: the module is
    outside the packages that are searched for imports."""

    @property
    def module(self) -> str:
        return build_entities.__module__

    def load(self) -> Any:
        return globals()[self.class_path]


_BY_ROLE = {"perceiver": Halves, "flow": Still, "metric": Constant, "judge": Lenient}


def register() -> None:
    """Add the back ends to this process's table under the name ``null``."""
    for role, found in _BY_ROLE.items():
        BACKENDS[role][NAME] = _Here(found.__name__)


def unregister() -> None:
    """Remove them again."""
    for role in _BY_ROLE:
        BACKENDS[role].pop(NAME, None)
