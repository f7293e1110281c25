"""The invert stage: per work window, latents from the photo towards noise (algorithm section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stages.engine.record import Inversion, Mapping, Scene
from stages.engine.stage import Output, RejectPhoto, Sample, Stage
from stages.invert.params import InvertParams

if TYPE_CHECKING:
    from stages.models.flow import Flow


class InvertStage(Stage):
    """One photo: every window that a variant needs, inverted."""

    name = "invert"
    reads = {"map": (), "perceive": (), "ingest": ("photo.png",)}  # noqa: RUF012
    params_model = InvertParams
    code = (
        "stages.models.flow",
        "stages.models.flow_attention",
        "stages.models.flow_text",
        "stages.models.flow_tokens",
    )
    params: InvertParams
    flow: Flow

    def revisions(self) -> dict[str, str]:
        """The flow model's weights."""
        from stages.models import registry

        return {"flow": registry.revision("flow", self.base)}

    def setup(self) -> None:
        """Load the flow model."""
        from stages.models import registry

        self.flow = registry.create("flow", self.base)

    def process(self, sample: Sample) -> Output:
        """Invert the windows that the photo's variants use.

        Raises:
            RejectPhoto: no window, a window outside the photo, or latents that are not finite.
        """
        from stages.invert.inversion import invert, psnr
        from stages.invert.windows import cut, read_png

        photo = read_png(sample.members["ingest/photo.png"])
        wanted = {variant.window for variant in sample.document("map", Mapping).variants}
        windows = [w for w in sample.document("perceive", Scene).windows if w.id in wanted]
        if not windows:
            raise RejectPhoto("no_window", "no variant names a work window of this photo")
        members, quality = {}, {}
        timesteps: list[tuple[float, ...]] = []
        for window in windows:
            try:
                picture = cut(photo, window)
            except ValueError as error:
                raise RejectPhoto("bad_window", str(error), window=window.id) from error
            trajectory = invert(self.flow, picture, self.params)
            if not trajectory.finite:
                raise RejectPhoto(
                    "not_finite",
                    f"the inversion of window {window.id} left the numbers' range",
                    window=window.id,
                )
            timesteps.append(trajectory.states(self.params.solver))
            members[f"{window.id}.latents.safetensors"] = trajectory.to_bytes(self.params.dtype)
            decoded = self.flow.decode(trajectory.points[:1], window.grid)[0]
            quality[window.id] = psnr(picture, decoded)
        document = Inversion(
            key=sample.key,
            solver=self.params.solver,
            timesteps=list(timesteps[0]),
            windows=[window.id for window in windows],
            reconstruction_psnr=quality,
            latent_bytes=sum(map(len, members.values())),
        )
        return Output(document, members)

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """One row a photo."""
        inversion = Inversion.model_validate(document)
        quality = list(inversion.reconstruction_psnr.values())
        return [
            {
                "key": inversion.key,
                "windows": len(inversion.windows),
                "psnr_min": min(quality),
                "psnr_mean": sum(quality) / len(quality),
                "latent_bytes": inversion.latent_bytes,
            }
        ]
