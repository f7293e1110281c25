"""Base class of the stages that run the flow model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from stages.models import registry
from stages.models.stage import ModelStage

if TYPE_CHECKING:
    from stages.models.flow.model import Flow


class FlowStage(ModelStage):
    """A stage that loads the profile's flow model."""

    roles: ClassVar[tuple[str, ...]] = ("flow",)
    flow: Flow

    def setup(self) -> None:
        """Load the flow model."""
        self.flow = registry.create("flow", self.base, self.params)
