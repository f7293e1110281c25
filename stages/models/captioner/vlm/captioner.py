"""Ask a vision-language model for a sentence on what a photo shows."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from stages.models.chat import prompts, views
from stages.models.chat.ask import Answer, ask, one_line
from stages.models.chat.request import ChatModel
from stages.models.explainer.form import check_form
from stages.models.protocols import Image

PROMPT = Path(__file__).with_name("caption.md")


class CaptionAnswer(Answer):
    """What the photo shows."""

    caption: str


class VlmCaptioner:
    """Captioner (protocols.py) that asks one question per photo."""

    asks: ClassVar[dict[Path, str]] = {PROMPT: "photo"}

    def __init__(self, chat: ChatModel) -> None:
        self._chat = chat

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the prompt."""
        return prompts.revision(PROMPT)

    def caption(self, image: Image) -> str:
        """Return one or two sentences.

        Raises:
            Unusable: no usable answer.
            RejectForNow, FactoryError: raised by `ChatModel.complete`.
        """
        pictures = [views.png(image)]
        reply = ask(self._chat, prompts.load(PROMPT), {}, pictures, CaptionAnswer, find_problems)
        return one_line(reply.value.caption)


def find_problems(answer: CaptionAnswer) -> list[str]:
    """Return the problems of a caption, worded for the model: length or markup. Boxes and crops may
    be mentioned: a photo may show some."""
    found = check_form(one_line(answer.caption), [])
    return [f"{p.check}: {p.found}" for p in found if p.check != "leak"]
