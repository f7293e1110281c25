"""Options of the flow model in a profile."""

from __future__ import annotations

from collections.abc import Iterator

from stages.models.options import Device, Dtype, Name, Options, find_unknown_model
from stages.models.weights import hub


class FlowOptions(Options):
    """Options of the back end ``diffusers``."""

    name: Name
    """A folder (relative to this checkout) or a hub name."""
    dtype: Dtype = "float32"
    device: Device = "cpu"
    offload: bool = False
    """Keep the weights in main memory and move each model to the GPU when it computes."""
    compile: bool = False
    """Compile the transformer once for all mappings."""

    def find_missing(self) -> Iterator[tuple[str, str]]:
        """Check that the model is on this machine."""
        yield from find_unknown_model("name", self.name)

    @property
    def takes_prompts(self) -> bool:
        """Whether the model has text encoders; assumed for a hub name, which is not loaded."""
        folder = hub.local_folder(self.name)
        return folder is None or (folder / "text_encoder").is_dir()
