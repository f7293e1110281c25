"""Rotated square crops (regions of interest) and masks drawn from points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.records.masks import Mask

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Roi:
    """A square of side `size` around (`x`, `y`) in photo pixels, turned by `angle` radians.

    A positive angle turns clockwise on the screen (x to the right, y down).
    """

    x: float
    y: float
    size: float
    angle: float = 0.0

    def to_photo(self, points: Array, side: float = 1.0) -> Array:
        """Convert (N, 2) crop coordinates in 0..`side` to photo pixels."""
        local = (np.asarray(points, np.float64) / side - 0.5) * self.size
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turned = local @ np.array([[cos, sin], [-sin, cos]])
        return (turned + np.array([self.x, self.y])).astype(np.float32)

    def to_crop(self, points: Array, side: float = 1.0) -> Array:
        """Convert (N, 2) photo pixels to crop coordinates in 0..`side`: inverse of `to_photo`."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        local = (np.asarray(points, np.float64) - np.array([self.x, self.y])) @ np.array(
            [[cos, -sin], [sin, cos]]
        )
        return ((local / self.size + 0.5) * side).astype(np.float32)

    def _affine(self, side: int) -> NDArray[np.float64]:
        corners = np.array([[0, 0], [side, 0], [0, side]], np.float32)
        # in cv2 integers are pixel centres, in crop coordinates they are pixel edges
        matrix = cv2.getAffineTransform(self.to_photo(corners, side) - 0.5, corners - 0.5)
        return np.asarray(matrix, np.float64)

    def cut(self, image: NDArray[np.uint8], side: int) -> Array:
        """Cut the crop as (side, side, 3) float32 in 0..1; black outside the photo."""
        # blurring first avoids aliasing when a large region is sampled
        step = int(self.size / side)
        source = cv2.blur(image, (step, step)) if step > 1 else image
        crop = cv2.warpAffine(source, self._affine(side), (side, side), flags=cv2.INTER_LINEAR)
        return crop.astype(np.float32) / 255.0

    def paste(self, values: Array, shape: tuple[int, int]) -> Array:
        """Paste a map (S, S) of this crop into an (H, W) map of the photo, zero elsewhere."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        matrix = self._affine(values.shape[0])
        out = cv2.warpAffine(values, matrix, (shape[1], shape[0]), flags=flags)
        return np.asarray(out, np.float32)


def roi_angle(start: Array, end: Array, target: float) -> float:
    """Return the angle of a `Roi` in which the arrow start -> end points to `target` radians.

    `target` is measured counter-clockwise from the x axis: pi/2 is upright. This is the rotation of
    MediaPipe's DetectionsToRects.
    """
    turn = target - math.atan2(-(float(end[1]) - float(start[1])), float(end[0]) - float(start[0]))
    return (turn + math.pi) % (2 * math.pi) - math.pi


def fill_polygon(points: Array, shape: tuple[int, int]) -> Mask:
    """Return the (H, W) mask of the closed polygon through (N, 2) points in photo pixels."""
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.floor(points).astype(np.int32)], 1)
    return canvas.astype(bool)


def fill_hull(points: Array, shape: tuple[int, int]) -> Mask:
    """Return the (H, W) mask of the convex hull of (N, 2) points in photo pixels."""
    outline = cv2.convexHull(np.asarray(points, np.float32))
    return fill_polygon(np.asarray(outline[:, 0], np.float32), shape)


def fill_capsules(points: Array, radii: Array, shape: tuple[int, int]) -> Mask:
    """Return the (H, W) mask of rounded cones through (N, 2) points with (N,) radii, in pixels."""
    canvas = np.zeros(shape, np.uint8)
    for (a, b), (ra, rb) in zip(pairwise(points), pairwise(radii), strict=True):
        for centre, radius in ((a, ra), (b, rb)):
            x, y = (math.floor(float(v)) for v in centre)
            cv2.circle(canvas, (x, y), max(round(float(radius)), 1), 1, -1)
        axis = np.asarray(b, np.float64) - a
        length = float(np.hypot(*axis))
        if length > 0:
            normal = np.array([-axis[1], axis[0]]) / length
            quad = np.array([a + normal * ra, b + normal * rb, b - normal * rb, a - normal * ra])
            cv2.fillPoly(canvas, [np.floor(quad).astype(np.int32)], 1)
    return canvas.astype(bool)
