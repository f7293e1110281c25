"""Aggregate the measures of a set as ArtiAgent's evaluators do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from applications.evaluation.metrics.texts import Embedder, cosines, rouge_l
from applications.evaluation.released.measures import Measures
from applications.evaluation.rows import Row

ALL_FLAWED = frozenset({"loki", "richhf", "synthscars"})
"""Forms whose pictures all count as flawed there, whatever the annotation says."""


def summarise(
    rows: Sequence[Row], form: str, embedder: Embedder | None
) -> Mapping[str, float | None]:
    """Return the figures by name; None where there is nothing to average.

    Args:
        rows: of one inspector, with `Row.released`.
        form: of the set.
        embedder: for CSS; None leaves it out.
    """
    pairs = [(_is_flawed(row, form), row, row.released) for row in rows if row.released]
    flawed = np.asarray([is_flawed for is_flawed, _, _ in pairs], dtype=bool)
    yes = np.asarray([measures.says_yes for _, _, measures in pairs], dtype=bool)
    positives = [measures for is_flawed, _, measures in pairs if is_flawed]
    # A clean picture without a prediction enters their mean as 0, one with a prediction does not.
    empty = [m for is_flawed, _, m in pairs if not is_flawed and not m.has_places]
    return {
        "accuracy": _mean(flawed == yes),
        "F1": _f1(flawed, yes),
        "macro F1": _mean([_f1(flawed, yes), _f1(~flawed, ~yes)]),
        "box IoU (eval.py)": _mean([m.box_iou for m in positives] + [0.0] * len(empty)),
        "box IoU (flawed only)": _mean([m.box_iou for m in positives]),
        "box F1 (flawed only)": _mean([m.box_f1 for m in positives]),
        "pixel IoU": _mean([m.pixel_iou for m in positives]),
        "pixel mIoU": _mean([m.pixel_miou for m in positives]),
        "pixel F1": _mean([m.pixel_f1 for m in positives]),
        **_texts(pairs, embedder),
    }


def _is_flawed(row: Row, form: str) -> bool:
    return form in ALL_FLAWED or row.example.label == "flawed"


def _texts(
    pairs: Sequence[tuple[bool, Row, Measures]], embedder: Embedder | None
) -> dict[str, float | None]:
    """Average over all pictures (eval.py) and over the flawed ones (multi_task_vqa_eval.py). A
    missing text or reference gives 0; a text of a picture that is called clean counts."""
    flawed = np.asarray([is_flawed for is_flawed, _, _ in pairs], dtype=bool)
    both = np.asarray([bool(row.example.text and row.text) for _, row, _ in pairs], dtype=bool)
    chosen = [row for (_, row, _), use in zip(pairs, both, strict=True) if use]
    values: dict[str, list[float]] = {
        "ROUGE-L": [rouge_l(row.example.text, row.text) for row in chosen]
    }
    if embedder is not None:
        values[f"CSS ({embedder.name})"] = cosines(
            [row.example.text for row in chosen], [row.text for row in chosen], embedder
        )
    found: dict[str, float | None] = {}
    for name, given in values.items():
        scores = np.zeros(len(pairs))
        scores[both] = given
        found[f"{name} (eval.py)"] = _mean(scores)
        found[f"{name} (flawed only)"] = _mean(scores[flawed])
    return found


def _f1(truth: np.ndarray, said: np.ndarray) -> float:
    both = int((truth & said).sum())
    return 2 * both / max(1, int(truth.sum()) + int(said.sum()))


def _mean(values: np.ndarray | Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
