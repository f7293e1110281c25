"""Vary one parameter of the synthesis at a time around params.yaml.

    python -m benchmarks.quality.ablate [--knob t_s] [--side 512] [--per-tool 6]

Prints a markdown table for each parameter. The pictures and figures of each setting are cached
under data/.quality, so a run that was stopped continues where it stopped, and settings that several
tables share are rendered once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.quality import calibrate, cases
from benchmarks.quality.compare import classify_borders, load_sections, make_parser, make_table
from benchmarks.quality.measure import Figures, Instruments, Summary, measure, summarize
from benchmarks.quality.network import MobileNet
from benchmarks.quality.renderers import Models, SynthesisRenderer
from benchmarks.quality.renderings import Renderings
from benchmarks.stopping import UntilStopped
from stages.inject.params import InjectParams
from stages.models.metric.lpips import AlexLpips
from stages.tools import TOOLS

KNOBS: Mapping[str, tuple[Any, ...]] = {
    "positions.steps": (0.0, 0.25, 0.5, 1.0),
    "values.steps": (0.0, 0.5, 1.0),
    "values.single": (0.25, 0.5, 1.0),
    "t_s": (0.3, 0.5, 0.65, 0.8, 0.9, 1.0),
    "rho": (0.0, 0.25, 0.5, 1.0),
    "repeat_rho": (0.0, 0.5, 1.0),
    "margin": (0, 1, 2),
}
"""Dotted name in section ``inject`` to the values tried; a value applies to all tools. ``rho: 1.0``
at ``t_s: 1.0`` disables the gather of the start latent: targets start from fresh noise."""

HEAD = ("intended", "borders seen", "sharpness", "colour shift", "told apart")


def change(params: InjectParams, knob: str, value: Any) -> InjectParams:
    """Return the params with one value changed."""
    section, _, name = knob.rpartition(".")
    numbers = params.model_dump()
    (numbers[section] if section else numbers)[name] = value
    return InjectParams.model_validate(numbers)


def get_value(params: InjectParams, knob: str) -> Any:
    """Return the value of a knob."""
    found: Any = params
    for name in knob.split("."):
        found = getattr(found, name)
    return found


def list_settings(params: InjectParams, knob: str) -> Iterator[tuple[str, InjectParams]]:
    """Yield labels and params of a knob's table: the default, then the values that differ."""
    default = get_value(params, knob)
    yield f"{default} (default)", params
    for value in KNOBS[knob]:
        if value != default:
            yield str(value), change(params, knob, value)


def format_cells(found: list[Figures], accuracy: float) -> list[str]:
    """Format intended, seam contrast and LPIPS by tool, and the columns of `HEAD` for all tools."""
    out = []
    for tool in TOOLS:
        rows = [row for row in found if row.tool == tool]
        out.append(_format_tool(summarize(rows)) if rows else "")
    s = summarize(found)
    rest = [f"{s.intended:.0%}", f"{s.seen:.0%}", f"{s.sharpness:.2f}", f"{s.colour:.1f}"]
    return [*out, *rest, f"{accuracy:.0%}"]


def _format_tool(s: Summary) -> str:
    return f"{s.intended:.0%} / {s.contrast:+.2f} / {s.lpips:.2f}"


def main() -> None:
    """Print the tables."""
    parser = make_parser("Vary one parameter at a time.")
    parser.add_argument("--knob", choices=KNOBS, nargs="*", default=list(KNOBS))
    args = parser.parse_args()
    found = cases.load(args.side, args.tool, args.per_tool)
    models = Models(args.profile, args.folder)
    instruments = Instruments(MobileNet(), AlexLpips(), calibrate.load(args.side))
    invert, inject = load_sections()
    print("Cells of a tool: as intended / seam contrast / LPIPS of flaw and control in the mask.")

    def measure_rows(knob: str) -> Iterator[list[str]]:
        for label, params in list_settings(inject, knob):
            renderer = SynthesisRenderer(label, models, invert, params)
            pictures = Renderings(renderer, found, args.folder, args.shards)
            figures = list(measure(pictures, instruments, args.folder))
            yield [label, *format_cells(figures, classify_borders(pictures)[0])]

    for knob in args.knob:
        rows = UntilStopped(measure_rows(knob))
        print(f"\n{make_table([f'`{knob}`', *TOOLS, *HEAD], rows)}", flush=True)
        rows.exit_if_stopped()


if __name__ == "__main__":
    main()
