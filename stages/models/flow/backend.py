"""The flow model of a profile: back end ``diffusers``."""

from __future__ import annotations

from typing import Any

from stages.models.flow.params import FlowOptions
from stages.models.weights import hub, packages


class DiffusersFlow:
    """``stages.models.flow.model.Flow`` with the options of a profile."""

    def __new__(cls, options: FlowOptions) -> Any:
        """The loaded model.

        Raises:
            WeightsError: no such folder, or weights that are damaged or of another model.
        """
        import torch

        from stages.models.flow.model import Flow

        try:
            return Flow.load(
                hub.resolve(options.name),
                getattr(torch, options.dtype),
                options.device,
                offload=options.offload,
                compile=options.compile,
            )
        except (FileNotFoundError, ValueError) as error:
            raise packages.WeightsError(
                f"{error}\nflow model {options.name!r} of stages/models/profiles.yaml: restore its "
                "folder (`git checkout weights/compact`, or fetch it again) or name another"
            ) from error

    @classmethod
    def revision(cls, options: FlowOptions) -> str:
        """Digest of the folder's weights and configurations, or the hub's commit."""
        return hub.revision(options.name)

    @classmethod
    def weights(cls, options: FlowOptions) -> list[str]:
        """The hub's model; a folder is there already."""
        return [] if hub.local_folder(options.name) else [options.name]
