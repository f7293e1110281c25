"""Boxes for words: Grounding DINO (Liu et al. 2023) through transformers' own classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stages.models.networks import torchvision_import
from stages.models.protocols import Image
from stages.models.weights import hub

Floats = NDArray[np.float32]
STOP = "."
"""Ends a phrase: tokens of one phrase do not see those of another."""
PROMPTS = 4
"""Prompts in one forward pass, which bounds the memory."""
_BREAKS = re.compile(r"[.?\s]+")


@dataclass(frozen=True)
class Detection:
    """A box that a phrase was found in."""

    phrase: str
    score: float
    """Probability of the phrase's best token, 0..1."""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in photo pixels, inside the photo."""


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[Any]:
    """Mixed precision: weights stay as they are, matrix products are in `dtype`; float32 is off."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)


def prompts(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Which phrases go together, by index: as many as fit, in order.

    Args:
        lengths: tokens of each phrase, its stop included. Phrases that are nothing but a stop, or
            longer than the limit, are left out.
        limit: tokens in a prompt, those at its ends not counted.
    """
    out: list[list[int]] = []
    room = 0
    for index, length in enumerate(lengths):
        if not 1 < length <= limit:
            continue
        if length > room:
            out.append([])
            room = limit
        out[-1].append(index)
        room -= length
    return out


def spans(tokens: Sequence[int], stop: int) -> list[slice]:
    """Where each phrase's tokens lie in a prompt ``[CLS] a cat . a dog . [SEP] [PAD] ...``."""
    stops = [position for position, token in enumerate(tokens) if token == stop]
    return [slice(a + 1, b) for a, b in zip([0, *stops], stops, strict=False)]


def assign(
    probabilities: Floats, phrases: Sequence[slice], box: float, text: float
) -> tuple[NDArray[np.int64], Floats]:
    """The phrase that each query found, -1 for none, and its score: its best token's probability.

    A phrase is found where its best token is above `box` (published default 0.3) and its tokens'
    mean above `text` (0.25); of several the one with the greatest mean. The usual post-processing
    joins all tokens above the text threshold to a label, across phrases (``dog cat``), which names
    nothing that was asked for.

    Args:
        probabilities: (queries, tokens).
        phrases: token spans, none empty.
        box: threshold of a phrase's best token.
        text: threshold of the mean of its tokens.
    """
    # a diverged network gives no number, which is no evidence
    sure = np.nan_to_num(probabilities, nan=0.0)
    best = np.stack([sure[:, span].max(axis=1) for span in phrases], axis=1)
    mean = np.stack([sure[:, span].mean(axis=1) for span in phrases], axis=1)
    mean = np.where((best > box) & (mean > text), mean, 0.0)
    chosen = mean.argmax(axis=1)
    rows = np.arange(len(best))
    return np.where(mean[rows, chosen] > 0, chosen, -1), best[rows, chosen]


def corners(boxes: Floats, size: tuple[int, int]) -> Floats:
    """(N, 4) centre x, y, width, height in shares of the photo to corners in pixels, clipped to it.

    Args:
        boxes: as the network gives them; anything may stand in them.
        size: the photo's (width, height).
    """
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    scale = np.array(size * 2, np.float32)
    pixels = np.concatenate([centre - half, centre + half], axis=1) * scale
    return np.clip(np.nan_to_num(pixels, nan=0.0), 0.0, scale).astype(np.float32)


class GroundingDino:
    """Finds boxes of any phrase."""

    def __init__(
        self, model: Any, processor: Any, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        """Take a GroundingDinoForObjectDetection and its GroundingDinoProcessor.

        Args:
            model: float32 weights.
            processor: image processor and tokenizer.
            device: where to run.
            dtype: float32, or bfloat16 or float16 for mixed precision.
        """
        self._device, self._dtype = torch.device(device), dtype
        self._model = model.to(self._device).eval().requires_grad_(False)
        self._processor = processor
        self._stop = int(processor.tokenizer.convert_tokens_to_ids(STOP))

    @classmethod
    def load(cls, name: str, device: str, dtype: torch.dtype) -> GroundingDino:
        """Load a folder or pinned hub model; safetensors only.

        Raises:
            WeightsError: not pinned, not fetched or damaged.
            OSError: the folder holds something else.
        """
        torchvision_import.prepare()  # before transformers: its model classes import torchvision
        from transformers import GroundingDinoForObjectDetection, GroundingDinoProcessor

        folder = hub.resolve(name)
        model = GroundingDinoForObjectDetection.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
        )
        processor = GroundingDinoProcessor.from_pretrained(folder, local_files_only=True)
        return cls(model, processor, device, dtype)

    def detect(
        self, image: Image, phrases: Sequence[str], box: float = 0.3, text: float = 0.25
    ) -> list[Detection]:
        """Boxes of at least a pixel each way, best first.

        Args:
            image: (H, W, 3) uint8.
            phrases: noun phrases. As many prompts are asked as it takes to hold them.
            box: threshold of a box, by its best token.
            text: threshold of the mean of a phrase's tokens.
        """
        words = [_BREAKS.sub(" ", phrase).strip().lower() for phrase in phrases]
        tokenizer = self._processor.tokenizer
        lengths = [len(tokenizer(w, add_special_tokens=False).input_ids) + 1 for w in words]
        asked = prompts(lengths, self._model.config.max_text_len - 2)
        found: list[Detection] = []
        for first in range(0, len(asked), PROMPTS):
            groups = asked[first : first + PROMPTS]
            texts = ["".join(f"{words[i]}{STOP} " for i in group).strip() for group in groups]
            tokens, probabilities, boxes = self._forward(image, texts)
            for row, group in enumerate(groups):
                which, score = assign(probabilities[row], spans(tokens[row], self._stop), box, text)
                for query in np.flatnonzero(which >= 0):
                    x0, y0, x1, y1 = map(float, boxes[row, query])
                    if x1 - x0 >= 1 and y1 - y0 >= 1:
                        phrase = phrases[group[int(which[query])]]
                        found.append(Detection(phrase, float(score[query]), (x0, y0, x1, y1)))
        return sorted(found, key=lambda d: (-d.score, d.phrase, d.box))

    @torch.inference_mode()
    def _forward(self, image: Image, texts: list[str]) -> tuple[list[list[int]], Floats, Floats]:
        """Token ids, (prompts, queries, tokens) probabilities, (prompts, queries, 4) corners."""
        pixels = self._processor.image_processor(images=np.array(image), return_tensors="pt")
        tokens = self._processor.tokenizer(
            texts, padding=True, return_token_type_ids=True, return_tensors="pt"
        )
        inputs = {**{k: v.expand(len(texts), *v.shape[1:]) for k, v in pixels.items()}, **tokens}
        with autocast(self._device, self._dtype):
            out = self._model(**{k: v.to(self._device) for k, v in inputs.items()})
        ids = tokens["input_ids"].tolist()
        probabilities = out.logits.float().sigmoid().cpu().numpy()[:, :, : len(ids[0])]
        boxes = out.pred_boxes.float().cpu().numpy()
        size = (image.shape[1], image.shape[0])
        return ids, probabilities, np.stack([corners(b, size) for b in boxes])
