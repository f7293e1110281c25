"""The factory's synthesis beside pixel paste and latent paste, on the same mappings.

    python -m benchmarks.quality.compare [--side 512]

Prints markdown: a table by tool for each method, and the seam classifier's accuracy. Everything
rendered and measured is kept under data/.quality; what changed since is done again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import calibrate, cases
from benchmarks.quality.classifier import accuracy, half
from benchmarks.quality.measure import Figures, Instruments, Summary, measure, summary
from benchmarks.quality.network import MobileNet
from benchmarks.quality.renderers import Factory, Models, PixelPaste, Renderer
from benchmarks.quality.renderings import Renderings, Shown
from benchmarks.quality.seams import features
from benchmarks.stopping import UntilStopped
from stages.catalogue import load_params
from stages.engine.workspace import Workspace
from stages.inject.params import InjectParams
from stages.inject.tokens import source_index
from stages.invert.params import InvertParams
from stages.models.judge.features import seams
from stages.models.metric.lpips import AlexLpips
from stages.records.documents import TOOLS

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


def arguments(description: str) -> argparse.ArgumentParser:
    """What every command of this folder that renders takes."""
    parser = cases.arguments(description)
    parser.add_argument("--tool", choices=TOOLS, nargs="*", default=TOOLS, help="only these")
    parser.add_argument("--profile", default=PROFILE, help="whose flow model renders")
    return parser


def sections() -> tuple[InvertParams, InjectParams]:
    """The checkout's params of the two stages."""
    params = load_params(Workspace.find().root)
    invert, inject = params["invert"], params["inject"]
    assert isinstance(invert, InvertParams) and isinstance(inject, InjectParams)  # noqa: S101
    return invert, inject


def methods(models: Models) -> list[Renderer]:
    """Ours and the two that it must beat, with the checkout's params."""
    invert, inject = sections()
    return [
        Factory("ours", models, invert, inject),
        PixelPaste(inject),
        Factory("latent paste", models, invert, inject, transformer=False),
    ]


def cells(found: Summary) -> list[str]:
    """A summary in the order of `HEADER`."""
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


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_tool(found: list[Figures]) -> list[list[str]]:
    """A row a tool and one for all."""
    groups = {tool: [row for row in found if row.tool == tool] for tool in TOOLS}
    return [
        [tool, str(len(rows)), *cells(summary(rows))]
        for tool, rows in {**groups, "all": found}.items()
        if rows
    ]


def borders(shown: Shown) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Seam features of the torn borders in the photo and in the picture."""
    grid = shown.case.window.grid
    torn = seams.torn(source_index(shown.variant, grid), grid)
    windows = (shown.window("photo"), shown.window("artifact"))
    real, made = ([features(strip) for strip in seams.strips(window, torn)] for window in windows)
    return real, made


def told_apart(found: Renderings) -> tuple[float, int]:
    """The seam classifier's accuracy on a method's pictures, and the number of borders."""
    real, made, halves = [], [], []
    for shown in found:
        if shown.crop is not None:
            before, after = borders(shown)
            real, made = real + before, made + after
            halves += [half(shown.case.key)] * len(before)
    return accuracy(np.array(real), np.array(made), np.array(halves)), len(halves)


def main() -> None:
    """Print the tables."""
    given = arguments("Ours beside pixel paste and latent paste.").parse_args()
    found = cases.load(given.side, given.tool)
    models = Models(given.profile, given.folder)
    thresholds = calibrate.load(given.side)
    instruments = Instruments(MobileNet(), AlexLpips(), thresholds)
    told, flaws = [], UntilStopped[Figures](())
    for renderer in methods(models):
        pictures = Renderings(renderer, found, given.folder, given.shards)
        flaws = UntilStopped(measure(pictures, instruments, given.folder))
        rows = by_tool(list(flaws))
        print(f"\n**{renderer.name}**\n\n{table(['tool', 'flaws', *HEADER], rows)}", flush=True)
        if flaws.stopped:
            break
        share, count = told_apart(pictures)
        told.append([renderer.name, str(count), f"{share:.1%}"])
    print("\n" + table(["method", "borders", "told from the photo's"], told))
    flaws.leave()


if __name__ == "__main__":
    main()
