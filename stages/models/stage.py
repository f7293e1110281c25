"""What stages that work with the profile's back ends have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from stages.engine.stage import Stage
from stages.models import registry


class ModelStage(Stage):
    """A stage that names the roles whose back ends it works with."""

    roles: ClassVar[tuple[str, ...]]
    """All that any profile may have; its params get their sections by `registry.add_sections`."""

    @property
    def chosen_roles(self) -> tuple[str, ...]:
        """Those of `roles` that the profile has."""
        return tuple(role for role in self.roles if role in registry.roles(self.base))

    def revisions(self) -> dict[str, str]:
        """The back ends', by role."""
        return registry.revisions(self.base, *self.chosen_roles)

    def plugins(self) -> tuple[str, ...]:
        """The modules of the back ends."""
        return registry.modules(self.base, *self.chosen_roles)

    def devices(self) -> frozenset[str]:
        """The back ends'."""
        return registry.devices(self.base, *self.chosen_roles)

    def result_params(self) -> dict[str, Any]:
        """The section without those of back ends that the profile did not choose."""
        unused = registry.unused_sections(self.base, *self.roles)
        return {
            name: value for name, value in super().result_params().items() if name not in unused
        }
