"""The main thing of a photo without any segmentation weights.

A classifier's class activation map says where the evidence for its classes lies (Zhou et al. 2016),
its middle features say what differs from the photo's border, a prior prefers the centre; the three
together seed GrabCut (Rother et al. 2004), which finds the outline.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.engine.images import Image
from stages.engine.masks import Mask
from stages.models.classifier import ImageNetClassifier
from stages.models.regions import largest_component

Array = NDArray[np.float32]

SIDE = 448
"""Side of the square in which evidence is gathered: twice the classifier's own, finer maps."""
WORK = 256
"""Longest side in which GrabCut runs."""
_TOP = 5
_MIDDLE, _LAST = 10, 15
"""Blocks of the classifier: stride 16, stride 32."""


def evidence(image: Image, classifier: ImageNetClassifier) -> tuple[Array, Array]:
    """Class activation (14, 14) of the likeliest classes, and how unlike the border (28, 28) is.

    Both in 0..1.
    """
    import torch

    from stages.models import efficientnet

    p = classifier.probabilities(image)
    top = np.argsort(-p, kind="stable")[:_TOP].copy()
    network = classifier.network
    square = np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    with torch.inference_mode():
        middle, last = network.features(efficientnet.to_tensor(square), (_MIDDLE, _LAST))
        head = torch.nn.functional.relu6(network._bn1(network._conv_head(last)))[0]
        weights = network._fc.weight[torch.from_numpy(top)] - network._fc.weight.mean(0)
        maps = torch.einsum("kc,chw->khw", weights, head).numpy()
    activation = np.maximum(np.tensordot(p[top] / p[top].sum(), maps, 1), 0)
    return unit(activation.astype(np.float32)), unit(unlike_border(middle[0].numpy()))


def unlike_border(features: Array) -> Array:
    """(C, H, W) features to (H, W): one minus the mean cosine with the likest border cells."""
    channels, height, width = features.shape
    rows = features.reshape(channels, -1).T
    rows = (rows - rows.mean(0)) / (rows.std(0) + 1e-6)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6
    rim = np.zeros((height, width), bool)
    rim[[0, -1]] = rim[:, [0, -1]] = True
    likeness = np.sort(rows @ rows[rim.ravel()].T, axis=1)
    nearest = max(likeness.shape[1] // 10, 1)
    return (1 - likeness[:, -nearest:].mean(1)).reshape(height, width).astype(np.float32)


def unit(values: Array) -> Array:
    """Stretched to 0..1; a constant map becomes zero."""
    low, span = float(values.min()), float(np.ptp(values))
    return (values - low) / span if span > 1e-9 else np.zeros_like(values)


def seeds(score: Array, blocked: Mask) -> NDArray[np.uint8]:
    """(H, W) scores to GrabCut's four classes; `blocked` pixels are background for sure.

    The split between likely and unlikely is Otsu's; the top twelfth is sure, and so is what does
    not pass half the split.
    """
    grey = np.round(np.clip(score, 0, 1) * 255).astype(np.uint8)
    split = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0] / 255
    out = np.full(score.shape, cv2.GC_PR_BGD, np.uint8)
    out[score > split] = cv2.GC_PR_FGD
    out[score > max(split, float(np.quantile(score, 11 / 12)))] = cv2.GC_FGD
    out[score <= split / 2] = cv2.GC_BGD
    out[blocked] = cv2.GC_BGD
    return out


def foreground(
    image: Image, classifier: ImageNetClassifier, exclude: Mask | None = None
) -> tuple[Mask, float]:
    """The main thing's (H, W) mask, in one piece without small holes, and a score in 0..1.

    The score is how much more evidence lies inside than outside. `exclude` (H, W) marks pixels that
    are known to be something else. The mask is empty when nothing stands out.
    """
    height, width = image.shape[:2]
    scale = min(1.0, WORK / max(height, width))
    size = (max(round(width * scale), 8), max(round(height * scale), 8))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    activation, difference = (
        cv2.resize(m, size, interpolation=cv2.INTER_CUBIC) for m in evidence(image, classifier)
    )
    ys, xs = np.mgrid[: size[1], : size[0]]
    away = ((xs / size[0] - 0.5) / 0.45) ** 2 + ((ys / size[1] - 0.5) / 0.45) ** 2
    score = (0.45 * activation + 0.35 * difference + 0.2 * np.exp(-away)).astype(np.float32)
    blocked = np.zeros(score.shape, bool)
    if exclude is not None:
        blocked = cv2.resize(exclude.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        score[blocked] = 0.0
    labels = seeds(score, blocked)
    if not (labels & 1).any():
        return np.zeros((height, width), bool), 0.0
    cv2.setRNGSeed(0)  # GrabCut's colour clusters start from OpenCV's generator
    picture = np.ascontiguousarray(small[..., ::-1])
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, labels, (0, 0, 0, 0), *models, 4, cv2.GC_INIT_WITH_MASK)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    opened = cv2.morphologyEx(labels & 1, cv2.MORPH_OPEN, disc).astype(bool)
    mask = _without_specks(largest_component(opened)) & ~blocked
    if not mask.any() or mask.all():
        return np.zeros((height, width), bool), 0.0
    contrast = float(score[mask].mean() - score[~mask].mean())
    full = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return full > 0.5, float(np.clip(2 * contrast, 0, 1))


def _without_specks(mask: Mask) -> Mask:
    """Holes of under a twentieth of the mask are filled; larger ones show what is behind."""
    background = (~mask).astype(np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    rim = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < 0.05 * mask.sum())
    return mask | np.isin(pieces, np.setdiff1d(small, np.append(rim, 0)))
