"""``tuning.json`` beside tuned weights: what an inspector must know, and where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stages.engine.workspace import FactoryError

FILE = "tuning.json"
ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
_MAX_BYTES = 1 << 20
Method = Literal["lora", "full"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(_Model):
    """What decides what is learnt; a run is resumed only with the same."""

    base: str
    """Folder or hub name of the model that was tuned."""
    revision: str
    """Digest of a folder's weights and configuration, or commit of a hub name."""
    method: Method
    export: dict[str, str]
    """sha256 of the export's files, by name."""
    tasks: list[str]
    pairs: int
    """Pairs whose conversations were used; 0 = all."""
    steps: int
    """0 = whole epochs."""
    epochs: float
    batch: int
    """Conversations a step: a device, times devices, times accumulated."""
    rate: float
    rank: int
    """Of LoRA; 0 for full tuning."""
    seed: int


class Tuning(_Model):
    """The record."""

    version: Literal[1] = 1
    family: str
    """Key of `FAMILIES`."""
    max_pixels: int = Field(ge=1, le=10**8)
    """Limit on pixels at which pictures were exported; the same holds for the inspector."""
    questions_version: int
    questions: dict[str, str]
    """Task to the question that an inspector asks: one of the wordings that were trained."""
    settings: Settings
    balance: dict[str, dict[str, int]]
    """Task to the number of conversations by answer."""
    licences: dict[str, int]
    """Number of conversations by licence of their photo."""
    loss: dict[str, float]
    """``first`` and ``last`` of training, ``validation`` if there is such a split."""
    packages: dict[str, str]
    """Versions."""


def read_tuning(folder: Path) -> Tuning | None:
    """Read the record of a folder; None if it has none.

    Raises:
        FactoryError: the record is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    if path.stat().st_size > _MAX_BYTES:
        raise FactoryError(f"{path} has more than {_MAX_BYTES:,} bytes")
    try:
        return Tuning.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FactoryError(f"{path}: {where}: {first['msg']}: tune the model again") from error
