"""Find ears, eyebrows and neck: located by the face mesh, confirmed by the photo's colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stages.models.perceiver.people.face import CHIN, FOREHEAD, NOSE_TIP, Face
from stages.models.perceiver.people.geometry import Array, Roi, fill_hull, fill_polygon
from stages.models.perceiver.regions import Region, largest_component
from stages.records.images import Image
from stages.records.masks import Mask

BROWS = {
    "left eyebrow": (276, 283, 282, 295, 285, 336, 296, 334, 293, 300),
    "right eyebrow": (46, 53, 52, 65, 55, 107, 66, 105, 63, 70),
}
_ABOVE_BROW = {"left eyebrow": (333, 298), "right eyebrow": (104, 68)}
_TEMPLES = {"left ear": (447, 345, 352, 376, 366), "right ear": (227, 116, 123, 147, 137)}
"""Vertices of the cheek next to the ear, in the same light."""
_LOWER = (205, 425, 207, 427, 187, 411, 192, 416, 50, 280)
"""Vertices of the cheeks above the jaw."""
_EARS = {"left ear": (454, 356, 361, 1), "right ear": (234, 127, 132, -1)}
"""Vertices of the outline at ear, brow and mouth; direction of the ear along the face's x axis."""
_JAW = (172, 397)
_EAR = (0.55, 0.95)
"""Band for the share of an ear's ellipse that looks like skin. The ellipse is slightly larger than
an ear: if all of it looks like skin, it is skin-coloured hair (in all 5 cases seen)."""
_NECK = 0.6
"""Minimum share of a neck's area that looks like skin."""


@dataclass(frozen=True)
class Skin:
    """Skin colour of one person's face in CIE Lab."""

    mean: Array
    """(3,)"""
    spread: Array
    """(3,)"""

    @classmethod
    def sample(cls, image: Image, face: Face, vertices: tuple[int, ...]) -> Skin | None:
        """Sample small discs around `vertices`; None in a grey photo."""
        lab = _lab(image)
        radius = max(1, round(0.04 * face.size))
        canvas = np.zeros(lab.shape[:2], np.uint8)
        for x, y in np.floor(face.points[list(vertices)]).astype(int):
            cv2.circle(canvas, (int(x), int(y)), radius, 1, -1)
        pixels = lab[canvas.astype(bool)]
        if len(pixels) < 20:
            return None
        mean = np.median(pixels, axis=0)
        spread = 1.5 * np.median(np.abs(pixels - mean), axis=0) + (8, 2.5, 2.5)
        # brightness alone, as in a grey photo, does not distinguish skin from cloth
        coloured = float(np.hypot(mean[1], mean[2])) >= 6
        return cls(mean, spread) if coloured else None

    def match(self, image: Image) -> Mask:
        """Return the pixels that may be skin, (H, W); tolerates shadow, but no other hue."""
        away = (_lab(image) - self.mean) / self.spread
        return (np.abs(away[..., 0]) < 2.5) & (np.hypot(away[..., 1], away[..., 2]) < 2)


def _lab(image: Image) -> Array:
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(lab, np.float32)


def find_eyebrows(face: Face, image: Image, body: Mask) -> list[Region]:
    """Find eyebrows that are darker than the forehead above them; a fringe hides both."""
    shape = (body.shape[0], body.shape[1])
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    out = []
    for name, vertices in BROWS.items():
        mask = fill_hull(face.points[list(vertices)], shape) & body
        above = np.zeros(shape, np.uint8)
        for x, y in np.floor(face.points[list(_ABOVE_BROW[name])]).astype(int):
            cv2.circle(above, (int(x), int(y)), max(1, round(0.05 * face.size)), 1, -1)
        forehead = above.astype(bool) & body
        if mask.sum() < 12 or not forehead.any():
            continue
        contrast = 1 - float(grey[mask].mean()) / max(float(grey[forehead].mean()), 1.0)
        score = face.score * face.frontality(vertices) * float(np.clip(contrast / 0.15, 0, 1))
        if score >= 0.3:
            out.append(Region(name, "eyebrow", score, mask))
    return out


def find_ears(face: Face, image: Image, body: Mask) -> list[Region]:
    """Find ears beside the outline of the face, where skin like the cheek's is visible and no hair.

    The area above the ear has to look different: if hair covers the ear, it looks the same.

    An ear reaches from brow to mouth. Its apparent width follows from how far the nose is turned
    away from it.
    """
    shape = (body.shape[0], body.shape[1])
    frame = Roi(0, 0, 1, _lean(face))
    flat = frame.to_crop(face.points)
    lab, oval = _lab(image), face.oval_mask(shape)
    left, right = float(flat[454, 0]), float(flat[234, 0])
    turn = (float(flat[NOSE_TIP, 0]) - (left + right) / 2) / max(abs(left - right), 1e-6)
    out = []
    for name, (beside, top, bottom, sign) in _EARS.items():
        away = -sign * turn  # positive: the nose points to the other side, this ear is visible
        if away < -0.15:
            continue
        width = face.size * float(np.clip(0.13 + 0.35 * away, 0.1, 0.3))
        height = 1.05 * float(np.hypot(*(flat[bottom] - flat[top])))
        x = float(flat[beside, 0]) + sign * width * (0.35 + max(away, 0) * 0.8)
        y = float(flat[[top, bottom], 1].mean())
        turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ring = np.stack([x + width * 0.6 * np.cos(turns), y + height * 0.5 * np.sin(turns)], 1)
        ellipse = fill_polygon(frame.to_photo(ring), shape) & ~oval
        skin = Skin.sample(image, face, _TEMPLES[name])
        hair = fill_polygon(frame.to_photo(ring - (0, 0.8 * height)), shape) & body & ~oval
        if skin is None or hair.sum() < 12:
            continue
        mask = largest_component(ellipse & body & skin.match(image))
        share = float(mask.sum()) / max(int(ellipse.sum()), 1)
        if _EAR[0] <= share <= _EAR[1] and _is_closer_to_skin(lab, mask, skin, hair):
            out.append(Region(name, "ear", face.score * share, mask))
    return out


def _is_closer_to_skin(lab: Array, mask: Mask, skin: Skin, hair: Mask) -> bool:
    """Return whether the mean colour of `mask` is clearly closer to skin than to hair."""
    colour = lab[mask].mean(0)
    to_skin = float(np.linalg.norm(colour - skin.mean))
    to_hair = float(np.linalg.norm(colour - lab[hair].mean(0)))
    return to_skin < 0.7 * to_hair


def find_neck(face: Face, image: Image, body: Mask) -> Region | None:
    """Find the bare skin between jaw and collar."""
    skin = Skin.sample(image, face, _LOWER)
    if skin is None:
        return None
    shape = (body.shape[0], body.shape[1])
    down = face.points[CHIN] - face.points[FOREHEAD]
    # the neck's direction lies between the face's axis and the vertical
    hang = down / max(float(np.hypot(*down)), 1e-6) + np.array([0, 1])
    drop = hang / max(float(np.hypot(*hang)), 1e-6) * 0.55 * face.size
    a, b = face.points[list(_JAW)]
    middle = (a + b) / 2
    a, b = middle + 0.85 * (a - middle), middle + 0.85 * (b - middle)
    area = fill_polygon(np.array([a, b, b + drop, a + drop]), shape) & ~face.oval_mask(shape)
    mask = largest_component(area & body & skin.match(image))
    share = float(mask.sum()) / max(int(area.sum()), 1)
    return Region("neck", "neck", face.score * share, mask) if share >= _NECK else None


def _lean(face: Face) -> float:
    """Return the angle of the axis from forehead to chin."""
    x, y = face.points[CHIN] - face.points[FOREHEAD]
    return float(np.arctan2(-x, y))
