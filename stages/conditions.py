"""Conditions between sections of params.yaml, which would otherwise only fail in a later stage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from stages.engine.stage import BaseParams
from stages.inject.params import InjectParams, all_values
from stages.invert.params import InvertParams
from stages.map.params import MapParams
from stages.models import registry
from stages.models.flow.params import FlowOptions
from stages.perceive.params import PerceiveParams
from stages.records.documents import TOKEN
from stages.tools import TOOLS


def find_conflicts(params: Mapping[str, BaseModel]) -> Iterator[str]:
    """Yield a line for each conflict between sections: key, message, value."""
    perceive, mapping = params.get("perceive"), params.get("map")
    if isinstance(perceive, PerceiveParams) and isinstance(mapping, MapParams):
        yield from _check_min_tokens(perceive, mapping)
    if isinstance(mapping, MapParams):
        yield from _check_map_gate(mapping)
    invert, inject = params.get("invert"), params.get("inject")
    if isinstance(invert, InvertParams) and isinstance(inject, InjectParams):
        yield from _check_start(invert, inject)
    if isinstance(mapping, MapParams) and isinstance(inject, InjectParams):
        yield from _check_gap(mapping, inject)


def _check_min_tokens(perceive: PerceiveParams, mapping: MapParams) -> Iterator[str]:
    tokens = (perceive.window // TOKEN) ** 2
    if mapping.min_tokens > mapping.max_share * tokens:
        yield (
            f"`map.min_tokens`: must not be above `map.max_share` of the {tokens} tokens of a "
            f"`perceive.window` (got {mapping.min_tokens}; at most {mapping.max_share * tokens:g})"
        )


def _check_map_gate(mapping: MapParams) -> Iterator[str]:
    tools = [tool for tool in TOOLS if mapping.weights.get(tool)]
    for tool in TOOLS:
        if (minimum := mapping.gate.minimum(tool)) and tool not in tools:
            yield f"`map.gate.min_{tool}`: needs a `map.weights.{tool}` above 0 (got {minimum})"


def _check_start(invert: InvertParams, inject: InjectParams) -> Iterator[str]:
    latest = max(all_values(inject.t_s))
    if inject.mode != "faithful" and latest > invert.until:
        yield (
            f"`inject.t_s`: must not be above `invert.until`, {invert.until:g}, where the "
            f"inversion stops (got {latest:g})"
        )


def _check_gap(mapping: MapParams, inject: InjectParams) -> Iterator[str]:
    """Check that the flaws of a picture cannot change the same pixels. In mode faithful they may:
    every pixel of a window belongs to the nearest flaw."""
    needed = 2 * (inject.margin + math.ceil(inject.feather / TOKEN))
    if mapping.flaws_per_picture > 1 and inject.mode != "faithful" and mapping.min_gap < needed:
        yield (
            f"`map.min_gap`: must be at least {needed} tokens, twice `inject.margin` and the width "
            f"of `inject.feather`, with several flaws per picture (got {mapping.min_gap})"
        )


def find_unused_prompt(params: Mapping[str, BaseModel], base: BaseParams) -> Iterator[str]:
    """Yield a line if `invert.prompt` is set but the flow model has no text encoders."""
    invert, flow = params.get("invert"), registry.options("flow", base)
    if not isinstance(invert, InvertParams) or not isinstance(flow, FlowOptions):
        return
    if invert.build_prompt("") and not flow.takes_prompts:
        yield (
            f"`invert.prompt`: the flow model {flow.name} has no text encoders; leave it at "
            f'"{{caption}}" (got {invert.prompt!r})'
        )
