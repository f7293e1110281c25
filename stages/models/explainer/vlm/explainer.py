"""Explanations by a vision-language model that sees the pictures and is told the facts
(algorithm section 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from stages.models.chat import prompts, views
from stages.models.chat.ask import Answer, Unusable, ask, one_line
from stages.models.chat.request import ChatModel
from stages.models.explainer import checks
from stages.models.explainer.vlm import briefing
from stages.models.protocols import Image
from stages.records.documents import Explanation, Explanations, Scene, Unexplained, Variant, Window

FLAW = Path(__file__).with_name("flaw.md")
CLEAN = Path(__file__).with_name("clean.md")
_SENTENCE = re.compile(r"[A-Z].{18,}[.!]")
_AT_ONCE = 4
"""Questions of one photo under way together."""


class FlawAnswer(Answer):
    """What is wrong with a flawed picture."""

    local: str = Field(description="What is wrong at that place")
    overall: str = Field(description="Why the picture as a whole is therefore flawed")


class CleanAnswer(Answer):
    """Why a photo is free of flaws."""

    clean: str


class VlmExplainer:
    """Explainer (protocols.py) that looks: one question a flaw, one a photo."""

    looks = True
    asks: ClassVar[dict[Path, str]] = {FLAW: "variant", CLEAN: "photo"}

    def __init__(self, chat: ChatModel, seed: int = 0) -> None:
        """Ask `chat`; `seed` is the grammar's, whose sentence goes along as a fact."""
        self._chat, self._seed = chat, seed

    @classmethod
    def revision(cls) -> str:
        """The prompts'."""
        return prompts.revision(FLAW, CLEAN)

    def explain(
        self,
        scene: Scene,
        variants: Sequence[Variant],
        images: Mapping[str, tuple[Image, Image]],
    ) -> Explanations:
        """Words for `variants`; those for which none came are listed with the raw answers.

        Raises:
            Unusable: no usable words for the untouched photo, which every pair carries.
            RejectForNow, FactoryError: as `ChatModel.complete` does.
        """
        windows = {window.id: window for window in scene.windows}

        def one(variant: Variant) -> Explanation | Unexplained:
            pictures = images[variant.id]
            return self._flaw(scene.key, variant, windows[variant.window], *pictures)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            clean = pool.submit(self._clean, scene, images[variants[0].id][0])
            told = list(pool.map(one, variants))
        return Explanations(
            key=scene.key,
            author=self._chat.name,
            clean=clean.result(),
            explanations=[text for text in told if isinstance(text, Explanation)],
            unexplained=[text for text in told if isinstance(text, Unexplained)],
            prompts=prompts.ids((FLAW, CLEAN)),
        )

    def _clean(self, scene: Scene, photo: Image) -> str:
        names = list(dict.fromkeys(entity.name for entity in scene.entities))

        def problems(answer: CleanAnswer) -> list[str]:
            text = one_line(answer.clean)
            return _unspoken("clean", text) + [
                f"{p.check}: {p.found!r}" for p in checks.clean(text, names)
            ]

        told = {"things": ", ".join(names) or "nothing"}
        pictures = [views.png(photo)]
        reply = ask(self._chat, prompts.load(CLEAN), told, pictures, CleanAnswer, problems)
        return one_line(reply.value.clean)

    def _flaw(
        self, key: str, variant: Variant, window: Window, real: Image, artifact: Image
    ) -> Explanation | Unexplained:
        told = {
            "facts": briefing.lines(key, variant, self._seed),
            "entity": variant.entity_name,
            "part": variant.part_name,
        }

        def problems(answer: FlawAnswer) -> list[str]:
            return unfit(answer, variant)

        pictures = shown(variant, window, real, artifact)
        try:
            reply = ask(self._chat, prompts.load(FLAW), told, pictures, FlawAnswer, problems)
        except Unusable as out:
            return Unexplained(
                variant=variant.id,
                tool=variant.tool,
                code=out.code,
                message=out.message,
                answers=out.evidence["answers"],
            )
        local, overall = one_line(reply.value.local), one_line(reply.value.overall)
        return Explanation(variant=variant.id, tool=variant.tool, local=local, overall=overall)


def shown(variant: Variant, window: Window, real: Image, artifact: Image) -> list[bytes]:
    """The flawed picture, then the flaw's place in the photo and in the flawed picture with the
    region marked, as PNG files."""
    shape = (real.shape[0], real.shape[1])
    box = views.region(variant, window, shape)
    place = views.surroundings(box, shape)
    cuts = [views.cut(views.mark_box(picture, box), place) for picture in (real, artifact)]
    return [views.png(picture) for picture in (artifact, *cuts)]


def unfit(answer: FlawAnswer, variant: Variant) -> list[str]:
    """What must not be published, in words for the model."""
    meanings = {"names": "does not contain the exact name"}
    found = []
    for field in ("local", "overall"):
        text = one_line(getattr(answer, field))
        found += _unspoken(field, text)
        found += [
            f"`{field}` {meanings.get(p.check, p.check + ':')} {p.found!r}"
            for p in checks.flaw(text, variant, overall=field == "overall")
        ]
    return found


def _unspoken(field: str, text: str) -> list[str]:
    """What the explain stage's gate would fail on."""
    if _SENTENCE.fullmatch(text):
        return []
    return [f"`{field}` must be whole sentences: a capital letter first, a full stop at the end"]
