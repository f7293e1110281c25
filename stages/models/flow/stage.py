"""Base class of the stages that run the flow model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stages.engine.stage import Stage

if TYPE_CHECKING:
    from stages.models.flow.model import Flow

FLOW_CODE = (
    "stages.models.flow.model",
    "stages.models.flow.attention",
    "stages.models.flow.decode",
    "stages.models.flow.injection",
    "stages.models.flow.stage",
    "stages.models.flow.text",
    "stages.models.flow.tokens",
)
"""Modules whose source text enters the store's key."""


class FlowStage(Stage):
    """A stage that loads the profile's flow model."""

    flow: Flow

    def revisions(self) -> dict[str, str]:
        """Return the revision of the flow model's weights."""
        from stages.models import registry

        return registry.revisions(self.base, "flow")

    def devices(self) -> frozenset[str]:
        """Return the devices that the flow model runs on."""
        from stages.models import registry

        return registry.devices(self.base, "flow")

    def setup(self) -> None:
        """Load the flow model."""
        from stages.models import registry

        self.flow = registry.create("flow", self.base)
