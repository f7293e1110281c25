"""What the stages that run the flow model share."""

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
"""Modules whose text enters the store's key."""


class FlowStage(Stage):
    """A stage that needs the profile's flow model."""

    flow: Flow

    def revisions(self) -> dict[str, str]:
        """The flow model's weights."""
        from stages.models import registry

        return registry.revisions(self.base, "flow")

    def devices(self) -> frozenset[str]:
        """The flow model's."""
        from stages.models import registry

        return registry.devices(self.base, "flow")

    def setup(self) -> None:
        """Load the flow model."""
        from stages.models import registry

        self.flow = registry.create("flow", self.base)
