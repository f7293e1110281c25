"""What the checks share. They run in the libraries' environments, without flawfactory.

    python with_LIBRARY.py EXPORTS RESULT

EXPORTS is the folder that `benchmarks.loaders.exported` wrote, RESULT the JSON file to write.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

EXPORTS = Path(sys.argv[1])
_BOX = re.compile(r"\[(\d+), (\d+), (\d+), (\d+)\]")


class Report:
    """Collects what was checked of one library."""

    def __init__(self, library: str) -> None:
        self.library, self.rows = library, 0
        self._checks: list[dict[str, object]] = []

    def check(self, what: str, passed: object, detail: object = "") -> None:
        """Note the result of one check."""
        self._checks.append({"what": what, "passed": bool(passed), "detail": str(detail)})

    def write(self) -> None:
        """Write the result file."""
        found = {
            "library": self.library,
            "version": version(self.library),
            "rows": self.rows,
            "checks": self._checks,
        }
        Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")


def read_pictures() -> dict[str, dict]:
    """Return what every exported picture shows, by its name."""
    return json.loads((EXPORTS / "truth-pictures.json").read_bytes())


def read_conversations(export: str) -> dict[str, dict]:
    """Return the conversations of an export, by their ids."""
    return json.loads((EXPORTS / f"{export}.truth.json").read_bytes())


def decode_mask(counts: list[int], size: list[int]) -> np.ndarray:
    """Return the (H, W) mask of COCO's uncompressed run lengths; `size` is width and height."""
    values = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return values.reshape(size[0], size[1]).T


def mask_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over union of two masks."""
    return float((a & b).sum() / max(1, (a | b).sum()))


def box_iou(a, b) -> float:
    """Return the intersection over union of two boxes x0, y0, x1, y1."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (sum(areas) - width * height)


class Boxes:
    """Compares the boxes of trained texts with the flaws' boxes on the pictures as models see them.

    Args:
        thousandths: boxes are shares of the picture times 1000; else pixels.
    """

    def __init__(self, thousandths: bool) -> None:
        self._thousandths = thousandths
        self.count, self.exact, self.drawn = 0, 1.0, 1.0

    def compare(self, text: str, truth: dict, sizes: list[tuple[int, int]]) -> None:
        """Compare the boxes of one conversation's text, in order.

        Args:
            text: question and answer.
            truth: the conversation.
            sizes: width and height of its pictures as the model sees them.
        """
        found = [[int(side) for side in box] for box in _BOX.findall(text)]
        if len(found) != len(truth["boxes"]):
            raise AssertionError(f"{len(found)} boxes for {len(truth['boxes'])} flaws: {text}")
        for box, flaw in zip(found, truth["boxes"], strict=True):
            size = sizes[flaw["number"]]
            scale = [side / 1000 if self._thousandths else 1.0 for side in (*size, *size)]
            seen = [side * factor for side, factor in zip(box, scale, strict=True)]
            exact = [share * size[i % 2] for i, share in enumerate(flaw["share"])]
            self.count += 1
            self.exact = min(self.exact, box_iou(seen, exact))
            self.drawn = min(self.drawn, box_iou([round(s) for s in seen], snap(exact)))

    def report(self, report: Report, name: str) -> None:
        """Note the minimum over all boxes; drawn in whole pixels it must be at least 0.98."""
        detail = f"{self.count} boxes, minimum {self.drawn:.3f}; before rounding {self.exact:.3f}"
        report.check(f"{name}: IoU of boxes", self.count and self.drawn >= 0.98, detail)


def snap(box: list[float]) -> list[int]:
    """Round a box to whole pixels; at least one is left."""
    x0, y0, x1, y1 = (round(side) for side in box)
    return [x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)]


def find_sizes(batch, processor) -> list[tuple[int, int]]:
    """Return width and height of a batch's pictures as Qwen's models see them; else nothing."""
    patch = getattr(processor.image_processor, "patch_size", 0)
    return [(int(w) * patch, int(h) * patch) for _, h, w in batch.get("image_grid_thw", ())]


def split_turns(text: str) -> tuple[str, str]:
    """Return the last question and answer of a prompt in ChatML, without picture tokens."""
    for token in ("vision_start", "vision_end", "image_pad"):
        text = text.replace(f"<|{token}|>", "")
    for token in ("<img>", "</img>", "<IMG_CONTEXT>"):
        text = text.replace(token, "")
    question, answer = text.split("<|im_start|>user\n")[-1].split("<|im_start|>assistant\n")
    return question.split("<|im_end|>")[0].strip(), answer.split("<|im_end|>")[0].strip()


def same_texts(text: str, truth: dict) -> bool:
    """Return whether a trained text's question and answer are those of a conversation."""
    return split_turns(text) == (truth["question"].replace("<image>", "").strip(), truth["answer"])
