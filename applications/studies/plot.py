"""Draw curves as SVG: small, without a plotting library, and readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from applications.studies.runs import Outcome
from applications.studies.tables import Average, average

_WIDTH, _HEIGHT, _GAP = 300, 220, 64
_COLOURS = ("#2166ac", "#d6604d", "#4d9221")
PANELS = {
    "artifact against control": "AUROC artifact against control",
    "control against real": "AUROC control against real",
    "IoU": "foreground IoU",
    "box F1": "box F1 at 0.5",
}
"""Figure of the test to the title of its panel."""


@dataclass(frozen=True)
class Panel:
    """One diagram: number of pairs (doubling) against a figure of 0..1."""

    title: str
    curves: Mapping[str, Sequence[tuple[int, Average]]]


def draw_scaling(found: Mapping[tuple[str, int], Sequence[Outcome]]) -> str:
    """Draw one panel a figure, one curve a kind; bars are 95 % intervals.

    Args:
        found: kind and number of pairs to the runs of all seeds.
    """
    kinds = list(dict.fromkeys(kind for kind, _ in found))
    panels = []
    for figure, title in PANELS.items():
        curves: dict[str, list[tuple[int, Average]]] = {kind: [] for kind in kinds}
        for (kind, pairs), runs in sorted(found.items()):
            point = average([run.figures.test.get(figure) for run in runs])
            if point is not None:
                curves[kind].append((pairs, point))
        panels.append(Panel(title, curves))
    return _draw(panels, kinds)


def _draw(panels: Sequence[Panel], kinds: Sequence[str]) -> str:
    width, height = 2 * (_WIDTH + _GAP) + 16, 2 * (_HEIGHT + _GAP) + 32
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        x = _GAP + number % 2 * (_WIDTH + _GAP)
        y = 32 + number // 2 * (_HEIGHT + _GAP)
        parts += [f'<g transform="translate({x} {y})">', *_draw_panel(panel), "</g>"]
    for number, kind in enumerate(kinds):
        x, y = _GAP + number * 170, height - 14
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{_COLOURS[number]}"/>')
        parts.append(f'<text x="{x + 10}" y="{y}">{escape(kind)}</text>')
    parts.append(
        f'<text x="{width - 16}" y="{height - 14}" text-anchor="end" fill="#555">'
        "across: training pairs; bars: 95 % intervals</text>"
    )
    return "\n".join([*parts, "</svg>", ""])


def _draw_panel(panel: Panel) -> list[str]:
    points = [point for curve in panel.curves.values() for point in curve]
    parts = [f'<text x="0" y="-10" font-weight="bold">{escape(panel.title)}</text>']
    if not points:
        return [*parts, '<text x="0" y="20">undefined</text>']
    sizes = sorted({pairs for pairs, _ in points})
    lowest = math.floor(10 * min(point.low for _, point in points)) / 10
    highest = max(lowest + 0.1, math.ceil(10 * max(point.high for _, point in points)) / 10)
    span = math.log(sizes[-1] / sizes[0]) or 1.0

    def across(pairs: float) -> float:
        return 12 + math.log(pairs / sizes[0]) / span * (_WIDTH - 24)

    def down(value: float) -> float:
        return _HEIGHT * (highest - value) / (highest - lowest)

    for tenth in range(round(10 * lowest), round(10 * highest) + 1):
        y = down(tenth / 10)
        parts.append(f'<path d="M0 {y:.1f}H{_WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for pairs in sizes:
        parts.append(
            f'<text x="{across(pairs):.1f}" y="{_HEIGHT + 16}" text-anchor="middle">{pairs}</text>'
        )
    for number, curve in enumerate(panel.curves.values()):
        shift = 3 * (2 * number - 1)  # so that bars of two curves do not hide one another
        colour = _COLOURS[number]
        line = " ".join(f"{across(p) + shift:.1f},{down(v.value):.1f}" for p, v in curve)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for pairs, point in curve:
            x = across(pairs) + shift
            parts.append(
                f'<path d="M{x:.1f} {down(point.low):.1f}V{down(point.high):.1f}" '
                f'stroke="{colour}"/>'
            )
            parts.append(
                f'<circle cx="{x:.1f}" cy="{down(point.value):.1f}" r="3" fill="{colour}"/>'
            )
    return parts
