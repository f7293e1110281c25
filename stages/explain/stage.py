"""The explain stage: words for the variants that passed the filter, checked before they go on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as ReadOnly
from typing import Any, ClassVar

from stages import tools
from stages.engine.codes import RejectCode
from stages.engine.section import Mean, Share
from stages.engine.stage import GateParams, Output, Reject, RejectPhoto, Sample, StageParams
from stages.explain import facts
from stages.models import registry
from stages.models.chat.codes import AskCode
from stages.models.explainer import checks
from stages.models.protocols import Explainer
from stages.models.stage import ModelStage
from stages.records.crops import paste_mask, paste_picture
from stages.records.documents import (
    Curation,
    Explanation,
    Explanations,
    Injection,
    Mapping,
    Scene,
    Unexplained,
    Variant,
)
from stages.records.images import Image, read_png
from stages.tools import TOOLS

ROLES = ("explainer",)
_SENTENCES = re.compile(r"[A-Z].*[.!]")


class ExplainCode(RejectCode):
    """Why there are no words."""

    NOTHING_PASSED = "nothing_passed"
    UNFIT = "explanation_unfit"


class ExplainGate(GateParams):
    """Thresholds of the explain gate."""

    min_distinct: Share = 0.9
    """Least share of different texts among all local explanations."""
    min_words_mean: Mean = 8.0
    """Mean length of a local explanation."""


@registry.add_sections(*ROLES)
class ExplainParams(StageParams):
    """Section ``explain`` of params.yaml."""

    gate: ExplainGate = ExplainGate()  # pyright: ignore[reportIncompatibleVariableOverride]


def find_problems(explanation: Explanation, variant: Variant) -> dict[str, str]:
    """Check and offending words of the texts that must not be published; empty when fit."""
    found: dict[str, str] = {}
    for field in ("local", "overall"):
        text = getattr(explanation, field)
        for problem in checks.flaw(text, variant, overall=field == "overall"):
            found[f"{field}.{problem.check}"] = problem.found
        if not _SENTENCES.fullmatch(text):
            found[f"{field}.sentences"] = f"{text[:20]} ... {text[-20:]}"
    return found


def add_facts(sample: Sample, scene: Scene, passed: set[str]) -> dict[str, Variant]:
    """The variants that passed, by id, with all that the record knows of them in `facts`."""
    variants = [v for v in sample.document("map", Mapping).variants if v.id in passed]
    outcomes = {o.variant: o for o in sample.document("inject", Injection).outcomes}
    found = {}
    for variant in variants:
        shape = scene.entities[0].mask.size
        mask = paste_mask(shape, outcomes[variant.id], sample.members, "mask")
        complete = variant.facts | facts.known(variant, scene, mask)
        found[variant.id] = variant.model_copy(update={"facts": complete})
    return found


def pictures(sample: Sample, variants: Iterable[str]) -> dict[str, tuple[Image, Image]]:
    """Variant id to photo and flawed photo, (H, W, 3) uint8."""
    photo = read_png(sample.members["ingest/photo.png"])
    outcomes = {o.variant: o for o in sample.document("inject", Injection).outcomes}
    return {
        variant: (photo, paste_picture(photo, outcomes[variant], sample.members, "artifact"))
        for variant in variants
    }


class ExplainStage(ModelStage):
    """Explains what is left of a photo's variants (algorithm section 6)."""

    name: ClassVar[str] = "explain"
    reads: ClassVar[ReadOnly[str, tuple[str, ...]]] = {
        "filter": (),
        "map": (),
        "perceive": (),
        "ingest": ("photo.png",),
        "inject": ("*.artifact.png", "*.mask.png"),
    }
    params_model: ClassVar[type[StageParams]] = ExplainParams
    codes: ClassVar[tuple[type[RejectCode], ...]] = (ExplainCode, AskCode)
    sets: ClassVar[ReadOnly[str, Sequence[str]]] = {"tools": TOOLS}
    counted: ClassVar[ReadOnly[str, Sequence[str]]] = {"tool": TOOLS}
    roles: ClassVar[tuple[str, ...]] = ROLES
    explainer: Explainer

    def plugins(self) -> tuple[str, ...]:
        """The explainer, and what can be said of the tools' flaws."""
        told = ("briefing",) if registry.questions("explainer", self.base) else ()
        return (*super().plugins(), *tools.modules("facts", "words", "claims", *told))

    def setup(self) -> None:
        """Build the explainer that the profile names."""
        self.explainer = registry.explainer(self.base, self.params, seed=self.base.seed)

    def process(self, sample: Sample) -> Output:
        """Texts for the variants that passed; unfit ones fall out, the others go on.

        Raises:
            RejectPhoto: ``nothing_passed`` - the filter kept no variant; ``explanation_unfit`` -
                the words for the untouched photo, which every pair of the photo carries.
        """
        verdicts = sample.document("filter", Curation).verdicts
        passed = {verdict.variant for verdict in verdicts if verdict.passed}
        if not passed:
            raise RejectPhoto(
                ExplainCode.NOTHING_PASSED, "no variant of this photo passed the filter"
            )
        scene = sample.document("perceive", Scene)
        variants = add_facts(sample, scene, passed)
        images = pictures(sample, variants) if self.explainer.looks else {}
        texts = self.explainer.explain(scene, list(variants.values()), images)
        if problems := checks.clean(texts.clean, [entity.name for entity in scene.entities]):
            raise RejectPhoto(
                ExplainCode.UNFIT,
                "the words for the untouched photo are not fit to publish",
                text=texts.clean,
                problems={problem.check: problem.found for problem in problems},
            )
        kept: list[Explanation] = []
        rejects = [_without_words(sample.key, left) for left in texts.unexplained]
        for explanation in texts.explanations:
            if problems := find_problems(explanation, variants[explanation.variant]):
                rejects.append(_reject(sample.key, explanation, problems))
            else:
                kept.append(explanation)
        return Output(texts.model_copy(update={"explanations": kept}), rejects=rejects)

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """One row an explained variant."""
        texts = Explanations.model_validate(document)
        return [
            {
                "key": texts.key,
                "variant": explanation.variant,
                "tool": explanation.tool,
                "author": texts.author,
                "local": explanation.local,
                "overall": explanation.overall,
                "clean": texts.clean,
                "local_words": len(explanation.local.split()),
                "overall_words": len(explanation.overall.split()),
            }
            for explanation in texts.explanations
        ]


def _without_words(key: str, left: Unexplained) -> Reject:
    return Reject(key, left.variant, left.code, left.message, {"answers": left.answers})


def _reject(key: str, explanation: Explanation, problems: dict[str, str]) -> Reject:
    return Reject(
        key,
        explanation.variant,
        ExplainCode.UNFIT,
        f"the explanation fails {', '.join(sorted(problems))}",
        {"local": explanation.local, "overall": explanation.overall, "problems": problems},
    )
