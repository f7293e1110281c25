"""Explain flaws with a vision-language model that gets the pictures and the record's facts
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
from stages.models.chat.usage import collect_calls
from stages.models.explainer import checks
from stages.models.explainer.form import Problem
from stages.models.explainer.label import describe_label
from stages.models.explainer.nouns import NUMBERS
from stages.models.explainer.vlm import briefing
from stages.models.protocols import Image
from stages.records.documents import (
    Explanation,
    Explanations,
    ModelCalls,
    PictureText,
    Scene,
    Unexplained,
    Variant,
    Window,
)

FLAW = Path(__file__).with_name("flaw.md")
CLEAN = Path(__file__).with_name("clean.md")
PICTURE = Path(__file__).with_name("picture.md")
_SENTENCE = re.compile(r"[A-Z].{18,}[.!]")
_MAX_CONCURRENT = 4
"""Maximum number of questions about one photo that are asked at the same time."""


class FlawAnswer(Answer):
    """What is wrong with a flawed picture."""

    local: str = Field(description="What is wrong at that place")
    overall: str = Field(description="Why the picture as a whole is therefore flawed")


class CleanAnswer(Answer):
    """Why a photo is free of flaws."""

    clean: str


class PictureAnswer(Answer):
    """What is wrong with a picture that has several flaws."""

    overall: str = Field(description="Why the picture as a whole is flawed; mentions every flaw")


class VlmExplainer:
    """Explainer (protocols.py) that asks one question per flaw, one per picture with several flaws
    and one per photo."""

    looks = True
    asks: ClassVar[dict[Path, str]] = {FLAW: "variant", PICTURE: "picture", CLEAN: "photo"}

    def __init__(self, chat: ChatModel, seed: int = 0) -> None:
        """Use the model `chat`; `seed` is that of the grammar, whose sentence is one of the
        facts."""
        self._chat, self._seed = chat, seed

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the prompts."""
        return prompts.revision(FLAW, PICTURE, CLEAN)

    def explain(
        self,
        scene: Scene,
        variants: Sequence[Variant],
        images: Mapping[str, tuple[Image, Image]],
    ) -> Explanations:
        """Describe `variants` and the untouched photo. A variant without a usable answer is listed
        as unexplained, with the raw answers.

        Raises:
            Unusable: no usable answer about the untouched photo, whose text is part of every pair.
            RejectForNow, FactoryError: raised by `ChatModel.complete`.
        """
        windows = {window.id: window for window in scene.windows}

        def explain_one(variant: Variant) -> Explanation | Unexplained:
            pictures = images[variant.id]
            return self._explain_flaw(scene.key, variant, windows[variant.window], *pictures)

        with ThreadPoolExecutor(_MAX_CONCURRENT) as pool:
            clean = pool.submit(self._explain_photo, scene, images[variants[0].id][0])
            texts = list(pool.map(explain_one, variants))
        text, calls = clean.result()
        return Explanations(
            key=scene.key,
            author=self._chat.name,
            clean=text,
            explanations=[text for text in texts if isinstance(text, Explanation)],
            unexplained=[text for text in texts if isinstance(text, Unexplained)],
            prompts=prompts.ids((FLAW, CLEAN)),
            calls=calls,
        )

    def _explain_photo(self, scene: Scene, photo: Image) -> tuple[str, list[ModelCalls]]:
        names = list(dict.fromkeys(entity.name for entity in scene.entities))

        def find_problems(answer: CleanAnswer) -> list[str]:
            text = one_line(answer.clean)
            return _check_sentences("clean", text) + [
                f"{p.check}: {p.found!r}" for p in checks.check_clean(text, names)
            ]

        facts = {"things": ", ".join(names) or "nothing"}
        pictures = [views.png(photo)]
        prompt = prompts.load(CLEAN)
        with collect_calls() as calls:
            reply = ask(self._chat, prompt, facts, pictures, CleanAnswer, find_problems)
        return one_line(reply.value.clean), calls

    def _explain_flaw(
        self, key: str, variant: Variant, window: Window, real: Image, artifact: Image
    ) -> Explanation | Unexplained:
        facts = {
            "facts": briefing.format_facts(key, variant, self._seed),
            "names": " and ".join(f"the {name}" for name in _names(variant)),
        }

        def find_problems(answer: FlawAnswer) -> list[str]:
            return find_flaw_problems(answer, variant)

        prompt, pictures = prompts.load(FLAW), make_views(variant, window, real, artifact)
        try:
            with collect_calls() as calls:
                reply = ask(self._chat, prompt, facts, pictures, FlawAnswer, find_problems)
        except Unusable as out:
            return Unexplained(
                variant=variant.id,
                tool=variant.tool,
                code=out.code,
                message=out.message,
                answers=out.evidence["answers"],
            )
        return Explanation(
            variant=variant.id,
            tool=variant.tool,
            label=describe_label(variant),
            local=one_line(reply.value.local),
            overall=one_line(reply.value.overall),
            calls=calls,
        )

    def compose(
        self,
        scene: Scene,
        flaws: Sequence[tuple[Variant, Explanation]],
        images: tuple[Image, Image] | None,
    ) -> PictureText:
        """Describe a picture with several flaws as a whole, from the texts about each.

        Raises:
            Unusable: no usable answer.
            RejectForNow, FactoryError: raised by `ChatModel.complete`.
        """
        if images is None:
            raise ValueError("the explainer needs the pictures")
        variants = [variant for variant, _ in flaws]

        def find_problems(answer: PictureAnswer) -> list[str]:
            text = one_line(answer.overall)
            found = checks.check_picture(text, variants)
            return _check_sentences("overall", text) + _describe_problems("overall", found)

        prompt = prompts.load(PICTURE)
        facts = {
            "count": NUMBERS[len(flaws)],
            "facts": "\n".join(_list_flaw(*flaw) for flaw in flaws),
            "names": ", ".join(dict.fromkeys(n for v in variants for n in _names(v))),
        }
        pictures = [views.png(images[1])]
        with collect_calls() as calls:
            reply = ask(self._chat, prompt, facts, pictures, PictureAnswer, find_problems)
        overall = one_line(reply.value.overall)
        return PictureText(
            picture=variants[0].picture,
            variants=[variant.id for variant in variants],
            overall=overall,
            prompt=prompt.id,
            calls=calls,
        )


def _list_flaw(variant: Variant, explanation: Explanation) -> str:
    """List a flaw's facts, and the text about it, which has passed the checks."""
    details = briefing.list_details(variant)
    return "\n".join(
        f"{'- ' if number == 0 else '  '}{line}"
        for number, line in enumerate(
            [
                f"flaw: {explanation.label}",
                f"thing: {variant.entity_name}",
                f"part: {variant.part_name}",
                *details,
                f"a true description: {explanation.local}",
            ]
        )
    )


def _names(variant: Variant) -> tuple[str, ...]:
    """Return the names to be used: a part of which only the position is known is not named."""
    entity, part = variant.entity_name, variant.part_name
    return (entity,) if variant.positional or variant.part == variant.entity else (entity, part)


def make_views(variant: Variant, window: Window, real: Image, artifact: Image) -> list[bytes]:
    """Return three PNG files: the flawed picture, and the surroundings of the flaw in the photo and
    in the flawed picture, both with the flaw's region marked."""
    shape = (real.shape[0], real.shape[1])
    box = views.region(variant, window, shape)
    place = views.surroundings(box, shape)
    cuts = [views.cut(views.mark_box(picture, box), place) for picture in (real, artifact)]
    return [views.png(picture) for picture in (artifact, *cuts)]


def find_flaw_problems(answer: FlawAnswer, variant: Variant) -> list[str]:
    """Return the reasons not to publish the texts of an answer, worded for the model."""
    found = []
    for field in ("local", "overall"):
        text = one_line(getattr(answer, field))
        found += _check_sentences(field, text)
        problems = checks.check_flaw(text, variant, overall=field == "overall")
        found += _describe_problems(field, problems)
    return found


def _describe_problems(field: str, problems: list[Problem]) -> list[str]:
    meanings = {"names": "does not contain the exact name"}
    return [f"`{field}` {meanings.get(p.check, p.check + ':')} {p.found!r}" for p in problems]


def _check_sentences(field: str, text: str) -> list[str]:
    """Check that the text has the form that the explain gate requires."""
    if _SENTENCE.fullmatch(text):
        return []
    return [f"`{field}` must be whole sentences: a capital letter first, a full stop at the end"]
