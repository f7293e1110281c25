"""A sentence on what a photo shows, asked of a vision-language model."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from stages.models.chat import prompts, views
from stages.models.chat.ask import Answer, ask, one_line
from stages.models.chat.request import ChatModel
from stages.models.explainer.form import form
from stages.models.protocols import Image

PROMPT = Path(__file__).with_name("caption.md")


class CaptionAnswer(Answer):
    """What the photo shows."""

    caption: str


class VlmCaptioner:
    """Captioner (protocols.py) from one question a photo."""

    asks: ClassVar[dict[Path, str]] = {PROMPT: "photo"}

    def __init__(self, chat: ChatModel) -> None:
        self._chat = chat

    @classmethod
    def revision(cls) -> str:
        """The prompt's."""
        return prompts.revision(PROMPT)

    def caption(self, image: Image) -> str:
        """One or two sentences.

        Raises:
            Unusable: no usable answer.
            RejectForNow, FactoryError: as `ChatModel.complete` does.
        """
        pictures = [views.png(image)]
        reply = ask(self._chat, prompts.load(PROMPT), {}, pictures, CaptionAnswer, problems)
        return one_line(reply.value.caption)


def problems(answer: CaptionAnswer) -> list[str]:
    """What is wrong with a caption: length or markup. It may speak of boxes and crops: a photo may
    show some."""
    found = form(one_line(answer.caption), [])
    return [f"{p.check}: {p.found}" for p in found if p.check != "leak"]
