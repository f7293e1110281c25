"""Measure a trained network on pictures that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from applications.evaluation.example import Example
from applications.evaluation.inspecting import inspect_set, open_picture
from applications.evaluation.metrics.boxes import Boxes, as_boxes
from applications.evaluation.rows import Row, make_row
from applications.evaluation.scores import Scorer, Scores, Settings
from applications.evaluation.thresholds import choose
from applications.evaluation.truth import fit
from applications.inspectors.compact.network import InspectorNetwork
from applications.inspectors.compact.predict import Heat, compute_heat, find_regions
from applications.protocols import Finding, Region, Thresholds
from applications.training.compact.calibrate import choose_region_thresholds
from stages.engine.workspace import FactoryError
from stages.records.images import Image

_LOCALISATION = ("IoU", "box F1", "box recall")
CONTRAST = "artifact against control"


@dataclass
class NetworkInspector:
    """A network as an inspector, before calibration and without texts."""

    network: InspectorNetwork
    """For inference."""
    short_side: int
    """Pictures with a longer short side are scaled down to it."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    cut: float = 0.5
    """Minimum probability of the pixels of a region."""
    name: str = "compact"

    def inspect(self, picture: Image) -> Finding:
        """Inspect one picture (`Inspector.inspect`)."""
        return self.describe(compute_heat(self.network, picture, self.short_side))

    def describe(self, heat: Heat) -> Finding:
        """Return the finding of a heat map."""
        return Finding(
            probability=1 / (1 + math.exp(-heat.score)),
            regions=tuple(
                Region(found.box, found.score, found.tool) for found in find_regions(heat, self.cut)
            ),
            mask=heat.mask,
        )


@dataclass(frozen=True)
class Figures:
    """What was measured of one network."""

    thresholds: Thresholds
    test: Scores
    by_tool: Mapping[str, Scores] = field(default_factory=dict)
    other: Mapping[str, Scores] = field(default_factory=dict)
    """Name of another evaluation set to its scores."""


def measure(
    network: InspectorNetwork,
    short_side: int,
    validation: Sequence[Example],
    test: Sequence[Example],
    others: Mapping[str, Sequence[Example]],
    resamples: int = 1000,
) -> Figures:
    """Choose thresholds on validation pictures, then measure on the test's.

    Raises:
        FactoryError: a picture of the data set cannot be read.
    """
    inspector = _choose_thresholds(NetworkInspector(network, short_side), validation)
    thresholds = inspector.thresholds
    settings = Settings(resamples=resamples)
    rows = _inspect(inspector, test)
    return Figures(
        thresholds,
        score(rows, thresholds, settings),
        _score_tools(rows, thresholds, settings),
        {
            name: score(_inspect(inspector, examples), thresholds, settings)
            for name, examples in others.items()
        },
    )


def _choose_thresholds(
    inspector: NetworkInspector, validation: Sequence[Example]
) -> NetworkInspector:
    """Choose where regions are cut and all thresholds; return the inspector with them."""
    rows: list[Row] = []
    heats: list[Heat] = []
    boxes: list[Boxes] = []
    for example in validation:
        try:
            pixels = open_picture(example)
            picture, _ = fit(example, (pixels.shape[1], pixels.shape[0]))
        except ValueError as error:
            raise FactoryError(f"{example.key} cannot be used: {error}") from error
        heat = compute_heat(inspector.network, pixels, inspector.short_side)
        rows.append(make_row(picture, inspector.describe(heat)))
        if example.label == "flawed":
            heats.append(heat)
            boxes.append(as_boxes([truth.box for truth in picture.example.regions]))
    chosen = choose(rows, inspector.thresholds)
    cut, region = choose_region_thresholds(heats, boxes)
    return replace(inspector, thresholds=replace(chosen, region=region), cut=cut)


def _inspect(inspector: NetworkInspector, examples: Sequence[Example]) -> list[Row]:
    found = inspect_set(examples, {inspector.name: inspector})
    if found.problems:
        raise FactoryError(f"{len(found.problems)} pictures cannot be used: {found.problems[0]}")
    return found.rows[inspector.name]


def score(rows: Sequence[Row], thresholds: Thresholds, settings: Settings) -> Scores:
    """Return the figures of a study: AUROC, places, and false alarms by role."""
    scorer = Scorer(rows, thresholds, settings)
    places = scorer.localisation()
    return {
        "AUROC": scorer.detection()["AUROC"],
        **scorer.contrasts(),
        **{name: places[name] for name in _LOCALISATION},
        **{
            f"{role}: {name}": value
            for role, scores in scorer.false_alarms().items()
            for name, value in scores.items()
        },
    }


def _score_tools(
    rows: Sequence[Row], thresholds: Thresholds, settings: Settings
) -> dict[str, Scores]:
    """Score each tool's flawed pictures against their own controls."""
    tools = sorted({row.example.facts.get("tool", "") for row in rows} - {""})
    found: dict[str, Scores] = {}
    for tool in tools:
        chosen = [row for row in rows if row.example.facts.get("tool") == tool]
        scores = score(chosen, thresholds, settings)
        found[tool] = {name: scores[name] for name in (CONTRAST, *_LOCALISATION)}
    return found
