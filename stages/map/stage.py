"""The map stage: scene in, variants out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping as ReadOnly
from collections.abc import Sequence
from typing import Any, ClassVar

from stages import tools
from stages.engine.codes import RejectCode
from stages.engine.stage import BaseParams, Output, RejectPhoto, Sample, Stage, StageParams
from stages.map.params import MapParams
from stages.map.pictures import group_variants
from stages.map.policy import plan
from stages.map.sites import NAMED_PART_TOOLS, PAIR_TOOLS
from stages.records.documents import Mapping, Scene
from stages.tools import TOOLS


class MapCode(RejectCode):
    """Reasons to reject a photo."""

    NO_MAPPING = "no_mapping"


class MapStage(Stage):
    """Draws each photo's flaws as mappings (algorithm section 2).

    All random choices of a flaw's layout are made here.
    """

    name: ClassVar[str] = "map"
    reads: ClassVar[ReadOnly[str, tuple[str, ...]]] = {"perceive": (), "ingest": ()}
    params_model: ClassVar[type[StageParams]] = MapParams
    codes: ClassVar[tuple[type[RejectCode], ...]] = (MapCode,)
    sets: ClassVar[ReadOnly[str, Sequence[str]]] = {
        "tools": TOOLS,
        "named_tools": NAMED_PART_TOOLS,
        "pair_tools": PAIR_TOOLS,
    }
    counted: ClassVar[ReadOnly[str, Sequence[str]]] = {"tool": TOOLS}

    def __init__(self, params: MapParams, base: BaseParams) -> None:
        super().__init__(params, base)
        self.settings = params

    def plugins(self) -> tuple[str, ...]:
        """Return the modules of the tools' mappings."""
        return tools.modules("mapping")

    def process(self, sample: Sample) -> Output:
        """Map one photo. If fewer variants than wanted are possible, the rows' ``shortfall`` counts
        the missing ones.

        Raises:
            RejectPhoto: ``no_mapping`` - no tool can break anything in the photo.
        """
        scene = sample.document("perceive", Scene)
        variants, reasons = plan(scene, self.settings, self.base.seed)
        if not variants:
            raise RejectPhoto(
                MapCode.NO_MAPPING,
                "no tool can break anything here: the evidence counts why; parts may be too small, "
                "cut off, or fit for tools that map.weights leaves out",
                entities=len(scene.entities),
                parts=sum(len(entity.parts) for entity in scene.entities),
                reasons=dict(sorted(reasons.items())),
            )
        settings = self.settings
        grouped = group_variants(variants, scene, settings.flaws_per_picture, settings.min_gap)
        return Output(Mapping(key=sample.key, variants=grouped))

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per variant."""
        mapping = Mapping.model_validate(document)
        wanted, made = self.settings.variants, len(mapping.variants)
        flaws = Counter(variant.picture for variant in mapping.variants)
        return [
            {
                "key": mapping.key,
                "variant": variant.id,
                "picture": variant.picture,
                "picture_flaws": flaws[variant.picture],
                "window": variant.window,
                "tool": variant.tool,
                "kernel": variant.kernel,
                "entity": variant.entity,
                "entity_name": variant.entity_name,
                "part": variant.part,
                "part_name": variant.part_name,
                "part_kind": variant.part_kind,
                "positional": variant.positional,
                "other": variant.other or "",
                "other_name": variant.other_name or "",
                "within_entity": variant.within_entity,
                "targets": len(variant.targets),
                "references": len(variant.references),
                "distinct_targets": len(set(variant.targets)),
                "share": float(variant.facts["share"]),
                "part_share": float(variant.facts["part_share"]),
                "moved_share": float(variant.facts["moved_share"]),
                "displacement": float(variant.facts["displacement"]),
                "direction": str(variant.facts.get("direction", "")),
                "passed_over": len(variant.facts["passed_over"]),
                "wanted": wanted,
                "made": made,
                "shortfall": wanted - made,
            }
            for variant in mapping.variants
        ]
