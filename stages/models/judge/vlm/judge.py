"""The judge of the paper: a vision-language model that gets the photo, the flawed picture, and the
flawed picture with the flaw's region marked (algorithm section 5)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from stages import tools
from stages.models.chat import prompts, views
from stages.models.chat.ask import Unusable, ask
from stages.models.chat.request import ChatModel
from stages.models.explainer import checks
from stages.models.explainer.form import strip_names
from stages.models.explainer.intent import describe_intent
from stages.models.judge.vlm import examples
from stages.models.judge.vlm.answer import VerdictAnswer, reject_code
from stages.models.judge.vlm.params import VlmJudgeParams
from stages.models.protocols import Case
from stages.records.documents import Variant, Verdict
from stages.tools import Tool
from stages.tools.aspects.filtering import FilteringAspect

PROMPT = Path(__file__).with_name("verdict.md")
_NUMBER = re.compile(r"\d")


class VlmJudge:
    """Judge (protocols.py) of the tools that the filter's LPIPS band does not judge."""

    name = "vlm"
    scores = ("perceptible", "inside_region", "looks_like_flaw")
    asks: ClassVar[dict[Path, str]] = {PROMPT: "variant"}

    def __init__(self, chat: ChatModel, params: VlmJudgeParams) -> None:
        self._chat, self._params = chat, params
        aspects = tools.by_tool(FilteringAspect)
        self.tools: tuple[Tool, ...] = tuple(t for t, how in aspects.items() if not how.band)

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the prompt and its examples."""
        return prompts.revision(PROMPT)

    @classmethod
    def example_pictures(cls, params: VlmJudgeParams) -> dict[Path, int]:
        """Return how many pictures of examples are sent with each question."""
        sent = examples.select(examples.read_ledger(), "", params.examples)
        return {PROMPT: examples.PICTURES * len(sent)}

    def judge(self, case: Case) -> Verdict:
        """Pass a flaw that is perceptible, in its region, and looks like the intended one.

        A variant without a usable answer does not pass; the verdict holds the raw answers.

        Raises:
            RejectForNow, FactoryError: raised by `ChatModel.complete`.
        """
        variant, prompt = case.variant, prompts.load(PROMPT)
        facts = {"intent": describe_intent(variant), "part": variant.part_name}
        chosen = examples.select(examples.read_ledger(), variant.tool, self._params.examples)
        sent = [entry.example(prompt) for entry in chosen]

        def find_problems(answer: VerdictAnswer) -> list[str]:
            return find_inconsistencies(answer, variant)

        try:
            reply = ask(
                self._chat, prompt, facts, make_views(case), VerdictAnswer, find_problems, sent
            )
        except Unusable as out:
            return _make_verdict(variant, out.code, out.message, {}, out.evidence["answers"])
        answer = reply.value
        scores = {
            "perceptible": float(answer.perceptible),
            "inside_region": float(answer.inside_region),
            "looks_like_flaw": float(answer.looks_like_flaw),
        }
        return _make_verdict(variant, reject_code(answer), answer.reason, scores, [])


def make_views(case: Case) -> list[bytes]:
    """Return three PNG files: the surroundings of the flaw in the photo, in the flawed picture, and
    in the flawed picture with the flaw's region marked."""
    shape = case.real.shape[:2]
    box = views.region(case.variant, case.window, shape)
    place = views.surroundings(box, shape)
    pictures = (case.real, case.artifact, views.mark_box(case.artifact, box))
    return [views.png(views.cut(picture, place)) for picture in pictures]


def find_inconsistencies(answer: VerdictAnswer, variant: Variant) -> list[str]:
    """Return the problems of an answer, worded for the model: it contradicts itself or the tool, or
    mentions coordinates."""
    found = []
    if not answer.perceptible and (answer.inside_region or answer.looks_like_flaw):
        found.append("what cannot be noticed is neither inside the region nor a flaw")
    rest = strip_names(answer.reason, [variant.part_name, variant.entity_name])
    if _NUMBER.search(rest):
        found.append("`reason` must hold no numbers or coordinates")
    if not answer.reason.strip():
        found.append("`reason` is empty")
    if reject_code(answer) == "ok":
        text = answer.reason.lower()
        if not any(name in text for name in (variant.part_kind, variant.entity_name)):
            found.append(f"`reason` does not name the {variant.part_name}")
        found += [
            f"{p.found!r} contradicts what was intended"
            for p in checks.find_contradictions(answer.reason, variant)
        ]
    return found


def _make_verdict(
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
