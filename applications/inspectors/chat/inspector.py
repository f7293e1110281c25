"""Ask a vision-language model about a picture, in strict JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from applications.inspectors.chat.params import ChatParams
from applications.protocols import Finding, Inspector, Region, Thresholds
from stages.models.chat import prompts, views
from stages.models.chat.ask import Answer, ask, one_line
from stages.models.chat.request import ChatModel
from stages.models.registry.backends import BACKENDS
from stages.records.images import Image

PROMPT = Path(__file__).with_name("inspect.md")
FULL = 1000
"""Coordinate of the right and the lower edge in the model's answer."""


class FlawAnswer(Answer):
    """One flaw."""

    label: str
    kind: Literal["add", "remove", "distort", "fuse"]
    box: list[int]
    certainty: int
    explanation: str


class InspectionAnswer(Answer):
    """What is wrong with the picture."""

    flaws: list[FlawAnswer]
    explanation: str
    probability: int


class ChatInspector:
    """Inspector (protocols.py) that asks one question a picture."""

    thresholds = Thresholds()

    def __init__(self, params: ChatParams) -> None:
        """Create the chat model of the section.

        Raises:
            FactoryError: wrong address, key or model.
        """
        self._chat: ChatModel = BACKENDS["chat"][params.model.backend].load()(options=params.model)
        self._side = params.side
        self.name = self._chat.name

    def inspect(self, picture: Image) -> Finding:
        """Ask, and again where the answer does not fit (docs/vlm.md).

        Raises:
            Unusable: the model refused, or no answer fits.
            RejectForNow, FactoryError: raised by `ChatModel.complete`.
        """
        prompt, sent = prompts.load(PROMPT), [views.png(picture, self._side)]
        answer = ask(self._chat, prompt, {}, sent, InspectionAnswer, find_problems).value
        height, width = picture.shape[:2]
        regions = (
            Region(
                _to_pixels(flaw.box, width, height),
                flaw.certainty / 100,
                flaw.kind,
                one_line(f"{flaw.label}: {flaw.explanation}"),
            )
            for flaw in answer.flaws
        )
        return Finding(answer.probability / 100, tuple(regions), text=one_line(answer.explanation))


def _to_pixels(box: list[int], width: int, height: int) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    return x0 * width / FULL, y0 * height / FULL, x1 * width / FULL, y1 * height / FULL


def find_problems(answer: InspectionAnswer) -> list[str]:
    """Return the problems of an answer, worded for the model."""
    found = []
    if not 0 <= answer.probability <= 100:
        found.append("`probability` must be from 0 to 100")
    for number, flaw in enumerate(answer.flaws, start=1):
        if not 0 <= flaw.certainty <= 100:
            found.append(f"`certainty` of flaw {number} must be from 0 to 100")
        if not _is_box(flaw.box):
            found.append(
                f"`box` of flaw {number} must be [x0, y0, x1, y1] with 0 <= x0 < x1 <= {FULL} and "
                f"0 <= y0 < y1 <= {FULL}"
            )
    return found


def _is_box(box: list[int]) -> bool:
    if len(box) != 4:
        return False
    x0, y0, x1, y1 = box
    return 0 <= x0 < x1 <= FULL and 0 <= y0 < y1 <= FULL


_INSPECTOR: type[Inspector] = ChatInspector
"""For the type checker: it implements the protocol."""
