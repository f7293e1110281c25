"""The compact judge: checks that the visible change is the one that the mapping describes.

A flaw moves appearance within the image by a known mapping (algorithm section 2), so its presence
can be measured without knowing what the part is. Copying the 16 x 16 patches of the control C by
the mapping gives a crude image G of what was intended. With artifact A and a description f of the
target tokens,

    delivered_f = <f(A) - f(C), f(G) - f(C)> / |f(G) - f(C)|^2      share of the intended change
    agreement_f = cosine of the two changes                         lowered by any other change

are computed for f = smoothed colour and for f = texture features (`texture`) and averaged. A
renderer that blends the flaw in keeps the direction of the change and most of its size. Noise,
blur, recompression, colour drift and a restored photo change the image in directions that are
unrelated to the mapping.

The intended change alone does not make a flaw that a person sees and believes. The ``probability``
that a person calls it right comes from a small logistic model (`logistic`) over measures of its
appearance (`measures`) and the filter's LPIPS, calibrated on rated results (docs/judging.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.engine.files import sha256_file
from stages.models.judge.codes import JudgeCode
from stages.models.judge.features import appearance, logistic, measures
from stages.models.judge.features.appearance import Features
from stages.models.judge.features.params import FeatureThresholds
from stages.models.judge.features.patches import copy_patches
from stages.models.judge.features.texture import BLOCKS, TokenFeatures
from stages.models.protocols import Case, Image
from stages.records.documents import Verdict
from stages.records.masks import Mask, from_grid
from stages.tools import TOOLS, Tool

SMOOTHING = 4.0
"""Gaussian sigma in model pixels of the colour agreement: a quarter of a token."""

Plane = NDArray[np.float32]


def projection(change: Plane, wanted: Plane) -> tuple[float, float]:
    """Project `change` on `wanted`: returns the share of it (1 = all) and the cosine of the two.

    Computed over all elements; both are 0 if either array is all zeros.
    """
    product = float((change * wanted).sum())
    size, goal = float(np.square(change).sum()), float(np.square(wanted).sum())
    if size == 0 or goal == 0:
        return 0.0, 0.0
    return product / goal, product / math.sqrt(size * goal)


class FeatureJudge:
    """Judges the tools that it was calibrated for, from colour and token features."""

    name = "features"
    scores = (
        *("delivered", "agreement", "delivered_colour", "delivered_texture", "inside"),
        *measures.NAMES,
        "probability",
    )

    def __init__(self, params: FeatureThresholds) -> None:
        """Load the feature network and the calibrated model.

        Raises:
            WeightsError: the pinned weights are missing or damaged.
        """
        self.thresholds = params
        self.features = TokenFeatures()
        self.model = logistic.load()
        self.tools: tuple[Tool, ...] = tuple(tool for tool in TOOLS if tool in self.model.tools)

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the network's weights and of the calibrated model."""
        return f"{TokenFeatures.revision()}-{sha256_file(logistic.COEFFICIENTS)[:12]}"

    @classmethod
    def weights(cls) -> list[str]:
        """Return the names of the weights in ``weights.toml``."""
        return ["efficientnet-lite0"]

    def judge(self, case: Case) -> Verdict:
        """Pass a change that agrees with the mapping, is in its place, and is convincing."""
        variant = case.variant
        scores = self.measure(case)
        scores["probability"] = self.model.probability(variant.tool, {**case.measured, **scores})
        reason, message = decide(scores, self.thresholds)
        return Verdict(
            variant=variant.id,
            tool=variant.tool,
            passed=reason == "ok",
            reason=reason,
            message=message,
            judge=self.name,
            scores=scores,
        )

    def measure(self, case: Case) -> dict[str, float]:
        """Compute all scores of the judge except the probability."""
        windows = (case.window_control, case.window_artifact)
        layers = [self.features.layers(image, (*BLOCKS, *appearance.BLOCKS)) for image in windows]
        fine = [np.concatenate(found[: len(BLOCKS)], axis=2) for found in layers]
        return {
            **self._movement(case, *fine),
            "inside": _share_on_targets(case),
            **measures.measure(case, *(found[len(BLOCKS) :] for found in layers)),
        }

    def _movement(self, case: Case, base: Features, after: Features) -> dict[str, float]:
        control, artifact = case.window_control, case.window_artifact
        wanted = copy_patches(control, case.variant.targets, case.variant.references)
        tokens = _targets(case)
        zone = from_grid(tokens, (0, 0, *case.window.size), control.shape[:2])
        was, now, aim = (_smooth(image)[zone] for image in (control, artifact, wanted))
        colour = projection(now - was, aim - was)
        spread = (
            base.reshape(-1, base.shape[-1]).std(0) + 1e-3
        )  # so that channels have equal weight
        goal = self.features.tokens(wanted)
        texture = projection(((after - base) / spread)[tokens], ((goal - base) / spread)[tokens])
        return {
            "delivered": (colour[0] + texture[0]) / 2,
            "agreement": (colour[1] + texture[1]) / 2,
            "delivered_colour": colour[0],
            "delivered_texture": texture[0],
        }


def decide(scores: Mapping[str, float], thresholds: FeatureThresholds) -> tuple[str, str]:
    """Return the reject code (or ``ok``) and message for a judge's scores."""
    if scores["inside"] < thresholds.inside:
        return (
            JudgeCode.WRONG_PLACE,
            f"{scores['inside']:.0%} of the visible change is on the targets",
        )
    for name in ("delivered", "agreement"):
        minimum = getattr(thresholds, name)
        if scores[name] < minimum:
            return (
                JudgeCode.NOT_INTENDED,
                f"{name} is {scores[name]:.2f}, at least {minimum} is required",
            )
    if scores["probability"] < thresholds.probability:
        return JudgeCode.NOT_CONVINCING, (
            f"the probability that a person calls it right is {scores['probability']:.0%}, "
            f"at least {thresholds.probability:.0%} is required"
        )
    return "ok", "the intended change is there"


def _smooth(image: Image) -> Plane:
    return np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), SMOOTHING), np.float32)


def _targets(case: Case) -> Mask:
    tokens: Mask = np.zeros(case.window.grid, dtype=bool)
    tokens.ravel()[case.variant.targets] = True
    return tokens


def _share_on_targets(case: Case) -> float:
    zone = from_grid(_targets(case), case.window.box, case.mask.shape)
    return float((case.mask & zone).sum() / max(int(case.mask.sum()), 1))
