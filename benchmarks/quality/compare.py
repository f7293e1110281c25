"""Compare the project's synthesis with pixel paste and latent paste, on the same mappings.

    python -m benchmarks.quality.compare [--side 512] [--per-tool 6]

Prints markdown: a table by tool for each method, and the seam classifier's accuracy. Pictures and
figures are cached under data/.quality; those whose code, params or weights have changed are made
again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import calibrate, cases
from benchmarks.quality.classifier import half_of, measure_accuracy
from benchmarks.quality.measure import Figures, Instruments, Summary, measure, summarize
from benchmarks.quality.network import MobileNet
from benchmarks.quality.renderers import Models, PixelPaste, Renderer, SynthesisRenderer
from benchmarks.quality.renderings import RenderedVariant, Renderings
from benchmarks.quality.seams import features
from benchmarks.stopping import UntilStopped
from stages.catalogue import load_params
from stages.engine.workspace import Workspace
from stages.inject.params import InjectParams
from stages.invert.params import InvertParams
from stages.models.judge.features import seams
from stages.models.metric.lpips import AlexLpips
from stages.records.source_index import source_index
from stages.tools import TOOLS

PROFILE = "compact"
HEADER = (
    "as intended",
    "visible",
    "LPIPS in mask",
    "seam contrast",
    "borders seen",
    "sharpness",
    "colour shift",
    "control taken for a flaw",
)


def make_parser(description: str) -> argparse.ArgumentParser:
    """Make a parser with the options of every command of this folder that renders."""
    parser = cases.make_parser(description)
    parser.add_argument("--tool", choices=TOOLS, nargs="*", default=TOOLS, help="only these")
    parser.add_argument("--per-tool", type=int, help="only so many mappings of each tool")
    parser.add_argument("--profile", default=PROFILE, help="profile of the flow model")
    return parser


def load_sections() -> tuple[InvertParams, InjectParams]:
    """Load the checkout's params of the invert and inject stages."""
    params = load_params(Workspace.find().root)
    invert, inject = params["invert"], params["inject"]
    assert isinstance(invert, InvertParams) and isinstance(inject, InjectParams)  # noqa: S101
    return invert, inject


def make_renderers(models: Models) -> list[Renderer]:
    """Make our renderer and the two that it must beat, with the checkout's params."""
    invert, inject = load_sections()
    return [
        SynthesisRenderer("ours", models, invert, inject),
        PixelPaste(inject),
        SynthesisRenderer("latent paste", models, invert, inject, transformer=False),
    ]


def format_cells(found: Summary) -> list[str]:
    """Format a summary in the order of `HEADER`."""
    return [
        f"{found.intended:.0%}",
        f"{found.visible:.0%}",
        f"{found.lpips:.3f}",
        f"{found.contrast:+.2f}",
        f"{found.seen:.0%}",
        f"{found.sharpness:.2f}",
        f"{found.colour:.1f}",
        f"{found.control_intended:.0%}",
    ]


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a Markdown table."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tabulate_by_tool(found: list[Figures]) -> list[list[str]]:
    """Make a row for each tool and one for all."""
    groups = {tool: [row for row in found if row.tool == tool] for tool in TOOLS}
    return [
        [tool, str(len(rows)), *format_cells(summarize(rows))]
        for tool, rows in {**groups, "all": found}.items()
        if rows
    ]


def border_features(
    rendered: RenderedVariant,
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Compute seam features of the torn borders in the photo and in the picture."""
    grid = rendered.case.window.grid
    torn = seams.find_torn_borders(source_index(rendered.variant, grid), grid)
    windows = (rendered.window("photo"), rendered.window("artifact"))
    real, made = (
        [features(strip) for strip in seams.cut_strips(window, torn)] for window in windows
    )
    return real, made


def classify_borders(found: Renderings) -> tuple[float, int]:
    """Return the seam classifier's accuracy on a method's pictures, and the number of borders."""
    real, made, halves = [], [], []
    for rendered in found:
        if rendered.crop is not None:
            before, after = border_features(rendered)
            real, made = real + before, made + after
            halves += [half_of(rendered.case.key)] * len(before)
    return measure_accuracy(np.array(real), np.array(made), np.array(halves)), len(halves)


def main() -> None:
    """Print the tables."""
    args = make_parser("Compare ours with pixel paste and latent paste.").parse_args()
    found = cases.load(args.side, args.tool, args.per_tool)
    models = Models(args.profile, args.folder)
    thresholds = calibrate.load(args.side)
    instruments = Instruments(MobileNet(), AlexLpips(), thresholds)
    accuracies, flaws = [], UntilStopped[Figures](())
    for renderer in make_renderers(models):
        pictures = Renderings(renderer, found, args.folder, args.shards)
        flaws = UntilStopped(measure(pictures, instruments, args.folder))
        rows = tabulate_by_tool(list(flaws))
        table = make_table(["tool", "flaws", *HEADER], rows)
        print(f"\n**{renderer.name}**\n\n{table}", flush=True)
        if flaws.stopped:
            break
        accuracy, count = classify_borders(pictures)
        accuracies.append([renderer.name, str(count), f"{accuracy:.1%}"])
    print("\n" + make_table(["method", "borders", "told from the photo's"], accuracies))
    flaws.exit_if_stopped()


if __name__ == "__main__":
    main()
