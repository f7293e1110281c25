"""The base class of stages that use the profile's back ends."""

from __future__ import annotations

from typing import Any, ClassVar

from stages.engine.stage import Stage
from stages.models import registry


class ModelStage(Stage):
    """A stage that declares the roles whose back ends it uses."""

    roles: ClassVar[tuple[str, ...]]
    """The roles, including those that a profile may leave out. `registry.add_sections` adds their
    back ends' sections to the stage's params."""

    @property
    def chosen_roles(self) -> tuple[str, ...]:
        """The `roles` that the profile fills."""
        return tuple(role for role in self.roles if role in registry.roles(self.base))

    def revisions(self) -> dict[str, str]:
        """Return the revisions of the back ends by role."""
        return registry.revisions(self.base, *self.chosen_roles)

    def plugins(self) -> tuple[str, ...]:
        """Return the modules of the back ends."""
        return registry.modules(self.base, *self.chosen_roles)

    def devices(self) -> frozenset[str]:
        """Return the devices of the back ends."""
        return registry.devices(self.base, *self.chosen_roles)

    def result_params(self) -> dict[str, Any]:
        """Return the section without the sections of back ends that the profile does not choose."""
        unused = registry.unused_sections(self.base, *self.roles)
        return {
            name: value for name, value in super().result_params().items() if name not in unused
        }
