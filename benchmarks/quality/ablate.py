"""One knob of the synthesis at a time, varied around params.yaml.

    python -m benchmarks.quality.ablate [--knob t_s] [--side 512]

Prints a markdown table a knob. Each setting's pictures and figures are kept under data/.quality, so
a run that was stopped goes on where it was, and settings that several tables share are made once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.quality import calibrate, cases
from benchmarks.quality.compare import arguments, sections, table, told_apart
from benchmarks.quality.measure import Figures, Instruments, measure, summary
from benchmarks.quality.network import MobileNet
from benchmarks.quality.renderers import Factory, Models
from benchmarks.quality.renderings import Renderings
from benchmarks.stopping import UntilStopped
from stages.inject.params import InjectParams
from stages.models.metric.lpips import AlexLpips
from stages.records.documents import TOOLS

KNOBS: Mapping[str, tuple[Any, ...]] = {
    "positions.steps": (0.0, 0.25, 0.5, 1.0),
    "values.steps": (0.0, 0.5, 1.0),
    "values.single": (0.25, 0.5, 1.0),
    "t_s": (0.3, 0.5, 0.65, 0.8, 0.9, 1.0),
    "rho": (0.0, 0.25, 0.5, 1.0),
    "repeat_rho": (0.0, 0.5, 1.0),
    "margin": (0, 1, 2),
}
"""Dotted name in section ``inject`` to the values tried; each stands for all tools. ``rho: 1.0`` at
``t_s: 1.0`` switches the start latent's gather off: targets start from fresh noise."""

HEAD = ("intended", "borders seen", "sharpness", "colour shift", "told apart")


def changed(params: InjectParams, knob: str, value: Any) -> InjectParams:
    """The params with one value changed."""
    section, _, name = knob.rpartition(".")
    numbers = params.model_dump()
    (numbers[section] if section else numbers)[name] = value
    return InjectParams.model_validate(numbers)


def get(params: InjectParams, knob: str) -> Any:
    """The value of a knob."""
    found: Any = params
    for name in knob.split("."):
        found = getattr(found, name)
    return found


def settings(params: InjectParams, knob: str) -> Iterator[tuple[str, InjectParams]]:
    """Labels and params of a knob's table: the default first, then what differs from it."""
    default = get(params, knob)
    yield f"{default} (default)", params
    for value in KNOBS[knob]:
        if value != default:
            yield str(value), changed(params, knob, value)


def cells(found: list[Figures], told: float) -> list[str]:
    """By tool: intended, seam contrast, LPIPS; for all what `HEAD` says."""
    out = []
    for tool in TOOLS:
        rows = [row for row in found if row.tool == tool]
        s = summary(rows)
        out.append(f"{s.intended:.0%} / {s.contrast:+.2f} / {s.lpips:.2f}" if rows else "")
    s = summary(found)
    rest = [f"{s.intended:.0%}", f"{s.seen:.0%}", f"{s.sharpness:.2f}", f"{s.colour:.1f}"]
    return [*out, *rest, f"{told:.0%}"]


def main() -> None:
    """Print the tables."""
    parser = arguments("One knob at a time.")
    parser.add_argument("--knob", choices=KNOBS, nargs="*", default=list(KNOBS))
    given = parser.parse_args()
    found, models = cases.load(given.side, given.tool), Models(given.profile, given.folder)
    instruments = Instruments(MobileNet(), AlexLpips(), calibrate.load(given.side))
    invert, inject = sections()
    print("Cells of a tool: as intended / seam contrast / LPIPS flaw to control in the mask.")

    def measured(knob: str) -> Iterator[list[str]]:
        for label, params in settings(inject, knob):
            renderer = Factory(label, models, invert, params)
            pictures = Renderings(renderer, found, given.folder, given.shards)
            figures = list(measure(pictures, instruments, given.folder))
            yield [label, *cells(figures, told_apart(pictures)[0])]

    for knob in given.knob:
        rows = UntilStopped(measured(knob))
        print(f"\n{table([f'`{knob}`', *TOOLS, *HEAD], rows)}", flush=True)
        rows.leave()


if __name__ == "__main__":
    main()
