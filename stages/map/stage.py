"""The map stage: scene in, variants out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import replace
from typing import Any, ClassVar

from stages import tools
from stages.engine.codes import RejectCode
from stages.engine.stage import (
    Assembled,
    BaseParams,
    Output,
    Reject,
    RejectPhoto,
    Sample,
    Stage,
    StageParams,
)
from stages.map.balance import MET, MapAside, describe_states, find_surplus
from stages.map.params import MapParams
from stages.map.pictures import group_variants
from stages.map.policy import plan
from stages.map.sites import NAMED_PART_TOOLS, PAIR_TOOLS
from stages.records.documents import Mapping, Scene
from stages.records.images import read_png
from stages.tools import TOOLS


class MapCode(RejectCode):
    """Reasons to reject a photo."""

    NO_MAPPING = "no_mapping"


class MapStage(Stage):
    """Draws each photo's flaws as mappings (algorithm section 2), and balances them over the data
    set.

    All random choices of a flaw's layout are made here.
    """

    name: ClassVar[str] = "map"
    reads: ClassVar[ReadOnly[str, tuple[str, ...]]] = {
        "perceive": (),
        "ingest": ("photo.png",),
    }
    params_model: ClassVar[type[StageParams]] = MapParams
    codes: ClassVar[tuple[type[RejectCode], ...]] = (MapCode, MapAside)
    sifts_blocks: ClassVar[bool] = True
    finished_columns: ClassVar[tuple[str, ...]] = ("quota",)
    sets: ClassVar[ReadOnly[str, Sequence[str]]] = {
        "tools": TOOLS,
        "named_tools": NAMED_PART_TOOLS,
        "pair_tools": PAIR_TOOLS,
        "quota_states": (MET,),
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
        photo = read_png(sample.members["ingest/photo.png"])
        variants, reasons = plan(scene, self.settings, self.base.seed, photo)
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

    def sift_block(self, rows: Sequence[dict[str, Any]]) -> list[Reject]:
        """Set the variants aside that exceed `map.quotas`, and photos that have no others."""
        return find_surplus(rows, self.settings.quotas, self.base.seed)

    def leave_out(self, result: Assembled, variants: Collection[str]) -> Assembled:
        """Leave variants out of the mapping and count them."""
        mapping = Mapping.model_validate(result.document)
        kept = [variant for variant in mapping.variants if variant.id not in variants]
        left_out = mapping.left_out + len(mapping.variants) - len(kept)
        left = mapping.model_copy(update={"variants": kept, "left_out": left_out})
        return replace(result, document=left.model_dump(mode="json"))

    def finish(self, rows: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """Add the column ``quota``: ``met``, or which of the row's tool, entity and part have more
        than their share of all rows."""
        tools = [tool for tool, weight in self.settings.weights.items() if weight > 0]
        states = describe_states(rows, self.settings.quotas, tools)
        return (row | {"quota": state} for row, state in zip(rows, states, strict=True))

    def columns(self) -> ReadOnly[str, type]:
        """Return the columns of the manifest."""
        return {
            **dict.fromkeys(("key", "variant", "picture"), str),
            "picture_flaws": int,
            **dict.fromkeys(("window", "tool", "kernel", "entity", "entity_name"), str),
            **dict.fromkeys(("part", "part_name", "part_kind"), str),
            "positional": bool,
            **dict.fromkeys(("other", "other_name"), str),
            "within_entity": bool,
            **dict.fromkeys(("targets", "references", "distinct_targets"), int),
            **dict.fromkeys(("share", "part_share", "moved_share", "displacement"), float),
            "direction": str,
            **dict.fromkeys(("passed_over", "wanted", "made", "shortfall"), int),
            "quota": str,
        }

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per variant."""
        mapping = Mapping.model_validate(document)
        wanted, made = self.settings.variants, len(mapping.variants) + mapping.left_out
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
