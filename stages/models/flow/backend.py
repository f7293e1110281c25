"""Back end ``diffusers`` of the role `flow`."""

from __future__ import annotations

from typing import Any

from stages.models.flow.params import FlowOptions
from stages.models.weights import hub, packages


class DiffusersFlow:
    """Creates a ``stages.models.flow.model.Flow`` from the options of a profile."""

    def __new__(cls, options: FlowOptions) -> Any:
        """Load the model.

        Raises:
            WeightsError: the folder does not exist, or its weights are damaged or of another model.
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
        """Return a folder's digest of weights and configurations, or a hub model's commit."""
        return hub.revision(options.name)

    @classmethod
    def weights(cls, options: FlowOptions) -> list[str]:
        """Return the name of the hub model; a folder needs no fetching."""
        return [] if hub.local_folder(options.name) else [options.name]
