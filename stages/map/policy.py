"""Choose the flaws of a photo: K variants, balanced over tools, spread over parts and kernels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.map.params import MAPPINGS, MapParams
from stages.map.sites import PAIR_TOOLS, Atlas, Limits, Option, find_options
from stages.records.documents import Scene, Variant
from stages.records.images import Image
from stages.records.seeding import generator, seed_for
from stages.tools import Tool
from stages.tools.aspects.mapping import NoMapping, Pairs, Site


@dataclass(frozen=True)
class Choice:
    """An option with the kernel to try on it."""

    option: Option
    kernel: str

    @property
    def tool(self) -> Tool:
        """The option's tool."""
        return self.option.tool

    @property
    def sides(self) -> tuple[str, ...]:
        """Ids of the one or two parts that the choice uses."""
        other = self.option.other
        return (self.option.part.id, other.id) if other else (self.option.part.id,)


@dataclass
class Usage:
    """The tools, kernels and parts that the photo's variants use so far."""

    tools: Counter[Tool] = field(default_factory=Counter)
    kernels: Counter[tuple[Tool, str]] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    apart: set[Tool] = field(default_factory=set)
    """Tools that joined two entities; they may not join two parts of one entity any more (algorithm
    section 2)."""

    def add(self, choice: Choice) -> None:
        """Count a choice that became a variant."""
        self.tools[choice.tool] += 1
        self.kernels[choice.tool, choice.kernel] += 1
        self.parts.update(choice.sides)
        if choice.option.other and not choice.option.within_entity:
            self.apart.add(choice.tool)

    def allows(self, choice: Choice, params: MapParams) -> bool:
        """Return whether the photo's limits allow the choice."""
        return (
            self.tools[choice.tool] < params.max_per_tool
            and all(self.parts[side] < params.max_per_part for side in choice.sides)
            and not (choice.option.within_entity and choice.tool in self.apart)
        )


def plan(
    scene: Scene, params: MapParams, seed: int, photo: Image | None = None
) -> tuple[list[Variant], Counter[str]]:
    """Return up to `params.variants` variants, and how often each reason ruled something out.

    Each variant draws from a generator of its own. It is determined by seed, photo key, variant id,
    and the variants before it, whose tools, parts and kernels it avoids.
    """
    reasons: Counter[str] = Counter()
    atlas = Atlas(scene, photo)
    limits = Limits(
        params.min_tokens,
        params.max_share,
        params.min_inside,
        params.entities,
        {tool: params.pairings(tool) for tool in PAIR_TOOLS},
    )
    choices = [
        Choice(option, kernel)
        for option in find_options(atlas, limits, reasons)
        if params.weights.get(option.tool, 0) > 0
        for kernel in params.chosen_kernels(option.tool)
        if option.pairing in (None, params.tool_params(option.tool).pairing(kernel))
    ]
    usage, variants = Usage(), list[Variant]()
    while len(variants) < params.variants:
        name = f"v{len(variants)}"
        rng = generator(seed, scene.key, name, "policy")
        passed_over: list[str] = []
        made = None
        while made is None and (allowed := [c for c in choices if usage.allows(c, params)]):
            choice = draw(allowed, usage, params, rng)
            choices.remove(choice)
            try:
                made = _make_variant(name, choice, atlas, params, seed, passed_over)
                usage.add(choice)
            except NoMapping as reason:
                passed_over.append(f"{choice.tool}.{choice.kernel}.{reason.code}")
        reasons.update(passed_over)
        if made is None:
            break
        variants.append(made)
    return variants, reasons


def tickets(weights: NDArray[np.float64], uses: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each tool's tickets in the urn: `weight` per round minus one per use. An empty urn is
    refilled.

    Maps (n,) weights above 0 and (n,) uses so far to (n,) tickets >= 0, at least one above 0.
    """
    # The 1e-9 makes up for rounding: 3 uses of 0.1 tickets are 30 rounds, not 29.999...
    rounds = np.floor((uses / weights).min() + 1e-9) + 1
    return np.maximum(rounds * weights - uses, 0)


def draw(
    choices: Sequence[Choice], usage: Usage, params: MapParams, rng: np.random.Generator
) -> Choice:
    """Draw a tool from the urn, and of its choices one with the least used parts and kernels."""
    tools: list[Tool] = list(dict.fromkeys(choice.tool for choice in choices))
    share = tickets(
        np.array([params.weights[tool] for tool in tools]),
        np.array([usage.tools[tool] for tool in tools]),
    )
    tool = tools[int(rng.choice(len(tools), p=share / share.sum()))]
    left = [choice for choice in choices if choice.tool == tool]
    left = _keep_minima(left, lambda choice: int(choice.option.within_entity))
    left = _keep_minima(left, lambda choice: sum(usage.parts[side] for side in choice.sides))
    left = _keep_minima(left, lambda choice: usage.kernels[tool, choice.kernel])
    share = np.array([_weight(choice, params.positional_weight) for choice in left])
    return left[int(rng.choice(len(left), p=share / share.sum()))]


def _keep_minima(choices: list[Choice], cost: Callable[[Choice], int]) -> list[Choice]:
    """Keep the choices of minimum cost."""
    minimum = min(map(cost, choices))
    return [choice for choice in choices if cost(choice) == minimum]


def _weight(choice: Choice, positional: float) -> float:
    part = choice.option.part
    return max(part.score, 0.01) * (positional if part.positional else 1)


def _make_variant(
    name: str, choice: Choice, atlas: Atlas, params: MapParams, seed: int, passed_over: list[str]
) -> Variant:
    """Run the kernel and build the record.

    Raises:
        NoMapping: the kernel's reasons; ``too_few`` or ``too_many`` - targets; ``too_still`` - too
            many targets keep their own appearance; ``too_alike`` - what they take looks like what
            they have.
    """
    option = choice.option
    site = atlas.site(option)
    names = (name, choice.tool, choice.kernel, *choice.sides)
    rng = generator(seed, atlas.scene.key, *names)
    kernel = MAPPINGS[choice.tool].kernels[choice.kernel]
    pairs = kernel(site, rng, params.tool_params(choice.tool))
    measures = measure(pairs, site)
    by_position = option.part.positional and option.other is None
    if len(pairs.targets) < max(
        params.min_tokens, params.min_positional_tokens if by_position else 0
    ):
        raise NoMapping("too_few")
    if measures["share"] > params.max_share:
        raise NoMapping("too_many")
    if measures["moved_share"] < params.min_moved_share:
        raise NoMapping("too_still")
    if measures.get("colour_change", math.inf) < params.min_colour_change.get(choice.tool, 0):
        raise NoMapping("too_alike")
    return Variant(
        id=name,
        window=option.window.id,
        tool=choice.tool,
        kernel=choice.kernel,
        entity=option.entity.id,
        entity_name=option.entity.name,
        part=option.part.id,
        part_name=option.part.name,
        part_kind=option.part.kind,
        positional=option.part.positional,
        other=option.other.id if option.other else None,
        other_name=option.other.name if option.other else None,
        within_entity=option.within_entity,
        seed=seed_for(seed, atlas.scene.key, *names),
        targets=pairs.targets.tolist(),
        references=pairs.references.tolist(),
        facts=measures | pairs.facts | {"passed_over": passed_over},
    )


def measure(pairs: Pairs, site: Site) -> dict[str, Any]:
    """Measure a mapping, whatever its tool; shares in 0..1, displacement in tokens.

    ``colour_change``, if the colours are known: mean CIELAB distance between the colours of targets
    and references, in which small flaws and those in even texture are low.
    """
    colours = site.colours
    taken = {}
    if colours is not None:
        flat = colours.reshape(-1, 3)
        change = np.linalg.norm(flat[pairs.references] - flat[pairs.targets], axis=1).mean()
        taken = {"colour_change": round(float(change), 2)}
    rows, columns = np.divmod(np.stack([pairs.targets, pairs.references]), site.part.shape[1])
    moved = np.hypot(rows[1] - rows[0], columns[1] - columns[0])
    count = len(pairs.targets)
    return {
        "window_tokens": site.part.size,
        "share": round(count / site.part.size, 4),
        "part_share": round(float(site.part.ravel()[pairs.targets].sum() / site.part.sum()), 4),
        "moved_share": round(float((moved > 0).mean()), 4),
        "displacement": round(float(moved.mean()), 4),
        **taken,
    }
