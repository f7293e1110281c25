"""Make torchvision's CUDA wheel importable beside a CPU build of torch.

The registries' torchvision is built for CUDA. Beside a CPU build of torch its operator library does
not load, and ``import torchvision`` fails where it registers ``torchvision::nms``. `prepare`
declares that operator first, with a CPU kernel written in torch. Transforms, models, box operators
and `roi_align` (its Python path) then work; ``torchvision.io`` and deformable convolutions do not.
If torchvision's own operators load, `prepare` does nothing.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import torch

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_registered: list[Any] = []


def prepare() -> bool:
    """Make ``import torchvision`` work.

    Call it before importing model classes of transformers, diffusers, lpips or segment_anything.
    Repeated calls do nothing.

    Returns:
        True if the operators are declared here, False if torchvision has its own.
    """
    if not _registered and not _has_own_operators():
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(name + SCHEMA)
            library.impl(name, nms, "CPU")
        _registered.append(library)  # the registration lives as long as this object
        import torchvision.extension
        import torchvision.ops.boxes

        # boxes.nms checks this before it calls the operator, which now exists
        torchvision.ops.boxes._assert_has_ops = lambda: None
    return bool(_registered)


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Compute greedy non-maximum suppression like torchvision's CPU kernel.

    Args:
        boxes: (N, 4) as x1, y1, x2, y2.
        scores: (N,); of equal scores the earlier box comes first.
        iou_threshold: a box is dropped if its IoU with a kept box is above this.

    Returns:
        int64 indices of the kept boxes by falling score.
    """
    boxes = boxes.double()
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = scores.argsort(descending=True, stable=True)
    keep: list[torch.Tensor] = []
    while order.numel():
        first, rest = order[0], order[1:]
        keep.append(first)
        low = torch.maximum(boxes[first, :2], boxes[rest, :2])
        high = torch.minimum(boxes[first, 2:], boxes[rest, 2:])
        overlap = (high - low).clamp(min=0).prod(dim=1)
        order = rest[overlap <= iou_threshold * (area[first] + area[rest] - overlap)]
    return torch.stack(keep) if keep else order


def _has_own_operators() -> bool:
    """Return whether torchvision's own operators load, without importing the package."""
    if torch.version.cuda is not None or "torchvision" in sys.modules:
        return True
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True
    libraries = sorted(Path(spec.origin).parent.glob("_C*"))
    try:
        for library in libraries:
            torch.ops.load_library(str(library))
    except OSError:
        return False
    return bool(libraries)
