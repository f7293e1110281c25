"""From a picture to what the compact inspector finds in it: a score, a heat map and regions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from applications.inspectors.compact.network import InspectorNetwork, pooled_evidence
from stages.models.networks.efficientnet import to_tensor
from stages.records.documents import Box
from stages.records.images import Image
from stages.tools import TOOLS

MULTIPLE = 32
"""Sides of the network's input are multiples of this, and at least twice it."""
MAX_ASPECT = 4
"""Pictures with more pixels than one of this aspect ratio are scaled down to as many."""


@dataclass(frozen=True)
class Heat:
    """What the network says about a picture, at the picture's size."""

    score: float
    """Logit that the picture is flawed, before calibration."""
    mask: NDArray[np.float32]
    """(H, W): probability that a pixel belongs to a flaw, before calibration."""
    tools: NDArray[np.uint8]
    """(H, W): index of the most probable tool."""


@dataclass(frozen=True)
class Region:
    """A found flaw."""

    box: Box
    score: float
    """Highest probability of its pixels."""
    tool: str
    pixels: int


def compute_heat(network: InspectorNetwork, picture: Image, short_side: int) -> Heat:
    """Run the network on a picture.

    Args:
        network: in evaluation mode.
        picture: (H, W, 3) uint8 sRGB.
        short_side: pictures with a longer short side are scaled down to it.
    """
    height, width = picture.shape[:2]
    area = (MAX_ASPECT * short_side**2 / (height * width)) ** 0.5
    scale = min(1.0, short_side / min(height, width), area)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = picture
    if size != (width, height):
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    bottom, right = (max(-side % MULTIPLE, 2 * MULTIPLE - side) for side in (size[1], size[0]))
    padded = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
    with torch.inference_mode():
        x = to_tensor(np.asarray(padded, np.uint8)).contiguous(memory_format=torch.channels_last)
        maps = network(x)
        score = float(pooled_evidence(maps.evidence)[0])
        mask = maps.mask[0].sigmoid().numpy()
        tools = maps.tools[0].argmax(0).numpy().astype(np.uint8)
    full = padded.shape[1], padded.shape[0]
    spread = cv2.resize(mask, full)
    wide = cv2.resize(tools, full, interpolation=cv2.INTER_NEAREST)
    spread, wide = spread[: size[1], : size[0]], wide[: size[1], : size[0]]
    if size != (width, height):
        spread = cv2.resize(spread, (width, height))
        wide = cv2.resize(wide, (width, height), interpolation=cv2.INTER_NEAREST)
    return Heat(score, np.asarray(spread), np.asarray(wide))


def find_regions(heat: Heat, threshold: float, min_share: float = 0.0003) -> list[Region]:
    """Cut the heat map at a threshold into regions, the most probable first.

    Args:
        heat: of a picture.
        threshold: minimum probability of a pixel.
        min_share: minimum share of the picture that a region covers.
    """
    binary = (heat.mask >= threshold).astype(np.uint8)
    side = max(3, round(min(binary.shape) / 60)) | 1
    closed = cv2.morphologyEx(binary, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(closed)
    regions: list[Region] = []
    for index in range(1, count):
        x, y, w, h = (int(v) for v in stats[index, :4])
        inside = (pieces[y : y + h, x : x + w] == index) & (binary[y : y + h, x : x + w] > 0)
        if inside.sum() < min_share * binary.size:
            continue
        tools = heat.tools[y : y + h, x : x + w][inside]
        regions.append(
            Region(
                box=(x, y, x + w, y + h),
                score=float(heat.mask[y : y + h, x : x + w][inside].max()),
                tool=TOOLS[int(np.bincount(tools, minlength=len(TOOLS)).argmax())],
                pixels=int(inside.sum()),
            )
        )
    return sorted(regions, key=lambda region: -region.score)
