"""Invert stage: the latents of each work window from photo to noise (algorithm section 3)."""

from __future__ import annotations

from typing import Any

from stages.engine.codes import RejectCode
from stages.engine.stage import Assembled, Output, Reject, RejectPhoto, Sample
from stages.engine.workspace import FactoryError
from stages.invert.params import InvertParams
from stages.models.flow.stage import FlowStage
from stages.records.documents import Inversion, Mapping, Scene
from stages.records.images import read_png


class InvertCode(RejectCode):
    """Reasons to reject a photo."""

    NO_WINDOW = "no_window"
    BAD_WINDOW = "bad_window"
    NOT_FINITE = "not_finite"
    NOT_NOISE = "not_noise"
    """The last latent of a window is not noise."""


class InvertStage(FlowStage):
    """Inverts every window of a photo that a variant uses."""

    name = "invert"
    reads = {"map": (), "perceive": (), "ingest": ("photo.png",)}  # noqa: RUF012
    params_model = InvertParams
    codes = (InvertCode,)
    params: InvertParams

    def setup(self) -> None:
        """Load the flow model.

        Raises:
            FactoryError: `invert.prompt` has words, but the model has no text encoders.
        """
        super().setup()
        if self.params.build_prompt("") and not self.flow.prompts.takes_prompts:
            raise FactoryError(
                f"invert.prompt: the flow model has no text encoders for {self.params.prompt!r}"
            )

    def process(self, sample: Sample) -> Output:
        """Invert the windows that the photo's variants use.

        Raises:
            RejectPhoto: there is no window, a window lies outside the photo, or latents are not
                finite.
        """
        from stages.invert.inversion import invert
        from stages.records.windows import cut

        photo = read_png(sample.members["ingest/photo.png"])
        scene = sample.document("perceive", Scene)
        wanted = {variant.window for variant in sample.document("map", Mapping).variants}
        windows = [w for w in scene.windows if w.id in wanted]
        if not windows:
            raise RejectPhoto(InvertCode.NO_WINDOW, "no variant uses a work window of this photo")
        prompt = ""
        if self.flow.prompts.takes_prompts:
            prompt = self.params.build_prompt(scene.caption)
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
                    f"the inversion of window {window.id} gave latents that are not finite",
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
        """Return `result` unchanged if every window ends in noise.

        Raises:
            RejectPhoto: ``not_noise`` if one does not.
        """
        low, high = self.params.min_noise_std, self.params.max_noise_std
        for window, spread in Inversion.model_validate(result.document).noise_std.items():
            if not low <= spread <= high:
                raise RejectPhoto(
                    InvertCode.NOT_NOISE,
                    f"the model cannot invert this photo: window {window} ends in latents of "
                    f"standard deviation {spread:.2f}, not in noise (invert.min_noise_std {low:g} "
                    f"to invert.max_noise_std {high:g})",
                    window=window,
                    noise_std=spread,
                )
        return result, []

    def columns(self) -> dict[str, type]:
        """Return the columns of the manifest."""
        return {
            "key": str,
            "windows": int,
            **dict.fromkeys(("noise_std_min", "noise_std_max"), float),
            "latent_bytes": int,
        }

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per photo."""
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
