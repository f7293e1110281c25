"""How a distorted part is described to vision-language models."""

from __future__ import annotations

from stages.tools.aspects.briefing import BriefingAspect

ASPECT = BriefingAspect(
    kind="a distorted part",
    intent="the inside of {part} was scrambled, so that its shape no longer makes sense.",
    kernels={
        "jitter": "small pieces of it were moved a little to all sides",
        "strip": "bands of it were moved along themselves",
        "permutation": "its pieces were put in random order",
        "swirl": "it was turned about its middle, more towards the rim",
        "voronoi": "each piece of it repeats one of a few of its details",
        "shards": "larger pieces of it were moved apart",
        "gaussian_jitter": "small pieces of it were moved a little to all sides",
        "stripped_shifting": "bands of it were moved along themselves, by different distances",
    },
)
