"""Inject stage: renders the flaws of each picture, with masks and controls (section 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stages import tools
from stages.engine.stage import Assembled, Output, Reject, RejectPhoto, Sample
from stages.inject.codes import InjectCode
from stages.inject.params import InjectParams
from stages.models.flow.stage import FlowStage
from stages.records.documents import Injection, Inversion, Mapping, Outcome, Scene, Variant
from stages.records.images import read_png, write_png
from stages.tools import TOOLS

if TYPE_CHECKING:
    from stages.inject.window import RenderedVariant, UnusableVariant


class InjectStage(FlowStage):
    """Renders all variants of a photo, window by window."""

    name = "inject"
    reads = {  # noqa: RUF012
        "invert": ("*.safetensors",),
        "map": (),
        "perceive": (),
        "ingest": ("photo.png",),
    }
    params_model = InjectParams
    codes = (InjectCode,)
    sets = {"tools": TOOLS}  # noqa: RUF012
    counted = {"tool": TOOLS}  # noqa: RUF012
    params: InjectParams

    def plugins(self) -> tuple[str, ...]:
        """The flow model, and how the tools are injected."""
        return (*super().plugins(), *tools.modules("injection"))

    def process(self, sample: Sample) -> Output:
        """Render the photo's variants, those of a picture in one window together; those that fail
        are rejected one by one.

        Raises:
            RejectPhoto: the inversion's latents cannot be used.
            MemoryError, RuntimeError: a single picture does not fit into memory. Nothing is
                stored, so memory that others have taken loses no flaw for good.
        """
        from stages.inject.ownership import share_pixels
        from stages.inject.window import UnusableVariant, WindowJob
        from stages.models.flow.trajectory import Trajectory

        photo = read_png(sample.members["ingest/photo.png"])
        variants = sample.document("map", Mapping).variants
        inversion = sample.document("invert", Inversion)
        windows = {w.id: w for w in sample.document("perceive", Scene).windows}
        inverted = {name: w for name, w in windows.items() if name in inversion.windows}
        shape = (photo.shape[0], photo.shape[1])
        owned = share_pixels(variants, inverted, shape, self.params)
        rendered: dict[str, RenderedVariant | UnusableVariant] = {}
        for name in dict.fromkeys(variant.window for variant in variants):
            wanted = [variant for variant in variants if variant.window == name]
            if name not in inverted:
                lost = UnusableVariant(InjectCode.NO_WINDOW, f"window {name} was not inverted")
                rendered |= {variant.id: lost for variant in wanted}
                continue
            try:
                trajectory = Trajectory.from_bytes(
                    sample.members[f"invert/{name}.latents.safetensors"]
                )
                job = WindowJob(
                    self.flow,
                    photo,
                    inverted[name],
                    trajectory,
                    inversion.solver,
                    self.params,
                    inversion.prompt,
                )
                rendered |= job.run(wanted, self.base.seed, sample.key, owned)
            except ValueError as error:
                raise RejectPhoto(
                    InjectCode.BAD_LATENTS, f"window {name}: {error}", window=name
                ) from error
        return self._output(sample.key, variants, rendered)

    def sift(self, result: Assembled) -> tuple[Assembled, list[Reject]]:
        """Keep the variants of windows whose control reconstructs the photo."""
        minimum = self.params.min_reconstruction_psnr
        injection = Injection.model_validate(result.document)
        rejects = [
            Reject(
                result.key,
                outcome.variant,
                InjectCode.NOT_RECONSTRUCTED,
                f"the model cannot reconstruct this photo: the control has "
                f"{outcome.reconstruction_psnr:.1f} dB (inject.min_reconstruction_psnr "
                f"{minimum:g})",
                {"reconstruction_psnr": outcome.reconstruction_psnr},
            )
            for outcome in injection.outcomes
            if outcome.reconstruction_psnr < minimum
        ]
        if not rejects:
            return result, []
        gone = {reject.variant for reject in rejects}
        kept = [outcome for outcome in injection.outcomes if outcome.variant not in gone]
        document = injection.model_copy(update={"outcomes": kept}).model_dump(mode="json")
        members = {n: d for n, d in result.members.items() if n.split(".")[0] not in gone}
        return replace(result, document=document, members=members), rejects

    def columns(self) -> dict[str, type]:
        """Return the columns of the manifest."""
        return {
            **dict.fromkeys(("key", "variant", "tool"), str),
            **dict.fromkeys(("mask_pixels", "edit_pixels"), int),
            **dict.fromkeys(("mask_share", "difference"), float),
            **dict.fromkeys(("reconstruction_psnr", "evaluations"), float),
        }

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per rendered variant."""
        injection = Injection.model_validate(document)
        return [
            {
                "key": injection.key,
                "variant": outcome.variant,
                "tool": outcome.tool,
                "mask_pixels": outcome.mask_pixels,
                "edit_pixels": outcome.edit_pixels,
                "mask_share": outcome.mask_pixels / outcome.edit_pixels,
                "difference": outcome.difference,
                "reconstruction_psnr": outcome.reconstruction_psnr,
                "evaluations": outcome.evaluations,
            }
            for outcome in injection.outcomes
        ]

    def _output(
        self,
        key: str,
        variants: list[Variant],
        rendered: dict[str, RenderedVariant | UnusableVariant],
    ) -> Output:
        from stages.inject.window import UnusableVariant

        outcomes, rejects = [], []
        members: dict[str, bytes] = {}
        for variant in variants:
            result = rendered[variant.id]
            if isinstance(result, UnusableVariant):
                rejects.append(Reject(key, variant.id, result.code, str(result)))
                continue
            outcomes.append(
                Outcome(
                    variant=variant.id,
                    tool=variant.tool,
                    box=result.box,
                    target_box=result.target_box,
                    mask_pixels=int(result.mask.sum()),
                    edit_pixels=int(result.edit.sum()),
                    difference=result.difference,
                    reconstruction_psnr=result.reconstruction_psnr,
                    evaluations=result.evaluations,
                    together=result.together,
                )
            )
            members[f"{variant.id}.artifact.png"] = write_png(result.artifact)
            members[f"{variant.id}.control.png"] = write_png(result.control)
            members[f"{variant.id}.mask.png"] = write_png(result.mask)
            members[f"{variant.id}.edit.png"] = write_png(result.edit)
        return Output(
            Injection(key=key, mode=self.params.mode, outcomes=outcomes), members, rejects
        )
