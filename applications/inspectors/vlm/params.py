"""Section ``inspectors.vlm`` of applications/params.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stages.engine.section import Section


class VlmParams(Section):
    """The model, and how it is asked."""

    model: str = "tuned"
    """What `applications.training.vlm.train` wrote, or a model: a folder (relative to the working
    directory or to this checkout) or ``owner/repo@commit`` of the hub."""
    base: str = ""
    """For an adapter: where its base is on this machine. Empty: as the adapter's record says."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 on a GPU, float32 on a CPU."""
    max_pixels: int = Field(default=0, ge=0, le=10**8)
    """Limit on pixels of a picture for a model that was not tuned here; 0: the default of
    `flawfactory export`. A tuned one keeps that of its training."""
    max_tokens: int = Field(default=512, ge=8, le=8192)
    """Of each answer."""
    explain_regions: bool = False
    """Whether it is asked about each region that it found: one more question a region."""
