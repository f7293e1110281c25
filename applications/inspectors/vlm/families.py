"""The families of vision-language models that can be tuned, one declaration each.

The resize rule and the convention of boxes are those of the export's target of the same name
(`flows.exports.chat.targets`). Names of modules are those of transformers' classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.exports.chat.targets import TARGETS, Target, count_tiles
from stages.engine.workspace import FactoryError

_LANGUAGE = r"model\.language_model\.layers\.\d+\.(self_attn|mlp)\.(q|k|v|o|gate|up|down)_proj"


@dataclass(frozen=True)
class Family:
    """A family of models."""

    name: str
    """Key of `FAMILIES` and of the exports' `TARGETS`."""
    model_type: str
    """As in the model's ``config.json``."""
    model_class: str
    """Class of transformers."""
    projector: tuple[str, ...]
    """Modules between vision tower and language model: trained, inside the tower or not."""
    projector_linears: str
    """Regular expression of the projector's linear layers."""
    language: tuple[str, ...] = ("model.language_model", "lm_head")
    """Modules of the language model: trained. Everything else, the vision tower, is frozen."""

    @property
    def target(self) -> Target:
        """How pictures are resized and boxes written."""
        return TARGETS[self.name]

    @property
    def lora_modules(self) -> str:
        """Regular expression of the layers that get an adapter: linear ones of language model and
        projector."""
        return f"({_LANGUAGE})|({self.projector_linears})"

    def is_trained(self, parameter: str) -> bool:
        """Return whether full tuning changes the parameter of that name."""
        return any(parameter.startswith(f"{part}.") for part in (*self.projector, *self.language))

    def limit(self, pictures: Any, max_pixels: int) -> None:
        """Set the limits of an image processor to those of the export.

        Its attributes are set, because a released configuration's ``max_pixels`` overrides a
        ``size`` that is given to ``from_pretrained``.

        Args:
            pictures: image processor of the family.
            max_pixels: of the export.
        """
        if self.target.tile:
            tiles = count_tiles(self.target, max_pixels)
            pictures.max_patches, pictures.crop_to_patches = tiles, tiles > 1
        else:
            edges = {"shortest_edge": self.target.min_pixels, "longest_edge": max_pixels}
            pictures.size = type(pictures.size)(**edges)


FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="qwen2.5-vl",
            model_type="qwen2_5_vl",
            model_class="Qwen2_5_VLForConditionalGeneration",
            projector=("model.visual.merger",),
            projector_linears=r"model\.visual\.merger\.mlp\.[02]",
        ),
        Family(
            name="qwen3-vl",
            model_type="qwen3_vl",
            model_class="Qwen3VLForConditionalGeneration",
            projector=("model.visual.merger", "model.visual.deepstack_merger_list"),
            projector_linears=(
                r"model\.visual\.(merger|deepstack_merger_list\.\d+)\.linear_fc[12]"
            ),
        ),
        Family(
            name="internvl",
            model_type="internvl",
            model_class="InternVLForConditionalGeneration",
            projector=("model.multi_modal_projector",),
            projector_linears=r"model\.multi_modal_projector\.linear_[12]",
        ),
    )
}


def find_family(folder: Path) -> Family:
    """Return the family of the model in a folder.

    Raises:
        FactoryError: it has no configuration, or is of no family of `FAMILIES`.
    """
    path = folder / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FactoryError(f"{folder} holds no model: {path.name} has no model_type") from error
    for family in FAMILIES.values():
        if family.model_type == found:
            return family
    known = ", ".join(f"{family.name} ({family.model_type})" for family in FAMILIES.values())
    raise FactoryError(f"{folder} is a model of type {found!r}; supported are {known}")
