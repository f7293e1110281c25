"""Lets torchvision's CUDA wheel be imported beside a CPU torch.

The registries' torchvision is built for CUDA; next to a CPU torch its operator library does not
load, and then ``import torchvision`` fails where it describes ``torchvision::nms``. `prepare`
declares that operator, with a CPU kernel in torch, before torchvision asks for it. Transforms,
models, box operators and `roi_align` (its Python path) work then; ``torchvision.io`` and deformable
convolutions do not. On a torchvision whose operators load, `prepare` does nothing.
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
    """Make ``import torchvision`` work; call before model classes of transformers, diffusers, lpips
    or segment_anything are imported. Repeated calls do nothing.

    Returns:
        True when the operators are declared here, False when torchvision brings its own.
    """
    if not _registered and not _loads_itself():
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(name + SCHEMA)
            library.impl(name, nms, "CPU")
        _registered.append(library)  # the registration lives as long as this object
        import torchvision.extension
        import torchvision.ops.boxes

        # boxes.nms asks this before it calls the operator, which exists now
        torchvision.ops.boxes._assert_has_ops = lambda: None
    return bool(_registered)


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Greedy non-maximum suppression, as torchvision's CPU kernel does it.

    Args:
        boxes: (N, 4) as x1, y1, x2, y2.
        scores: (N,); among equals the earlier box goes first.
        iou_threshold: a box is dropped when its IoU with a kept one is above this.

    Returns:
        int64 indices of the kept boxes, best score first.
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


def _loads_itself() -> bool:
    """Whether torchvision's operators are there or will be, without importing the package."""
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
