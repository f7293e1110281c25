"""The filter stage: a verdict for each rendered variant of a photo (algorithm section 5)."""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from stages import tools
from stages.engine.codes import RejectCode
from stages.engine.files import sha256
from stages.engine.stage import Assembled, Output, Reject, Sample, StageParams
from stages.engine.storage.tables import (
    PHOTOS,
    REJECTS,
    iterate_photos,
    read_columns,
    select_columns,
)
from stages.engine.workspace import Workspace
from stages.filter import bounds, plots
from stages.filter.case import read_case
from stages.filter.params import ROLES, FilterParams
from stages.filter.reviews import (
    Opinion,
    ReviewCode,
    Reviews,
    apply_to,
    read_reviews,
    reviewer_digest,
)
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
REVIEW_COLUMNS = ("pixels_sha256", "verdict_by", "judge_verdict", "accepted_by", "rejected_by")
"""Fields of a verdict that say whom it is by, in the manifest and in the evidence of rejects."""


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
    codes: ClassVar[tuple[type[RejectCode], ...]] = (
        bounds.BoundsCode, JudgeCode, AskCode, ReviewCode,
    )  # fmt: skip
    sets: ClassVar[ReadOnly[str, Sequence[str]]] = {"tools": TOOLS}
    counted: ClassVar[ReadOnly[str, Sequence[str]]] = {
        "tool": TOOLS,
        "verdict_by": ("judge", "review"),
    }
    roles: ClassVar[tuple[str, ...]] = ROLES
    params: FilterParams
    metric: PerceptualMetric
    judge: Judge
    reviews: Reviews = Reviews()
    """People's marks on flaws of this build."""

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
            judged = self._verdict(case, outcome.target_box)
            pixels = sha256(sample.members[f"inject/{variant.id}.artifact.png"])
            marks = {"pixels_sha256": pixels, "judge_verdict": judged.reason}
            verdict = judged.model_copy(update=marks)
            verdicts.append(verdict)
            if not verdict.passed:
                rejects.append(_reject(sample.key, verdict))
        return Output(Curation(key=sample.key, verdicts=verdicts), rejects=rejects)

    def _verdict(self, case: Case, target_box: tuple[int, int, int, int]) -> Verdict:
        """Check the bounds, then ask the judge: it may cost money, and need not see flaws that are
        not visible."""
        tool = case.variant.tool
        found = bounds.measure(case, target_box, self.metric)
        scores = asdict(found)
        reason, message = bounds.check(tool, found, self.params.lpips)
        if reason == "ok" and tool in self.judge.tools:
            with collect_calls() as calls:
                judged = self.judge.judge(replace(case, measured=scores))
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
            **dict.fromkeys(REVIEW_COLUMNS, str),
            **dict.fromkeys((*MEASURED, PROBABILITY), float),
        }

    def read_files(self, workspace: Workspace) -> ReadOnly[Path, str]:
        """Read the review files, and sort out which of their marks are about flaws of this build.

        Raises:
            FactoryError: a file is missing, not valid, or about another data set.
        """
        files, digests = read_reviews(workspace.root, self.params.reviews)
        if files:
            rendered = iterate_photos(workspace.stage("inject"))
            places = (place for entry in rendered for place in entry.places.items())
            pixels = frozenset(m.sha256 for name, m in places if name.endswith(".artifact.png"))
            ingest = workspace.stage("ingest")
            listed = [read_columns(ingest / name, ["key"])["key"] for name in (PHOTOS, REJECTS)]
            self.reviews = apply_to(files, pixels, frozenset(chain(*listed)))
        return digests

    def sift(self, result: Assembled) -> tuple[Assembled, list[Reject]]:
        """Apply people's marks: their verdict overrides that of bounds and judge."""
        curation = Curation.model_validate(result.document)
        opinions = self.reviews.opinions
        reviewed = {
            verdict.variant: apply_opinion(verdict, opinions[verdict.pixels_sha256])
            for verdict in curation.verdicts
            if verdict.pixels_sha256 in opinions
        }
        if not reviewed:
            return result, []
        verdicts = [reviewed.get(verdict.variant, verdict) for verdict in curation.verdicts]
        document = curation.model_copy(update={"verdicts": verdicts}).model_dump(mode="json")
        others = [reject for reject in result.rejects if reject.variant not in reviewed]
        rejects = [_reject(result.key, v) for v in reviewed.values() if not v.passed]
        return replace(result, document=document, rejects=others), rejects

    def numbers(self, rows: Sequence[dict[str, Any]]) -> ReadOnly[str, float]:
        """Return counts of review files, their marks and the flaws that they are about."""
        opinions, files = self.reviews.opinions.values(), self.reviews.files
        return {
            "reviews.files": len(files),
            "reviews.marks": sum(len(file.marks) for file in files.values()),
            "reviews.stale": sum(map(len, self.reviews.stale.values())),
            "reviews.flaws": len(opinions),
            "reviews.disputed": sum(opinion.disputed for opinion in opinions),
            "reviews.undecided": sum(opinion.verdict is None for opinion in opinions),
        }

    def examples(self) -> ReadOnly[str, list[str]]:
        """Return the flaws whose marks are of other pixels."""
        stale = (mark for marks in self.reviews.stale.values() for mark in marks)
        return {"reviews.stale": sorted({mark.flaw for mark in stale})}

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
                **verdict.model_dump(include=set(REVIEW_COLUMNS)),
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
        accepted = select_columns(rows, names)
        return {"scores": plots.count_scores(names, accepted, (r.evidence for r in rejects))}


def apply_opinion(verdict: Verdict, opinion: Opinion) -> Verdict:
    """Return a judge's verdict with what people say about the flaw: the majority decides; if as
    many accept as reject, the judge's verdict stands."""
    accepts, rejects = len(opinion.accepted_by), len(opinion.rejected_by)
    reviewed = verdict.model_copy(
        update={
            "accepted_by": ",".join(map(reviewer_digest, opinion.accepted_by)),
            "rejected_by": ",".join(map(reviewer_digest, opinion.rejected_by)),
        }
    )
    if opinion.verdict is None:
        return reviewed
    passed = opinion.verdict == "accept"
    count, total = (accepts if passed else rejects), accepts + rejects
    message = f"{count} of {total} reviewers {opinion.verdict} it"
    if opinion.reasons and not passed:
        message += f" ({', '.join(opinion.reasons)})"
    message += f"; the judge: {verdict.judge_verdict}, {verdict.message}"
    return reviewed.model_copy(
        update={
            "passed": passed,
            "reason": "ok" if passed else ReviewCode.REJECTED_BY_REVIEW.value,
            "message": message,
            "verdict_by": "review",
        }
    )


def _reject(key: str, verdict: Verdict) -> Reject:
    evidence = {
        "tool": verdict.tool,
        **verdict.model_dump(include=set(REVIEW_COLUMNS)),
        **verdict.scores,
        **_answers(verdict),
    }
    return Reject(key, verdict.variant, verdict.reason, verdict.message, evidence)


def _answers(verdict: Verdict) -> dict[str, Any]:
    """Return the evidence of a judge that asks a chat model: prompt and raw answers."""
    if not verdict.prompt:
        return {}
    return {"prompt": verdict.prompt, "answers": verdict.answers}
