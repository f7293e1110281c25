"""The explain stage: texts for the variants that passed the filter, with checks of the texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as ReadOnly
from typing import Any, ClassVar

from stages import tools
from stages.engine.codes import RejectCode
from stages.engine.section import Mean, Share
from stages.engine.stage import (
    GateParams,
    Output,
    Reject,
    RejectForNow,
    RejectPhoto,
    Sample,
    StageParams,
)
from stages.explain import facts
from stages.models import registry
from stages.models.chat.codes import AskCode
from stages.models.explainer import checks
from stages.models.explainer.form import Problem
from stages.models.protocols import Explainer
from stages.models.stage import ModelStage
from stages.records.crops import compose_picture, paste_mask, paste_picture
from stages.records.documents import (
    Curation,
    Explanation,
    Explanations,
    Injection,
    Mapping,
    PictureText,
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
    """Check both texts about a flaw; return the failed checks with the offending words."""
    found: dict[str, str] = {}
    for field in ("local", "overall"):
        text = getattr(explanation, field)
        problems = checks.check_flaw(text, variant, overall=field == "overall")
        found |= _describe_problems(field, text, problems)
    return found


def find_picture_problems(text: str, variants: Sequence[Variant]) -> dict[str, str]:
    """Check the text about a picture; return the failed checks with the offending words."""
    return _describe_problems("picture", text, checks.check_picture(text, variants))


def _describe_problems(field: str, text: str, problems: list[Problem]) -> dict[str, str]:
    found = {f"{field}.{problem.check}": problem.found for problem in problems}
    if not _SENTENCES.fullmatch(text):
        found[f"{field}.sentences"] = f"{text[:20]} ... {text[-20:]}"
    return found


def add_facts(sample: Sample, scene: Scene, passed: set[str]) -> dict[str, Variant]:
    """Return the variants in `passed` by id, with all facts of the record in their `facts`."""
    variants = [v for v in sample.document("map", Mapping).variants if v.id in passed]
    outcomes = {o.variant: o for o in sample.document("inject", Injection).outcomes}
    found: list[Variant] = []
    for variant in variants:
        shape = scene.entities[0].mask.size
        mask = paste_mask(shape, outcomes[variant.id], sample.members, "mask")
        known = variant.facts | facts.find_facts(variant, scene, mask)
        found.append(variant.model_copy(update={"facts": known}))
    return {variant.id: variant for variant in facts.drop_shared_counts(found)}


def read_pictures(sample: Sample, variants: Iterable[str]) -> dict[str, tuple[Image, Image]]:
    """Read photo and flawed photo, (H, W, 3) uint8, of each variant, by variant id."""
    photo = read_png(sample.members["ingest/photo.png"])
    outcomes = {o.variant: o for o in sample.document("inject", Injection).outcomes}
    return {
        variant: (photo, paste_picture(photo, outcomes[variant], sample.members, "artifact"))
        for variant in variants
    }


def read_flawed_picture(sample: Sample, photo: Image, picture: str, kept: set[str]) -> Image:
    """Read a picture with the flaws in `kept`; its other flaws are replaced by their controls."""
    members = {v.id for v in sample.document("map", Mapping).variants if v.picture == picture}
    outcomes = sample.document("inject", Injection).outcomes
    parts = [
        (outcome, "artifact" if outcome.variant in kept else "control")
        for outcome in outcomes
        if outcome.variant in members
    ]
    return compose_picture(photo, parts, sample.members)


class ExplainStage(ModelStage):
    """Explains the flaws of a photo that passed the filter (algorithm section 6)."""

    name: ClassVar[str] = "explain"
    reads: ClassVar[ReadOnly[str, tuple[str, ...]]] = {
        "filter": (),
        "map": (),
        "perceive": (),
        "ingest": ("photo.png",),
        "inject": ("*.png",),
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
        """Explain the variants that passed and their pictures; reject those whose texts fail a
        check.

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
        pictures, fallen = self._explain_pictures(sample, scene, variants, kept)
        rejects += fallen
        left = {picture.picture for picture in pictures}
        kept = [e for e in kept if variants[e.variant].picture in left]
        document = texts.model_copy(update={"explanations": kept, "pictures": pictures})
        return Output(document, rejects=rejects)

    def _explain_pictures(
        self,
        sample: Sample,
        scene: Scene,
        variants: dict[str, Variant],
        explanations: Sequence[Explanation],
    ) -> tuple[list[PictureText], list[Reject]]:
        """Return the texts about the pictures, and the rejects of the flaws of pictures without a
        usable one."""
        pictures: dict[str, list[Explanation]] = {}
        for explanation in explanations:
            pictures.setdefault(variants[explanation.variant].picture, []).append(explanation)
        found: list[PictureText] = []
        rejects: list[Reject] = []
        for picture, texts in pictures.items():
            if len(texts) == 1:
                found.append(_describe_single(picture, texts[0]))
                continue
            try:
                found.append(
                    self._compose(sample, scene, [(variants[t.variant], t) for t in texts])
                )
            except RejectForNow:
                raise
            except RejectPhoto as out:
                reason = (out.code, f"picture {picture}: {out.message}", out.evidence)
                rejects += [Reject(sample.key, text.variant, *reason) for text in texts]
        return found, rejects

    def _compose(
        self, sample: Sample, scene: Scene, flaws: list[tuple[Variant, Explanation]]
    ) -> PictureText:
        """Write and check the text about a picture with several flaws.

        Raises:
            RejectPhoto: there is no usable text.
        """
        images = None
        if self.explainer.looks:
            photo = read_png(sample.members["ingest/photo.png"])
            kept = {variant.id for variant, _ in flaws}
            images = photo, read_flawed_picture(sample, photo, flaws[0][0].picture, kept)
        text = self.explainer.compose(scene, flaws, images)
        if problems := find_picture_problems(text.overall, [variant for variant, _ in flaws]):
            raise RejectPhoto(
                ExplainCode.UNFIT,
                f"the text about its {len(flaws)} flaws fails {', '.join(sorted(problems))}",
                overall=text.overall,
                problems=problems,
            )
        return text

    def columns(self) -> ReadOnly[str, type]:
        """Return the columns of the manifest."""
        return {
            **dict.fromkeys(("key", "variant", "tool", "author", "label"), str),
            **dict.fromkeys(("local", "overall", "picture_overall", "clean"), str),
            **dict.fromkeys(("local_words", "overall_words"), int),
        }

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per explained variant."""
        texts = Explanations.model_validate(document)
        of_variant = {name: p.overall for p in texts.pictures for name in p.variants}
        return [
            {
                "key": texts.key,
                "variant": explanation.variant,
                "tool": explanation.tool,
                "author": texts.author,
                "label": explanation.label,
                "local": explanation.local,
                "overall": explanation.overall,
                "picture_overall": of_variant[explanation.variant],
                "clean": texts.clean,
                "local_words": len(explanation.local.split()),
                "overall_words": len(explanation.overall.split()),
            }
            for explanation in texts.explanations
        ]


def _describe_single(picture: str, text: Explanation) -> PictureText:
    """Return the text about a picture of which one flaw is left: that of the flaw."""
    return PictureText(picture=picture, variants=[text.variant], overall=text.overall)


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
