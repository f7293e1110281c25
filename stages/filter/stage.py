"""The filter stage: a verdict for each rendered variant of a photo (algorithm section 5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping as ReadOnly
from collections.abc import Sequence
from typing import Any, ClassVar

from stages import tools
from stages.engine.codes import RejectCode
from stages.engine.stage import Output, Reject, Sample, StageParams
from stages.filter import bounds, plots
from stages.filter.case import read_case
from stages.filter.params import ROLES, FilterParams
from stages.models import registry
from stages.models.chat.codes import AskCode
from stages.models.chat.usage import collect_calls
from stages.models.judge.codes import JudgeCode
from stages.models.protocols import MEASURED, Case, Judge, PerceptualMetric
from stages.models.stage import ModelStage
from stages.records.documents import Curation, Injection, Mapping, Scene, Verdict
from stages.records.images import read_png
from stages.tools import TOOLS

PROBABILITY = "probability"
"""The compact judge's score; scores but this and `MEASURED` are in the document only."""


class FilterStage(ModelStage):
    """Judges the variants of a photo one by one; rejecting one does not affect the others."""

    name: ClassVar[str] = "filter"
    reads: ClassVar[ReadOnly[str, tuple[str, ...]]] = {
        "inject": ("*.png",),
        "map": (),
        "perceive": (),
        "ingest": ("photo.png",),
    }
    params_model: ClassVar[type[StageParams]] = FilterParams
    codes: ClassVar[tuple[type[RejectCode], ...]] = (bounds.BoundsCode, JudgeCode, AskCode)
    sets: ClassVar[ReadOnly[str, Sequence[str]]] = {"tools": TOOLS}
    counted: ClassVar[ReadOnly[str, Sequence[str]]] = {"tool": TOOLS}
    roles: ClassVar[tuple[str, ...]] = ROLES
    params: FilterParams
    metric: PerceptualMetric
    judge: Judge

    def plugins(self) -> tuple[str, ...]:
        """Return the modules of metric and judge, those that say how the tools are judged, and, for
        a judge that asks a chat model, those that describe the tools."""
        described = ("briefing", "claims") if registry.questions("judge", self.base) else ()
        return (*super().plugins(), *tools.modules("filtering", *described))

    def setup(self) -> None:
        """Load the profile's metric and judge."""
        small_crops = self.params.lpips.small_crops
        self.metric = registry.metric(self.base, self.params, small_crops=small_crops)
        self.judge = registry.judge(self.base, self.params)

    def process(self, sample: Sample) -> Output:
        """Judge all variants of a photo. Those that do not pass are rejects as well."""
        photo_size = sample.documents["ingest"]["width"], sample.documents["ingest"]["height"]
        photo = read_png(sample.members["ingest/photo.png"], photo_size)
        variants = {v.id: v for v in sample.document("map", Mapping).variants}
        windows = {w.id: w for w in sample.document("perceive", Scene).windows}
        verdicts, rejects = [], []
        for outcome in sample.document("inject", Injection).outcomes:
            variant = variants[outcome.variant]
            case = read_case(photo, windows[variant.window], variant, outcome, sample.members)
            verdict = self._verdict(case, outcome.target_box)
            verdicts.append(verdict)
            if not verdict.passed:
                rejects.append(
                    Reject(
                        sample.key,
                        variant.id,
                        verdict.reason,
                        verdict.message,
                        {"tool": variant.tool, **verdict.scores, **_answers(verdict)},
                    )
                )
        return Output(Curation(key=sample.key, verdicts=verdicts), rejects=rejects)

    def _verdict(self, case: Case, target_box: tuple[int, int, int, int]) -> Verdict:
        """Check the bounds, then ask the judge: it may cost money, and need not see flaws that are
        not visible."""
        tool = case.variant.tool
        found = bounds.measure(case, target_box, self.metric)
        scores = dataclasses.asdict(found)
        reason, message = bounds.check(tool, found, self.params.lpips)
        if reason == "ok" and tool in self.judge.tools:
            with collect_calls() as calls:
                judged = self.judge.judge(dataclasses.replace(case, measured=scores))
            return judged.model_copy(update={"scores": {**scores, **judged.scores}, "calls": calls})
        return Verdict(
            variant=case.variant.id,
            tool=tool,
            passed=reason == "ok",
            reason=reason,
            message=message,
            judge="bounds",
            scores=scores,
        )

    def columns(self) -> ReadOnly[str, type]:
        """Return the columns of the manifest."""
        return {
            **dict.fromkeys(("key", "variant", "tool", "judge"), str),
            "passed": bool,
            **dict.fromkeys((*MEASURED, PROBABILITY), float),
        }

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per variant that passed."""
        curation = Curation.model_validate(document)
        return [
            {
                "key": curation.key,
                "variant": verdict.variant,
                "tool": verdict.tool,
                "judge": verdict.judge,
                "passed": verdict.passed,
                **{column: verdict.scores[column] for column in MEASURED},
                PROBABILITY: verdict.scores.get(PROBABILITY),
            }
            for verdict in curation.verdicts
            if verdict.passed
        ]

    def plots(
        self, rows: Sequence[dict[str, Any]], rejects: Sequence[Reject]
    ) -> ReadOnly[str, Sequence[ReadOnly[str, Any]]]:
        """Return histograms of the scores of accepted and of rejected variants."""
        names = (*MEASURED, PROBABILITY)
        return {"scores": plots.count_scores(names, rows, [r.evidence for r in rejects])}


def _answers(verdict: Verdict) -> dict[str, Any]:
    """Return the evidence of a judge that asks a chat model: prompt and raw answers."""
    if not verdict.prompt:
        return {}
    return {"prompt": verdict.prompt, "answers": verdict.answers}
