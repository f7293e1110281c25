"""The compact judge: is the change that can be seen the change that the mapping says?

A flaw moves appearance about in the picture by a known mapping (algorithm section 2), so its being
there can be measured without knowing what the part is. From the control C, copying 16 x 16 patches
by the mapping gives a crude picture G of what was intended. With artifact A and a description f of
the target tokens,

    delivered_f = <f(A) - f(C), f(G) - f(C)> / |f(G) - f(C)|^2      how much of it is there
    agreement_f = the cosine of the two changes                     how little else is there

once for `f` = smoothed colour and once for `f` = texture features (`features`), and the mean of the
two. A renderer that blends the flaw in keeps the direction of the change and most of its size;
noise, blur, recompression, colour drift and a restored photo change the picture in directions that
have nothing to do with the mapping.

That the intended change is there does not make it a flaw that a person sees and believes. Whether
it does is told by a small logistic model (`judging.logistic`) over measures of its appearance
(`judging.measures`) and the filter's LPIPS, calibrated on results that people looked at
(docs/judging.md): ``probability``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.engine.codes import RejectCode
from stages.engine.files import sha256_file
from stages.engine.section import Section, Share
from stages.models.judge.features import appearance, logistic, measures
from stages.models.judge.features.appearance import Features
from stages.models.judge.features.patches import intended
from stages.models.judge.features.texture import BLOCKS, TokenFeatures
from stages.models.protocols import Case, Image
from stages.records.documents import TOOLS, Tool, Verdict
from stages.records.masks import Mask, from_grid

SMOOTHING = 4.0
"""Gaussian sigma in model pixels of the colour agreement: a quarter of a token."""

Plane = NDArray[np.float32]


class JudgeCode(RejectCode):
    """Why a judge, whichever, refuses a variant."""

    NOT_PERCEPTIBLE = "not_perceptible"
    """Nobody would see the flaw."""
    NOT_INTENDED = "not_intended"
    """Something changed, but not what the mapping says."""
    WRONG_PLACE = "wrong_place"
    """Most of the visible change lies outside the targets."""
    NOT_CONVINCING = "not_convincing"
    """It is there, but a person would hardly call it a flaw in place and plausible."""
    NOT_A_FLAW = "not_a_flaw"
    """Something changed, but it does not look like the flaw that was intended."""


class FeatureThresholds(Section):
    """What the compact judge asks for."""

    delivered: Share = 0.3
    """Least share of the intended change that must be there."""
    agreement: Share = 0.6
    """Least cosine between the change and the intended one."""
    inside: Share = 0.3
    """Share of the visible flaw that must lie on targets."""
    probability: Share = 0.64
    """Least chance that a person calls the result right."""


def projection(change: Plane, wanted: Plane) -> tuple[float, float]:
    """How much of `wanted` is in `change` (1: all of it), and the cosine of the two.

    Over all elements; both are 0 where nothing changed or nothing was wanted.
    """
    product = float((change * wanted).sum())
    size, goal = float(np.square(change).sum()), float(np.square(wanted).sum())
    if size == 0 or goal == 0:
        return 0.0, 0.0
    return product / goal, product / math.sqrt(size * goal)


class FeatureJudge:
    """Judges all four tools from colour and token features."""

    name = "features"
    tools: tuple[Tool, ...] = TOOLS

    def __init__(self, thresholds: FeatureThresholds | None = None) -> None:
        """Loads the features' network and the calibrated model.

        Raises:
            WeightsError: the pinned weights are missing or damaged.
        """
        self.thresholds = thresholds or FeatureThresholds()
        self.features = TokenFeatures()
        self.model = logistic.load()

    @classmethod
    def revision(cls) -> str:
        """Digest of the network's weights and the calibrated model."""
        return f"{TokenFeatures.revision()}-{sha256_file(logistic.COEFFICIENTS)[:12]}"

    @classmethod
    def weights(cls) -> list[str]:
        """Their name in ``weights.toml``."""
        return ["efficientnet-lite0"]

    def judge(self, case: Case) -> Verdict:
        """Passed when the change agrees with the mapping, is where it should be, and convinces."""
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
        """Every number of the judge's own but the probability."""
        windows = (case.window_control, case.window_artifact)
        layers = [self.features.layers(image, (*BLOCKS, *appearance.BLOCKS)) for image in windows]
        fine = [np.concatenate(found[: len(BLOCKS)], axis=2) for found in layers]
        return {
            **self._movement(case, *fine),
            "inside": _inside(case),
            **measures.measure(case, *(found[len(BLOCKS) :] for found in layers)),
        }

    def _movement(self, case: Case, base: Features, after: Features) -> dict[str, float]:
        control, artifact = case.window_control, case.window_artifact
        wanted = intended(control, case.variant.targets, case.variant.references)
        tokens = _targets(case)
        zone = from_grid(tokens, (0, 0, *case.window.size), control.shape[:2])
        was, now, aim = (_smooth(image)[zone] for image in (control, artifact, wanted))
        colour = projection(now - was, aim - was)
        spread = base.reshape(-1, base.shape[-1]).std(0) + 1e-3  # channels count alike
        goal = self.features.tokens(wanted)
        texture = projection(((after - base) / spread)[tokens], ((goal - base) / spread)[tokens])
        return {
            "delivered": (colour[0] + texture[0]) / 2,
            "agreement": (colour[1] + texture[1]) / 2,
            "delivered_colour": colour[0],
            "delivered_texture": texture[0],
        }


def decide(scores: Mapping[str, float], thresholds: FeatureThresholds) -> tuple[str, str]:
    """Reject code (or ``ok``) and message from a judge's scores."""
    if scores["inside"] < thresholds.inside:
        return (
            JudgeCode.WRONG_PLACE,
            f"{scores['inside']:.0%} of the visible change is on the targets",
        )
    for name in ("delivered", "agreement"):
        least = getattr(thresholds, name)
        if scores[name] < least:
            return (
                JudgeCode.NOT_INTENDED,
                f"{name} is {scores[name]:.2f}, at least {least} is asked",
            )
    if scores["probability"] < thresholds.probability:
        return JudgeCode.NOT_CONVINCING, (
            f"the chance that a person calls it right is {scores['probability']:.0%}, "
            f"at least {thresholds.probability:.0%} is asked"
        )
    return "ok", "the intended change is there"


def _smooth(image: Image) -> Plane:
    return np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), SMOOTHING), np.float32)


def _targets(case: Case) -> Mask:
    tokens: Mask = np.zeros(case.window.grid, dtype=bool)
    tokens.ravel()[case.variant.targets] = True
    return tokens


def _inside(case: Case) -> float:
    zone = from_grid(_targets(case), case.window.box, case.mask.shape)
    return float((case.mask & zone).sum() / max(int(case.mask.sum()), 1))
