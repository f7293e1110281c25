"""Find arms, legs, feet and torso: divide the person's mask among the bones of a pose."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from stages.models.perceiver.people.geometry import Array, fill_hull, fill_polygon
from stages.models.perceiver.people.pose import Pose
from stages.models.perceiver.regions import Region, largest_component
from stages.records.masks import Mask, bounding_box


@dataclass(frozen=True)
class Chain:
    """A chain of bones: the landmarks of its joints and its thickness there, in body sizes."""

    kind: str
    joints: tuple[int, ...]
    """Landmarks on the left side; those on the right side are one higher."""
    radii: tuple[float, ...]


# for a torso of 50 cm: an upper arm in a sleeve is 13 cm thick, a thigh 18 cm, a wrist 8 cm
LIMBS = (
    Chain("arm", (11, 13, 15), (0.13, 0.105, 0.075)),
    Chain("leg", (23, 25, 27), (0.17, 0.125, 0.09)),
)
PIECES = (
    Chain("upper arm", (11, 13), (0.13, 0.105)),
    Chain("forearm", (13, 15), (0.105, 0.075)),
    Chain("thigh", (23, 25), (0.17, 0.125)),
    Chain("lower leg", (25, 27), (0.125, 0.09)),
)
"""Parts of limbs to name if not all joints of the limb are visible."""
_LIMB_OF = {"upper arm": "arm", "forearm": "arm", "thigh": "leg", "lower leg": "leg"}
_FOOT = (27, 29, 31)
_TORSO = (11, 12, 24, 23)
_HALF_TRUNK = 0.18
"""Minimum half breadth of a torso, in body sizes: it is as thick as that seen from the side."""
_REACH = 1.5
"""Distance from the bone, in radii, up to which a limb gets its nearest pixels, such as sleeves."""
_COARSE = 256
"""Approximate number of cells along the longer side of the grid on which distances are computed."""
_MIN_KEPT = 0.45
"""Minimum share of its own capsule that a limb keeps; with less it is hidden by others."""
_MIN_INSIDE = 0.8
"""Minimum share of a bone that lies on the person."""
_HALF_SPREAD = 0.25
"""Distance between two predictions of a joint, in body sizes, that halves its certainty."""


def body_size(points: Array) -> float:
    """Return the length of the torso in pixels, estimated from the shoulders if foreshortened."""
    shoulders, hips = points[[11, 12]].mean(0), points[[23, 24]].mean(0)
    breadth = float(np.hypot(*(points[11] - points[12])))
    return max(float(np.hypot(*(shoulders - hips))), 1.2 * breadth, 1.0)


def landmark_certainty(pose: Pose) -> Array:
    """Return the visibility, (33,), lowered where two predictions disagree about the place."""
    away = pose.spread / (_HALF_SPREAD * body_size(pose.points))
    return np.asarray(pose.visible / (1 + away**2), np.float32)


def min_certainty(pose: Pose, joints: tuple[int, ...], shape: tuple[int, int]) -> float:
    """Return the minimum certainty of `joints`; 0 if one lies outside the (H, W) image."""
    points = pose.points[list(joints)]
    inside = (points >= 0).all() and (points < (shape[1], shape[0])).all()
    return float(landmark_certainty(pose)[list(joints)].min()) if inside else 0.0


@dataclass(frozen=True)
class Limb:
    """A candidate limb."""

    name: str
    kind: str
    score: float
    joints: tuple[int, ...]
    radii: Array
    """Radius at each joint, in pixels."""


def find_limbs(pose: Pose, body: Mask, threshold: float, taken: Mask | None = None) -> list[Region]:
    """Find arms, legs and feet whose landmarks have a certainty of at least `threshold`.

    Each pixel of the body is assigned to the bone that is nearest in units of the limb's thickness;
    where two limbs cross, to the one nearer to the camera. Limbs that are mostly hidden behind
    others, or whose bones leave the body, are left out.

    Args:
        pose: pose of the person.
        body: (H, W) mask of the person.
        threshold: minimum certainty, 0..1.
        taken: (H, W) mask of head and hands, which no limb gets.
    """
    free = body if taken is None else body & ~taken
    candidates = [
        limb for limb in _candidates(pose, body.shape, threshold) if _lies_on_body(pose, limb, body)
    ]
    masks = _assign_pixels(pose, candidates, free)
    found = [
        Region(limb.name, limb.kind, limb.score, mask)
        for limb, mask in zip(candidates, masks, strict=True)
        if mask is not None
    ]
    size, legs = body_size(pose.points), {r.name for r in found if "leg" in r.kind}
    for side, shift in (("left", 0), ("right", 1)):
        joints = tuple(j + shift for j in _FOOT)
        score = min_certainty(pose, joints, body.shape)
        if score < threshold or not legs & {f"{side} leg", f"{side} lower leg"}:
            continue
        mask = _foot_mask(pose, joints, size)
        visible = mask & free
        if visible.sum() >= 0.5 * mask.sum():
            for i, region in enumerate(found):
                if "leg" in region.kind:
                    found[i] = Region(region.name, region.kind, region.score, region.mask & ~mask)
            found.append(Region(f"{side} foot", "foot", score, visible))
    return found


def find_torso(pose: Pose, body: Mask, threshold: float) -> Region | None:
    """Find the torso, shoulders to hips; None if a corner is hidden or outside the image."""
    score = min_certainty(pose, _TORSO, body.shape)
    if score < threshold:
        return None
    mask = largest_component(_torso_mask(pose, body.shape) & body)
    return Region("torso", "torso", score, mask)


def _torso_mask(pose: Pose, shape: tuple[int, int]) -> Mask:
    corners = _widen(pose.points[list(_TORSO)], _HALF_TRUNK * body_size(pose.points))
    return fill_polygon(corners.mean(0) + (corners - corners.mean(0)) * (1.2, 1.05), shape)


def _widen(corners: Array, half: float) -> Array:
    """Move the corners of a torso seen from the side apart, (4, 2), to `half` off its axis."""
    out = corners.astype(np.float32).copy()
    top, bottom = out[[0, 1]].mean(0), out[[2, 3]].mean(0)
    axis = (bottom - top) / max(float(np.hypot(*(bottom - top))), 1e-6)
    across = np.array([-axis[1], axis[0]], np.float32)
    for first, second in ((0, 1), (3, 2)):
        middle = out[[first, second]].mean(0)
        offset = float((out[first] - middle) @ across)
        if abs(offset) < half:
            shift = (half if offset >= 0 else -half) * across
            out[first], out[second] = middle + shift, middle - shift
    return out


def _candidates(pose: Pose, shape: tuple[int, int], threshold: float) -> list[Limb]:
    size, out = body_size(pose.points), list[Limb]()
    for side, shift in (("left", 0), ("right", 1)):
        named: set[str] = set()
        for chain in (*LIMBS, *PIECES):
            joints = tuple(j + shift for j in chain.joints)
            score = min_certainty(pose, joints, shape)
            if score < threshold or _LIMB_OF.get(chain.kind) in named:
                continue
            named.add(chain.kind)
            radii = np.array(chain.radii, np.float32) * size
            out.append(Limb(f"{side} {chain.kind}", chain.kind, score, joints, radii))
    return out


def _lies_on_body(pose: Pose, limb: Limb, body: Mask) -> bool:
    """Return whether the limb's bones lie on the body and are long enough for their thickness."""
    points = pose.points[list(limb.joints)]
    steps = np.linspace(0, 1, 12)[:, None]
    line = np.concatenate([a + (b - a) * steps for a, b in pairwise(points)])
    columns, rows = np.floor(line).astype(int).T
    rows, columns = rows.clip(0, body.shape[0] - 1), columns.clip(0, body.shape[1] - 1)
    length = float(np.hypot(*np.diff(points, axis=0).T).sum())
    return body[rows, columns].mean() >= _MIN_INSIDE and length >= 2.5 * float(limb.radii.mean())


def _assign_pixels(pose: Pose, limbs: list[Limb], free: Mask) -> list[Mask | None]:
    """Assign pixels to limbs; None for a limb that is hidden."""
    x0, y0, x1, y1 = bounding_box(free)
    if not limbs or x1 == x0:
        return [None] * len(limbs)
    step = max((x1 - x0) / _COARSE, (y1 - y0) / _COARSE, 1.0)
    size = (max(round((x1 - x0) / step), 1), max(round((y1 - y0) / step), 1))
    xs = (np.arange(size[0]) + 0.5) * (x1 - x0) / size[0] + x0
    ys = (np.arange(size[1]) + 0.5) * (y1 - y0) / size[1] + y0
    away = np.stack([chain_distance(pose.points[list(m.joints)], m.radii, xs, ys) for m in limbs])
    away = np.stack([cv2.resize(a, (x1 - x0, y1 - y0)) for a in away])
    inner, here = away <= 1, free[y0:y1, x0:x1]
    depth = np.array([pose.depth[list(m.joints)].mean() for m in limbs])
    margin = 0.1 * body_size(pose.points)
    # where capsules cross, a limb that is clearly nearer to the camera has priority
    level = np.round(depth / margin)
    order = np.where(inner, level[:, None, None], np.inf)
    front = inner & (order <= order.min(0) + 1)
    rank = np.where(front, away, np.where(inner, away + 10, away + 100))
    owner = rank.argmin(0)
    trunk = _torso_mask(pose, (free.shape[0], free.shape[1]))[y0:y1, x0:x1]
    out = list[Mask | None]()
    for i in range(len(limbs)):
        loose = (away[i] > 1) & ((away[i] > _REACH) | trunk)
        mine = here & (owner == i) & ~loose
        kept = float((mine & inner[i]).sum()) / max(int(inner[i].sum()), 1)
        behind = depth[i] > margin and float((inner[i] & trunk).sum()) > 0.7 * inner[i].sum()
        if kept < _MIN_KEPT or behind:
            out.append(None)
            continue
        full = np.zeros_like(free)
        full[y0:y1, x0:x1] = mine
        out.append(largest_component(full))
    return out


def chain_distance(points: Array, radii: Array, xs: Array, ys: Array) -> Array:
    """Compute the distance from a chain of bones, (len(ys), len(xs)), in units of its thickness.

    A distance of 1 is the surface of the rounded cones through (N, 2) `points` with (N,) `radii` in
    pixels.
    """
    grid = np.stack(np.meshgrid(xs, ys), -1).astype(np.float32)
    out = np.full(grid.shape[:2], np.inf, np.float32)
    for (a, b), (ra, rb) in zip(pairwise(points), pairwise(radii), strict=True):
        axis = (b - a).astype(np.float32)
        along = np.clip(((grid - a) @ axis) / max(float(axis @ axis), 1e-6), 0, 1)
        gap = grid - (a + along[..., None] * axis)
        out = np.minimum(out, np.hypot(gap[..., 0], gap[..., 1]) / (ra + along * (rb - ra)))
    return out.astype(np.float32)


def _foot_mask(pose: Pose, joints: tuple[int, ...], size: float) -> Mask:
    """Return the hull of ankle, heel and toes, widened to the thickness of a shoe."""
    shape = (pose.mask.shape[0], pose.mask.shape[1])
    mask = fill_hull(pose.points[list(joints)], shape)
    reach = max(round(0.07 * size), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)
