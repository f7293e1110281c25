"""Detect boxes for phrases: Grounding DINO (Liu et al. 2023) through transformers' own classes."""

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
"""Ends a phrase: tokens of one phrase do not attend to those of another."""
PROMPTS = 4
"""Maximum number of prompts in one forward pass, which limits the memory."""
_BREAKS = re.compile(r"[.?\s]+")


@dataclass(frozen=True)
class Detection:
    """A box in which a phrase was found."""

    phrase: str
    score: float
    """Probability of the phrase's best token, 0..1."""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in photo pixels, inside the photo."""


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[Any]:
    """Return a context for mixed precision: matrix products in `dtype`; disabled for float32."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)


def group_phrases(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Distribute phrases over prompts: as many as fit into each, in order, by index.

    Args:
        lengths: number of tokens of each phrase, including its stop. Phrases that consist of a stop
            only, or are longer than the limit, are left out.
        limit: maximum number of tokens of a prompt, without its first and last token.
    """
    out: list[list[int]] = []
    available = 0
    for index, length in enumerate(lengths):
        if not 1 < length <= limit:
            continue
        if length > available:
            out.append([])
            available = limit
        out[-1].append(index)
        available -= length
    return out


def find_spans(tokens: Sequence[int], stop: int) -> list[slice]:
    """Find the tokens of each phrase in a prompt ``[CLS] a cat . a dog . [SEP] [PAD] ...``."""
    stops = [position for position, token in enumerate(tokens) if token == stop]
    return [slice(a + 1, b) for a, b in zip([0, *stops], stops, strict=False)]


def assign_phrases(
    probabilities: Floats, phrases: Sequence[slice], box: float, text: float
) -> tuple[NDArray[np.int64], Floats]:
    """Assign a phrase to each query, -1 for none, with the probability of its best token as score.

    A query finds a phrase if its best token is above `box` (published default 0.3) and the mean of
    its tokens is above `text` (0.25); of several phrases, the one with the largest mean. The usual
    post-processing joins all tokens above the text threshold to one label, even of several phrases
    (``dog cat``), which is none of the given phrases.

    Args:
        probabilities: (queries, tokens).
        phrases: token spans, none empty.
        box: threshold of a phrase's best token.
        text: threshold of the mean of its tokens.
    """
    # NaN from a diverged network counts as probability 0
    values = np.nan_to_num(probabilities, nan=0.0)
    best = np.stack([values[:, span].max(axis=1) for span in phrases], axis=1)
    mean = np.stack([values[:, span].mean(axis=1) for span in phrases], axis=1)
    mean = np.where((best > box) & (mean > text), mean, 0.0)
    chosen = mean.argmax(axis=1)
    rows = np.arange(len(best))
    return np.where(mean[rows, chosen] > 0, chosen, -1), best[rows, chosen]


def to_corners(boxes: Floats, size: tuple[int, int]) -> Floats:
    """Convert (N, 4) centre x, y, width, height in 0..1 to corners in pixels, clipped to the photo.

    Args:
        boxes: raw output of the network, which may contain any value.
        size: (width, height) of the photo.
    """
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    scale = np.array(size * 2, np.float32)
    pixels = np.concatenate([centre - half, centre + half], axis=1) * scale
    return np.clip(np.nan_to_num(pixels, nan=0.0), 0.0, scale).astype(np.float32)


class GroundingDino:
    """Detects boxes for arbitrary phrases."""

    def __init__(
        self, model: Any, processor: Any, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        """Wrap a loaded model.

        Args:
            model: a GroundingDinoForObjectDetection with float32 weights.
            processor: its GroundingDinoProcessor: image processor and tokenizer.
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
            WeightsError: the model is not pinned, not fetched or damaged.
            OSError: the folder contains another kind of model.
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
        """Detect boxes of at least one pixel in both directions, best first.

        Args:
            image: (H, W, 3) uint8.
            phrases: noun phrases, distributed over as many prompts as necessary.
            box: threshold of a box's best token.
            text: threshold of the mean of a phrase's tokens.
        """
        words = [_BREAKS.sub(" ", phrase).strip().lower() for phrase in phrases]
        tokenizer = self._processor.tokenizer
        lengths = [len(tokenizer(w, add_special_tokens=False).input_ids) + 1 for w in words]
        grouped = group_phrases(lengths, self._model.config.max_text_len - 2)
        found: list[Detection] = []
        for first in range(0, len(grouped), PROMPTS):
            groups = grouped[first : first + PROMPTS]
            texts = ["".join(f"{words[i]}{STOP} " for i in group).strip() for group in groups]
            tokens, probabilities, boxes = self._forward(image, texts)
            for row, group in enumerate(groups):
                phrase_spans = find_spans(tokens[row], self._stop)
                which, score = assign_phrases(probabilities[row], phrase_spans, box, text)
                for query in np.flatnonzero(which >= 0):
                    x0, y0, x1, y1 = map(float, boxes[row, query])
                    if x1 - x0 >= 1 and y1 - y0 >= 1:
                        phrase = phrases[group[int(which[query])]]
                        found.append(Detection(phrase, float(score[query]), (x0, y0, x1, y1)))
        return sorted(found, key=lambda d: (-d.score, d.phrase, d.box))

    @torch.inference_mode()
    def _forward(self, image: Image, texts: list[str]) -> tuple[list[list[int]], Floats, Floats]:
        """Run the model on one batch of prompts.

        Returns:
            Token ids, (prompts, queries, tokens) probabilities, (prompts, queries, 4) corners.
        """
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
        return ids, probabilities, np.stack([to_corners(b, size) for b in boxes])
