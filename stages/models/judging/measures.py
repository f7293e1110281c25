"""Everything that the compact judge measures of one rendered flaw."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from stages.engine.masks import Mask, from_grid
from stages.engine.record import TOKEN, Variant
from stages.inject.tokens import grow
from stages.models.features import BLOCKS, TokenFeatures
from stages.models.judging import appearance, patches, seams
from stages.models.judging.seams import Index
from stages.models.protocols import Case, Image, PerceptualMetric


def index_of(variant: Variant, count: int) -> Index:
    """(N,) where each of a window's `count` tokens takes its appearance from."""
    index = np.arange(count)
    index[variant.targets] = variant.references
    return index


def explore(case: Case, network: TokenFeatures, metric: PerceptualMetric) -> dict[str, float]:
    variant, grid = case.variant, case.window.grid
    control, artifact = case.window_control, case.window_artifact
    index = index_of(variant, grid[0] * grid[1])
    moved = (index != np.arange(len(index)))
    targets = np.zeros(grid, bool); targets.ravel()[variant.targets] = True
    h, w = control.shape[:2]
    zone = from_grid(targets, (0, 0, w, h), (h, w))
    x0, y0, x1, y1 = case.window.box
    mask = cv2.resize(case.mask[y0:y1, x0:x1].astype(np.uint8), (w, h), interpolation=cv2.INTER_AREA if False else cv2.INTER_NEAREST) > 0
    out = {}
    out["mask_tokens"] = float(mask.sum() / TOKEN**2)
    out["targets"] = float(len(variant.targets))
    out["moved_tokens"] = float(moved.sum())
    out["share"] = len(variant.targets) / len(index)
    out["zoom"] = (x1 - x0) / w
    out["mask_photo_share"] = float(case.mask.mean())
    out["covered"] = float((mask & zone).sum() / zone.sum())
    # lpips
    wanted = patches.intended(control, variant.targets, variant.references)
    m = metric.spatial(control, artifact)
    mg = metric.spatial(control, wanted)
    out["lpips_in"] = float(m[mask].mean()) if mask.any() else 0.0
    out["lpips_p95"] = float(np.quantile(m[mask], .95)) if mask.any() else 0.0
    out["lpips_zone"] = float(m[zone].mean())
    out["lpips_out"] = float(m[~zone].mean())
    out["lpips_goal"] = float(mg[zone].mean())
    out["lpips_to_goal"] = float(metric.spatial(wanted, artifact)[zone].mean())
    out["lpips_sum"] = float(m.sum() / TOKEN**2)
    # appearance
    lc = network.layers(control, (*BLOCKS, *appearance.BLOCKS)); la = network.layers(artifact, (*BLOCKS, *appearance.BLOCKS))
    for name, sl in (("s8", slice(2, 3)), ("s16", slice(3, 4)), ("deep", slice(2, 4)), ("fine", slice(0, 2))):
        b = appearance.directions(lc[sl], lc[sl]); a = appearance.directions(la[sl], lc[sl])
        for k, v in appearance.likeness(b, a, index).items():
            out[f"{name}_{k}"] = v
        part = np.unique(index[moved])
        t = np.flatnonzero(moved)
        if len(t):
            near_b = (b[t] @ b[part].T).max(1); near_a = (a[t] @ b[part].T).max(1)
            out[f"{name}_nearest_rise"] = float((near_a - near_b).mean())
            out[f"{name}_nearest"] = float(near_a.mean())
            own = (a[t] @ b[t].T).max(1)
            out[f"{name}_own_left"] = float(own.mean())
            # novelty: how unlike anything in the control
            out[f"{name}_any"] = float((a[t] @ b.T).max(1).mean())
    # seams
    con, seen = seams.seam(control, artifact, index, grid)
    out["seam"] = con or 0.0; out["seam_seen"] = seen or 0.0
    torn = seams.torn(index, grid)
    out["tears"] = len(torn) / max(moved.sum(), 1)
    # period: all borders in zone
    g = artifact.astype(np.float32); gc = control.astype(np.float32)
    ring = grow(targets, 2) & ~targets
    ringp = from_grid(ring, (0, 0, w, h), (h, w))
    def period(img):
        dx = np.abs(np.diff(img, axis=1)).mean(2); dy = np.abs(np.diff(img, axis=0)).mean(2)
        zx = zone[:, 1:] & zone[:, :-1]; zy = zone[1:] & zone[:-1]
        bx = np.zeros_like(zx); bx[:, TOKEN-1::TOKEN] = True
        by = np.zeros_like(zy); by[TOKEN-1::TOKEN] = True
        on = np.concatenate([dx[zx & bx], dy[zy & by]]); off = np.concatenate([dx[zx & ~bx], dy[zy & ~by]])
        return float(np.log((on.mean() + 1) / (off.mean() + 1))) if len(on) and len(off) else 0.0
    out["grid"] = period(g) - period(gc)
    # sharpness
    if moved.any():
        out["sharp_ref"] = float(np.log(patches.sharpness(control, artifact, index) + 1e-3))
        e = lambda im, sel: patches.energy(patches.cut(im)[sel.ravel()])
        out["energy_zone"] = float(np.log(e(g, moved.reshape(grid)) + .5))
        out["energy_was"] = float(np.log(e(gc, moved.reshape(grid)) + .5))
        out["energy_ref"] = float(np.log(patches.energy(patches.cut(gc)[index[moved]]) + .5))
        out["energy_ring"] = float(np.log(e(gc, ring) + .5)) if ring.any() else out["energy_zone"]
        out["sharp_ring"] = out["energy_zone"] - out["energy_ring"]
        out["sharp_was"] = out["energy_zone"] - out["energy_was"]
        out["energy_window"] = float(np.log(patches.energy(patches.cut(gc)) + .5))
        out["drift"] = patches.colour(control, artifact, index)
    la_, lb_, lg_ = (rgb2lab(i).astype(np.float32) for i in (artifact, control, wanted))
    d = np.linalg.norm(cv2.GaussianBlur(la_, (0, 0), 2) - cv2.GaussianBlur(lb_, (0, 0), 2), axis=2)
    out["delta_in"] = float(d[mask].mean()) if mask.any() else 0.0
    out["delta_zone"] = float(d[zone].mean())
    out["delta_p95"] = float(np.quantile(d[mask], .95)) if mask.any() else 0.0
    dg = np.linalg.norm(cv2.GaussianBlur(lg_, (0, 0), 2) - cv2.GaussianBlur(lb_, (0, 0), 2), axis=2)
    out["delta_goal"] = float(dg[zone].mean())
    # contrast of the part's own structure: local std in zone after
    n = lambda im: float(np.log(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY)[zone].std() + 1))
    out["std_after"] = n(artifact); out["std_before"] = n(control)
    gray = cv2.cvtColor(control, cv2.COLOR_RGB2GRAY); out["std_ring"] = float(np.log(gray[ringp].std() + 1)) if ringp.any() else 0.0
    out["light_zone"] = float(gray[zone].mean() / 255)
    # mask shape
    nlab, lab = cv2.connectedComponents(mask.astype(np.uint8)); out["pieces_mask"] = float(nlab - 1)
    ys, xs = np.nonzero(mask)
    out["solid"] = float(len(ys) / ((np.ptp(ys) + 1) * (np.ptp(xs) + 1))) if len(ys) else 0.0
    shifts = (index - np.arange(len(index)))[moved]
    out["displacements"] = float(len(np.unique(shifts)))
    rr, cc = np.divmod(index[moved], grid[1]); tr, tc = np.divmod(np.flatnonzero(moved), grid[1])
    out["distance"] = float(np.hypot(rr - tr, cc - tc).mean()) if moved.any() else 0.0
    out["positional"] = float(variant.positional)
    out["part_share"] = float(variant.facts.get("part_share", 0) or 0)
    return out
