"""Conditions between sections of params.yaml: what would only fail when a later stage runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from stages.engine.stage import BaseParams
from stages.inject.params import InjectParams, all_values
from stages.invert.params import InvertParams
from stages.map.params import MapParams
from stages.models import registry
from stages.models.options import FlowOptions
from stages.perceive.stage import PerceiveParams
from stages.records.documents import TOKEN, TOOLS


def across_sections(params: Mapping[str, BaseModel]) -> Iterator[str]:
    """What does not fit together, a line each: key, words, value."""
    perceive, mapping = params.get("perceive"), params.get("map")
    if isinstance(perceive, PerceiveParams) and isinstance(mapping, MapParams):
        yield from _parts_in_windows(perceive, mapping)
    if isinstance(mapping, MapParams):
        yield from _map_gate_can_pass(mapping)
    invert, inject = params.get("invert"), params.get("inject")
    if isinstance(invert, InvertParams) and isinstance(inject, InjectParams):
        yield from _start_was_inverted(invert, inject)


def _parts_in_windows(perceive: PerceiveParams, mapping: MapParams) -> Iterator[str]:
    tokens = (perceive.window // TOKEN) ** 2
    if mapping.min_tokens > mapping.max_share * tokens:
        yield (
            f"`map.min_tokens`: must not be above `map.max_share` of the {tokens} tokens of a "
            f"`perceive.window` (got {mapping.min_tokens}; at most {mapping.max_share * tokens:g})"
        )


def _map_gate_can_pass(mapping: MapParams) -> Iterator[str]:
    tools = [tool for tool in TOOLS if mapping.weights.get(tool)]
    for tool in TOOLS:
        if (least := getattr(mapping.gate, f"min_{tool}")) and tool not in tools:
            yield f"`map.gate.min_{tool}`: needs a `map.weights.{tool}` above 0 (got {least})"


def _start_was_inverted(invert: InvertParams, inject: InjectParams) -> Iterator[str]:
    latest = max(all_values(inject.t_s))
    if inject.mode != "faithful" and latest > invert.until:
        yield (
            f"`inject.t_s`: must not be above `invert.until`, {invert.until:g}, where the "
            f"inversion stops (got {latest:g})"
        )


def prompt_is_heard(params: Mapping[str, BaseModel], base: BaseParams) -> Iterator[str]:
    """Words of the person's own for a flow model without text encoders."""
    invert, flow = params.get("invert"), registry.options("flow", base)
    if not isinstance(invert, InvertParams) or not isinstance(flow, FlowOptions):
        return
    if invert.build_prompt("") and not flow.told:
        yield (
            f"`invert.prompt`: the flow model {flow.name} has no text encoders; leave it at "
            f'"{{caption}}" (got {invert.prompt!r})'
        )
