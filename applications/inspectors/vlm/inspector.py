"""Ask a vision-language model in this process what it was tuned to answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch

from applications.inspectors.vlm import loading
from applications.inspectors.vlm.answers import Detection, Overall, Place, Words, check_box, parse
from applications.inspectors.vlm.asking import Reply, VlmModel
from applications.inspectors.vlm.families import FAMILIES, Family, find_family
from applications.inspectors.vlm.params import VlmParams
from applications.inspectors.vlm.questions import first_questions
from applications.inspectors.vlm.record import ADAPTER_CONFIG, Tuning, read_tuning
from applications.protocols import Box, Finding, Inspector, Region, Thresholds
from flows.exports.chat.targets import find_size
from flows.exports.pictures import resize_pixels
from stages.engine.stage import RejectPhoto
from stages.engine.workspace import FactoryError
from stages.models.chat.ask import one_line
from stages.models.chat.codes import AskCode
from stages.models.weights import hub
from stages.records.images import Image

T = TypeVar("T")


class VlmInspector:
    """Inspector (protocols.py) that asks for detection, localisation and an overall explanation.

    The probability is that of the token "true" against "false" in the answer to detection. A
    region has no score of its own: it gets the picture's probability.
    """

    thresholds = Thresholds()

    def __init__(self, params: VlmParams) -> None:
        """Load the model, with its adapter if it is one.

        Raises:
            FactoryError: the model, its adapter or its record cannot be used.
        """
        name, folder = loading.resolve(params.model)
        self.name = folder.name if Path(name).is_dir() else name
        tuning = read_tuning(folder)
        self._family, self._max_pixels = _find_limit(folder, tuning, params.max_pixels)
        self._questions: Mapping[str, str] = tuning.questions if tuning else first_questions()
        self._max_tokens, self._explain = params.max_tokens, params.explain_regions
        cuda = params.device == "cuda" or (params.device == "auto" and torch.cuda.is_available())
        wanted = ("bfloat16" if cuda else "float32") if params.dtype == "auto" else params.dtype
        dtype: torch.dtype = getattr(torch, wanted)
        processor = loading.load_processor(folder, self._family, self._max_pixels)
        if (folder / ADAPTER_CONFIG).is_file():
            base = _find_base(folder, tuning, params.base)
            model = loading.add_adapter(loading.load_model(base, self._family, dtype), folder)
        else:
            model = loading.load_model(folder, self._family, dtype)
        self._model = VlmModel(processor, model.to("cuda" if cuda else "cpu"))

    def inspect(self, picture: Image) -> Finding:
        """Ask three questions; with `explain_regions` one more a region.

        Raises:
            RejectPhoto: an answer is not JSON of its form, or a box leaves the picture; or the
                picture is more than 200 times as long as wide.
        """
        height, width = picture.shape[:2]
        try:
            size = find_size(width, height, self._family.target, self._max_pixels)
        except ValueError as error:
            raise RejectPhoto(AskCode.UNUSABLE, str(error)) from error
        seen = resize_pixels(picture, size)
        reply, verdict = self._ask(seen, "detection", Detection, with_logits=True)
        probability = self._model.weigh_yes(reply)
        if probability is None:
            probability = float(verdict.flawed)
        reply, places = self._ask(seen, "localisation", list[Place])
        regions = []
        for place in places:
            try:
                check_box(place.bbox_2d, size, self._family.target)
            except ValueError as error:
                raise _unusable("localisation", reply, str(error)) from error
            box = self._to_pixels(place.bbox_2d, size, (width, height))
            text = one_line(place.label)
            if self._explain:
                _, words = self._ask(seen, "region", Words, region=str(place.bbox_2d))
                text = f"{text}: {one_line(words.explanation)}"
            regions.append(Region(box, probability, text=text))
        _, overall = self._ask(seen, "overall", Overall)
        return Finding(probability, tuple(regions), text=one_line(overall.explanation))

    def _ask(
        self, seen: Image, task: str, form: type[T], with_logits: bool = False, **slots: str
    ) -> tuple[Reply, T]:
        question = self._questions[task]
        for slot, value in slots.items():
            question = question.replace(f"{{{slot}}}", value)
        reply = self._model.ask([seen], question, self._max_tokens, with_logits)
        try:
            return reply, parse(task, reply.text)
        except ValueError as error:
            cut = f" (cut off after {self._max_tokens} tokens)" if reply.cut_off else ""
            raise _unusable(task, reply, f"{error}{cut}") from error

    def _to_pixels(self, box: list[int], seen: tuple[int, int], full: tuple[int, int]) -> Box:
        """Map a box from the convention of the picture as seen to pixels of the full picture."""
        sides = seen if self._family.target.boxes == "pixels" else (1000, 1000)
        x0, y0, x1, y1 = (side * full[n % 2] / sides[n % 2] for n, side in enumerate(box))
        return x0, y0, x1, y1


def _unusable(task: str, reply: Reply, problem: str) -> RejectPhoto:
    message = f"the answer to {task} cannot be used: {problem}"
    return RejectPhoto(AskCode.UNUSABLE, message, answers=[reply.text])


def _find_limit(folder: Path, tuning: Tuning | None, wanted: int) -> tuple[Family, int]:
    if tuning is not None:
        if tuning.family not in FAMILIES:
            raise FactoryError(f"{folder}: no family {tuning.family!r}")
        if wanted not in (0, tuning.max_pixels):
            raise FactoryError(
                f"inspectors.vlm.max_pixels is {wanted}, but {folder} was tuned on pictures of at "
                f"most {tuning.max_pixels}: boxes would be off. Set 0"
            )
        return FAMILIES[tuning.family], tuning.max_pixels
    if (folder / ADAPTER_CONFIG).is_file():
        raise FactoryError(f"{folder} is an adapter without tuning.json: tune it with "
                           "applications.training.vlm.train")  # fmt: skip
    family = find_family(folder)
    limit = wanted or family.target.max_pixels
    if limit < family.target.lowest_limit:
        raise FactoryError(
            f"inspectors.vlm.max_pixels is {limit}, must be at least {family.target.lowest_limit}"
        )
    return family, limit


def _find_base(folder: Path, tuning: Tuning | None, wanted: str) -> Path:
    """Return the folder of an adapter's base, after checking that it is the same model."""
    assert tuning is not None  # _find_limit refuses adapters without a record  # noqa: S101
    name, base = loading.resolve(wanted or tuning.settings.base)
    if hub.revision(name) != tuning.settings.revision:
        raise FactoryError(f"{folder} was tuned on other weights than those of {name}: "
                           "set inspectors.vlm.base to the model that was tuned")  # fmt: skip
    return base


_INSPECTOR: type[Inspector] = VlmInspector
"""For the type checker: it implements the protocol."""
