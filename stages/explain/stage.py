"""The explain stage: texts for the variants that passed the filter, with checks of the texts."""

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
    """Reasons to reject a photo or a variant."""

    NOTHING_PASSED = "nothing_passed"
    UNFIT = "explanation_unfit"


class ExplainGate(GateParams):
    """Thresholds of the explain gate."""

    min_distinct: Share = 0.9
    """Minimum share of distinct texts among all local explanations."""
    min_words_mean: Mean = 8.0
    """Minimum of the mean number of words of a local explanation."""


@registry.add_sections(*ROLES)
class ExplainParams(StageParams):
    """Section ``explain`` of params.yaml without its back ends' sections."""

    gate: ExplainGate = ExplainGate()  # pyright: ignore[reportIncompatibleVariableOverride]


def find_problems(explanation: Explanation, variant: Variant) -> dict[str, str]:
    """Check both texts; return the failed checks with the offending words."""
    found: dict[str, str] = {}
    for field in ("local", "overall"):
        text = getattr(explanation, field)
        for problem in checks.check_flaw(text, variant, overall=field == "overall"):
            found[f"{field}.{problem.check}"] = problem.found
        if not _SENTENCES.fullmatch(text):
            found[f"{field}.sentences"] = f"{text[:20]} ... {text[-20:]}"
    return found


def add_facts(sample: Sample, scene: Scene, passed: set[str]) -> dict[str, Variant]:
    """Return the variants in `passed` by id, with all facts of the record in their `facts`."""
    variants = [v for v in sample.document("map", Mapping).variants if v.id in passed]
    outcomes = {o.variant: o for o in sample.document("inject", Injection).outcomes}
    found = {}
    for variant in variants:
        shape = scene.entities[0].mask.size
        mask = paste_mask(shape, outcomes[variant.id], sample.members, "mask")
        known = variant.facts | facts.find_facts(variant, scene, mask)
        found[variant.id] = variant.model_copy(update={"facts": known})
    return found


def read_pictures(sample: Sample, variants: Iterable[str]) -> dict[str, tuple[Image, Image]]:
    """Read photo and flawed photo, (H, W, 3) uint8, of each variant, by variant id."""
    photo = read_png(sample.members["ingest/photo.png"])
    outcomes = {o.variant: o for o in sample.document("inject", Injection).outcomes}
    return {
        variant: (photo, paste_picture(photo, outcomes[variant], sample.members, "artifact"))
        for variant in variants
    }


class ExplainStage(ModelStage):
    """Explains the variants of a photo that passed the filter (algorithm section 6)."""

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
        """Return the modules of the explainer, and those of the tools' facts, sentences and claims;
        for an explainer that asks a chat model, also those that describe the tools."""
        described = ("briefing",) if registry.questions("explainer", self.base) else ()
        return (*super().plugins(), *tools.modules("facts", "words", "claims", *described))

    def setup(self) -> None:
        """Load the profile's explainer."""
        self.explainer = registry.explainer(self.base, self.params, seed=self.base.seed)

    def process(self, sample: Sample) -> Output:
        """Explain the variants that passed, and reject those whose texts fail a check.

        Raises:
            RejectPhoto: ``nothing_passed`` - the filter kept no variant; ``explanation_unfit`` -
                the text about the untouched photo, which is part of every pair, fails a check.
        """
        verdicts = sample.document("filter", Curation).verdicts
        passed = {verdict.variant for verdict in verdicts if verdict.passed}
        if not passed:
            raise RejectPhoto(
                ExplainCode.NOTHING_PASSED, "no variant of this photo passed the filter"
            )
        scene = sample.document("perceive", Scene)
        variants = add_facts(sample, scene, passed)
        images = read_pictures(sample, variants) if self.explainer.looks else {}
        texts = self.explainer.explain(scene, list(variants.values()), images)
        names = [entity.name for entity in scene.entities]
        if problems := checks.check_clean(texts.clean, names):
            raise RejectPhoto(
                ExplainCode.UNFIT,
                "the words for the untouched photo are not fit to publish",
                text=texts.clean,
                problems={problem.check: problem.found for problem in problems},
            )
        kept: list[Explanation] = []
        rejects = [_reject_unexplained(sample.key, variant) for variant in texts.unexplained]
        for explanation in texts.explanations:
            if problems := find_problems(explanation, variants[explanation.variant]):
                rejects.append(_reject_unfit(sample.key, explanation, problems))
            else:
                kept.append(explanation)
        return Output(texts.model_copy(update={"explanations": kept}), rejects=rejects)

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per explained variant."""
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


def _reject_unexplained(key: str, variant: Unexplained) -> Reject:
    evidence = {"answers": variant.answers}
    return Reject(key, variant.variant, variant.code, variant.message, evidence)


def _reject_unfit(key: str, explanation: Explanation, problems: dict[str, str]) -> Reject:
    return Reject(
        key,
        explanation.variant,
        ExplainCode.UNFIT,
        f"the explanation fails {', '.join(sorted(problems))}",
        {"local": explanation.local, "overall": explanation.overall, "problems": problems},
    )
