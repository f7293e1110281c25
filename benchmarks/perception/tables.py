"""Format figures as Markdown tables, one or two states side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.perception.labels import KINDS, LabelledPhoto
from benchmarks.perception.matching import box_overlaps, mask_overlap
from benchmarks.perception.score import GOOD_OVERLAP, Figures, Naming, Share
from benchmarks.quality.compare import make_table

NAMINGS: dict[Naming, str] = {
    "right": "name right",
    "coarse": "too coarse",
    "wrong": "wrong",
    "none": "nothing found",
}


def format_share(share: Share) -> str:
    """Format as ``12/16 = 75 % (51-90)``, or as a dash when the total is 0."""
    if not share.total:
        return "–"
    bounds = f"{100 * share.low:.0f}–{100 * share.high:.0f}"
    return f"{share.count}/{share.total} = {100 * share.value:.0f} % ({bounds})"


def list_figures(found: Figures) -> list[tuple[str, str]]:
    """List the names and values of one state; the names are the same for every state."""
    out = [(f"{kind}: recall", format_share(found.recall[kind])) for kind in KINDS]
    out += [(f"{kind}: precision", format_share(found.precision[kind])) for kind in KINDS]
    out += [
        ("foreground IoU: mean", f"{found.foreground_mean:.2f}"),
        ("foreground IoU: median", f"{found.foreground_median:.2f}"),
        (f"foreground IoU at least {GOOD_OVERLAP}", format_share(found.foreground_good)),
    ]
    out += [(f"main thing: {text}", str(found.naming.get(n, 0))) for n, text in NAMINGS.items()]
    out += [
        ("things where none is labelled", str(found.uncalled)),
        ("parts a photo", f"{found.parts / found.photos:.1f}"),
        ("… of them named", f"{(found.parts - found.positional) / found.photos:.1f}"),
        ("parts on the wrong thing", str(sum(found.misplaced.values()))),
    ]
    return out


def tabulate_figures(states: Sequence[tuple[str, Figures]]) -> str:
    """Make a table with a column for each state."""
    columns = [dict(list_figures(found)) for _, found in states]
    kinds = sorted({kind for _, found in states for kind in found.misplaced})
    lines = [[name, *(column[name] for column in columns)] for name in columns[0]]
    lines += [[f"… {kind}", *(str(f.misplaced.get(kind, 0)) for _, f in states)] for kind in kinds]
    return make_table([f"{states[0][1].photos} photos", *(name for name, _ in states)], lines)


def tabulate_calibration(found: Figures) -> str:
    """Make a table of score bins and their share of right predictions."""
    lines = [
        [f"{b.kind}, {b.low:g}–{b.high:g}", str(b.right.total), f"{b.mean_score:.2f}",
         format_share(b.right)]
        for b in found.calibration
    ]  # fmt: skip
    return make_table(["score", "predictions", "mean score", "right"], lines)


def tabulate_agreement(first: Iterable[LabelledPhoto], second: Iterable[LabelledPhoto]) -> str:
    """Make a table of the overlap of two labellings of the same photos: the labels' own error."""
    known = {photo.name: photo for photo in first}
    values: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "outlines")}
    for again in second:
        before = known[again.name]
        for kind in KINDS:
            boxes = [mark.box for mark in before.marks(kind)]
            if boxes and again.marks(kind):
                value = box_overlaps([mark.box for mark in again.marks(kind)], boxes)
                values[kind] += [float(v) for v in value.max(1)]
        shape = (before.height, before.width)
        masks = [photo.thing.mask(shape) if photo.thing else None for photo in (before, again)]
        if masks[0] is not None and masks[1] is not None:
            values["outlines"].append(mask_overlap(masks[0], masks[1]))
    lines = [
        [kind, str(len(v)), f"{np.mean(v):.2f}", f"{min(v):.2f}"] for kind, v in values.items() if v
    ]
    return make_table(["labelled twice", "count", "mean IoU", "minimum"], lines)
