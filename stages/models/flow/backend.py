"""The flow model of a profile: back end ``diffusers``."""

from __future__ import annotations

from typing import Any

from stages.models.weights import hub, packages


class DiffusersFlow:
    """``stages.models.flow.model.Flow`` with the plain values that a profile can hold."""

    def __new__(
        cls,
        name: str,
        dtype: str = "float32",
        device: str = "cpu",
        offload: bool = False,
        compile: bool = False,
    ) -> Any:
        """The loaded model; `name` is a folder (relative: of this checkout) or a hub name.

        Raises:
            WeightsError: no such folder, or weights that are damaged or of another model.
        """
        import torch

        from stages.models.flow.model import Flow

        try:
            return Flow.load(
                hub.resolve(name), getattr(torch, dtype), device, offload=offload, compile=compile
            )
        except (FileNotFoundError, ValueError) as error:
            raise packages.WeightsError(
                f"{error}\nflow model {name!r} of stages/models/profiles.yaml: restore its folder "
                "(`git checkout weights/compact`, or fetch it again) or name another"
            ) from error

    @classmethod
    def revision(cls, name: str, **_: Any) -> str:
        """Digest of the folder's weights and configurations, or the hub's commit."""
        return hub.revision(name)

    @classmethod
    def weights(cls, name: str, **_: Any) -> list[str]:
        """The hub's model; a folder is there already."""
        return [] if hub.local_folder(name) else [name]
