"""The invert stage: per work window, latents from the photo towards noise (algorithm section 3)."""

from __future__ import annotations

from typing import Any

from stages.engine.codes import RejectCode
from stages.engine.stage import Assembled, Output, Reject, RejectPhoto, Sample
from stages.engine.workspace import FactoryError
from stages.invert.params import InvertParams
from stages.models.flow.stage import FLOW_CODE, FlowStage
from stages.records.documents import Inversion, Mapping, Scene
from stages.records.images import read_png


class InvertCode(RejectCode):
    """Why a photo could not be inverted."""

    NO_WINDOW = "no_window"
    BAD_WINDOW = "bad_window"
    NOT_FINITE = "not_finite"
    NOT_NOISE = "not_noise"
    """The way from photo to noise did not end in noise."""


class InvertStage(FlowStage):
    """One photo: every window that a variant needs, inverted."""

    name = "invert"
    reads = {"map": (), "perceive": (), "ingest": ("photo.png",)}  # noqa: RUF012
    params_model = InvertParams
    code = FLOW_CODE
    codes = (InvertCode,)
    params: InvertParams

    def setup(self) -> None:
        """Load the flow model.

        Raises:
            FactoryError: there are words for a model without text encoders.
        """
        super().setup()
        if self.params.told("") and not self.flow.prompts.told:
            raise FactoryError(
                f"invert.prompt: the flow model has no text encoders for {self.params.prompt!r}"
            )

    def process(self, sample: Sample) -> Output:
        """Invert the windows that the photo's variants use.

        Raises:
            RejectPhoto: no window, a window outside the photo, or latents that are not finite.
        """
        from stages.invert.inversion import invert
        from stages.records.windows import cut

        photo = read_png(sample.members["ingest/photo.png"])
        scene = sample.document("perceive", Scene)
        wanted = {variant.window for variant in sample.document("map", Mapping).variants}
        windows = [w for w in scene.windows if w.id in wanted]
        if not windows:
            raise RejectPhoto(InvertCode.NO_WINDOW, "no variant names a work window of this photo")
        prompt = self.params.told(scene.caption) if self.flow.prompts.told else ""
        members, noise = {}, {}
        timesteps: list[tuple[float, ...]] = []
        for window in windows:
            try:
                picture = cut(photo, window)
            except ValueError as error:
                raise RejectPhoto(InvertCode.BAD_WINDOW, str(error), window=window.id) from error
            trajectory = invert(self.flow, picture, self.params, prompt)
            if not trajectory.finite:
                raise RejectPhoto(
                    InvertCode.NOT_FINITE,
                    f"the inversion of window {window.id} left the numbers' range",
                    window=window.id,
                )
            timesteps.append(trajectory.states(self.params.solver))
            members[f"{window.id}.latents.safetensors"] = trajectory.to_bytes(self.params.dtype)
            noise[window.id] = trajectory.points[-1].std().item()
        document = Inversion(
            key=sample.key,
            solver=self.params.solver,
            timesteps=list(timesteps[0]),
            windows=[window.id for window in windows],
            prompt=prompt,
            noise_std=noise,
            latent_bytes=sum(map(len, members.values())),
        )
        return Output(document, members)

    def sift(self, result: Assembled) -> tuple[Assembled, list[Reject]]:
        """All of it, when every window ends in noise.

        Raises:
            RejectPhoto: ``not_noise``.
        """
        low, high = self.params.min_noise_std, self.params.max_noise_std
        for window, spread in Inversion.model_validate(result.document).noise_std.items():
            if not low <= spread <= high:
                raise RejectPhoto(
                    InvertCode.NOT_NOISE,
                    f"the model cannot invert this picture: window {window} ends in latents of "
                    f"standard deviation {spread:.2f}, not in noise (invert.min_noise_std {low:g} "
                    f"to invert.max_noise_std {high:g})",
                    window=window,
                    noise_std=spread,
                )
        return result, []

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """One row a photo."""
        inversion = Inversion.model_validate(document)
        return [
            {
                "key": inversion.key,
                "windows": len(inversion.windows),
                "noise_std_min": min(inversion.noise_std.values()),
                "noise_std_max": max(inversion.noise_std.values()),
                "latent_bytes": inversion.latent_bytes,
            }
        ]
