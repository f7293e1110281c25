import subprocess
import sys

import numpy as np
import pytest
import torch

from stages.models.networks import torchvision_import


def reference_nms(boxes, scores, threshold):
    """The textbook loop with Python floats."""
    kept = []
    for index in np.argsort(-scores, kind="stable"):
        x0, y0, x1, y1 = boxes[index]
        for other in kept:
            a0, b0, a1, b1 = boxes[other]
            overlap = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
            union = (x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - overlap
            if overlap > threshold * union:
                break
        else:
            kept.append(index)
    return [int(i) for i in kept]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_nms_equals_a_plain_reference(seed, threshold):
    torchvision_import.prepare()
    import torchvision

    random = np.random.default_rng(seed)
    corner = random.integers(0, 60, (80, 2))
    boxes = np.concatenate([corner, corner + random.integers(1, 40, (80, 2))], 1).astype(float)
    scores = random.permutation(80) / 80
    kept = torchvision.ops.nms(torch.tensor(boxes), torch.tensor(scores), threshold)
    assert kept.dtype == torch.int64
    assert kept.tolist() == reference_nms(boxes, scores, threshold)


def test_no_boxes_give_no_indices():
    kept = torchvision_import.nms(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert kept.shape == (0,) and kept.dtype == torch.int64


def test_the_earlier_of_equal_scores_is_kept():
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0]] * 3)
    assert torchvision_import.nms(boxes, torch.ones(3), 0.5).tolist() == [0]


def test_classes_do_not_suppress_each_other():
    torchvision_import.prepare()
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.0]])
    scores = torch.tensor([0.5, 0.9])
    assert torchvision.ops.batched_nms(boxes, scores, torch.tensor([0, 1]), 0.5).tolist() == [1, 0]
    assert torchvision.ops.batched_nms(boxes, scores, torch.tensor([1, 1]), 0.5).tolist() == [1]


def test_the_model_packages_import_after_prepare():
    """Use a fresh interpreter, because the first import has to work."""
    code = (
        "from stages.models.networks import torchvision_import as t; first = t.prepare(); "
        "import lpips, segment_anything, torchvision; "
        "assert t.prepare() == first"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nothing_is_declared_if_torchvisions_operators_load(monkeypatch):
    monkeypatch.setattr(torchvision_import, "_registered", [])
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert torchvision_import.prepare() is False
    assert torchvision_import._registered == []
