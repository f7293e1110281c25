"""The judge of the paper: a vision-language model sees photo, flaw, and flaw with its region marked
(algorithm section 5)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from stages import tools
from stages.models.chat import prompts, views
from stages.models.chat.ask import Answer, Unusable, ask
from stages.models.chat.request import ChatModel
from stages.models.explainer import checks
from stages.models.explainer.form import strip_names
from stages.models.explainer.intent import intent
from stages.models.judge.codes import JudgeCode
from stages.models.protocols import Case
from stages.records.documents import Variant, Verdict
from stages.tools import Tool
from stages.tools.aspects.filtering import FilteringAspect

PROMPT = Path(__file__).with_name("verdict.md")
_NUMBER = re.compile(r"\d")


class VerdictAnswer(Answer):
    """Whether a flaw came out as intended."""

    reason: str = Field(description="What differs and whether it is the flaw, in a sentence or two")
    perceptible: bool = Field(description="A careful viewer notices a difference from the photo")
    inside_region: bool = Field(description="The difference lies in the marked region")
    looks_like_flaw: bool = Field(description="It looks like the flaw that was intended")


class VlmJudge:
    """Judge (protocols.py) of the tools that the filter's LPIPS band does not judge."""

    name = "vlm"
    asks: ClassVar[dict[Path, str]] = {PROMPT: "variant"}

    def __init__(self, chat: ChatModel) -> None:
        self._chat = chat
        found = tools.by_tool(FilteringAspect)
        self.tools: tuple[Tool, ...] = tuple(t for t, how in found.items() if not how.band)

    @classmethod
    def revision(cls) -> str:
        """The prompt's."""
        return prompts.revision(PROMPT)

    def judge(self, case: Case) -> Verdict:
        """Passed when the flaw is perceptible, in its region, and looks like the one intended.

        A variant for which no usable answer came does not pass; the answers are kept.

        Raises:
            RejectForNow, FactoryError: as `ChatModel.complete` does.
        """
        variant, prompt = case.variant, prompts.load(PROMPT)
        words = {"intent": intent(variant), "part": variant.part_name}

        def problems(answer: VerdictAnswer) -> list[str]:
            return inconsistencies(answer, variant)

        try:
            reply = ask(self._chat, prompt, words, triplet(case), VerdictAnswer, problems)
        except Unusable as out:
            return _verdict(variant, out.code, out.message, {}, out.evidence["answers"])
        answer = reply.value
        scores = {
            "perceptible": float(answer.perceptible),
            "inside_region": float(answer.inside_region),
            "looks_like_flaw": float(answer.looks_like_flaw),
        }
        return _verdict(variant, reason(answer), answer.reason, scores, [])


def triplet(case: Case) -> list[bytes]:
    """The place of the flaw in the photo, in the flawed picture, and there with its region marked,
    as PNG files."""
    shape = case.real.shape[:2]
    box = views.region(case.variant, case.window, shape)
    place = views.surroundings(box, shape)
    pictures = (case.real, case.artifact, views.mark_box(case.artifact, box))
    return [views.png(views.cut(picture, place)) for picture in pictures]


def reason(answer: VerdictAnswer) -> str:
    """``ok`` or the reject code."""
    if not answer.perceptible:
        return JudgeCode.NOT_PERCEPTIBLE
    if not answer.inside_region:
        return JudgeCode.WRONG_PLACE
    return "ok" if answer.looks_like_flaw else JudgeCode.NOT_A_FLAW


def inconsistencies(answer: VerdictAnswer, variant: Variant) -> list[str]:
    """What is wrong with a verdict: it contradicts itself or the tool, or speaks of coordinates."""
    found = []
    if not answer.perceptible and (answer.inside_region or answer.looks_like_flaw):
        found.append("what cannot be noticed is neither inside the region nor a flaw")
    rest = strip_names(answer.reason, [variant.part_name, variant.entity_name])
    if _NUMBER.search(rest):
        found.append("`reason` must hold no numbers or coordinates")
    if not answer.reason.strip():
        found.append("`reason` is empty")
    if reason(answer) == "ok":
        spoken = answer.reason.lower()
        if not any(name in spoken for name in (variant.part_kind, variant.entity_name)):
            found.append(f"`reason` does not name the {variant.part_name}")
        found += [
            f"{p.found!r} contradicts what was intended"
            for p in checks.contradictions(answer.reason, variant)
        ]
    return found


def _verdict(
    variant: Variant, code: str, message: str, scores: dict[str, float], answers: list[str]
) -> Verdict:
    return Verdict(
        variant=variant.id,
        tool=variant.tool,
        passed=code == "ok",
        reason=code,
        message=message,
        judge=VlmJudge.name,
        scores=scores,
        prompt=prompts.load(PROMPT).id,
        answers=answers,
    )
