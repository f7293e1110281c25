"""Segment boxes: SAM through ``segment_anything``, SAM-HQ and SAM 2 through transformers' own
classes.

All compute the embedding of the image once and decode boxes in batches, one mask per box.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from stages.models.networks import torchvision_import
from stages.models.perceiver.grounded import sam_hq
from stages.models.perceiver.grounded.boxes import autocast
from stages.models.protocols import Image
from stages.models.weights import hub, remote
from stages.records.masks import Mask

BOXES = 32
"""Boxes decoded at once, which limits the memory: each needs a float mask of the photo's size."""
FloatBox = tuple[float, float, float, float]


class Segmenter(Protocol):
    """Computes masks for boxes."""

    def segment(self, image: Image, boxes: Sequence[FloatBox]) -> list[Mask]:
        """Return one (H, W) mask per box; boxes are x0, y0, x1, y1 in photo pixels."""
        ...


class Sam:
    """Segment Anything (Kirillov et al. 2023)."""

    def __init__(self, model: Any, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        """Wrap a loaded model.

        Args:
            model: a ``segment_anything`` Sam with float32 weights.
            device: where to run.
            dtype: float32, or bfloat16 or float16 for mixed precision.
        """
        from segment_anything import SamPredictor

        self._device, self._dtype = torch.device(device), dtype
        self._predictor = SamPredictor(model.to(self._device).eval().requires_grad_(False))

    @classmethod
    def load(cls, name: str, device: str, dtype: torch.dtype) -> Sam:
        """Load one of the pinned checkpoints ``sam-vit-b``, ``-l`` or ``-h``.

        Raises:
            WeightsError: the checkpoint is missing or damaged.
        """
        torchvision_import.prepare()  # before segment_anything, which imports torchvision
        from segment_anything import sam_model_registry

        # the package's own loader would unpickle arbitrary objects
        file = remote.path(name)
        model = sam_model_registry[name.removeprefix("sam-").replace("-", "_")]()
        model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True), strict=True)
        return cls(model, device, dtype)

    @torch.inference_mode()
    def segment(self, image: Image, boxes: Sequence[FloatBox]) -> list[Mask]:
        """Return one (H, W) mask per box."""
        if not boxes:
            return []
        masks: list[Mask] = []
        with autocast(self._device, self._dtype):
            self._predictor.set_image(image)
            for first in range(0, len(boxes), BOXES):
                batch = torch.tensor(boxes[first : first + BOXES], device=self._device)
                batch = self._predictor.transform.apply_boxes_torch(batch, image.shape[:2])
                found, _, _ = self._predictor.predict_torch(
                    None, None, boxes=batch, multimask_output=False
                )
                masks += list(found[:, 0].cpu().numpy())
        self._predictor.reset_image()
        return masks


class SamHq:
    """Segment Anything in High Quality (Ke et al. 2023).

    A mask's logits are the sum of SAM's and of those of the high-quality token, as released.
    """

    def __init__(
        self, model: Any, processor: Any, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        """Wrap a loaded model.

        Args:
            model: a SamHQModel with float32 weights, whose mask decoder is repaired.
            processor: its SamHQProcessor, which scales images and boxes.
            device: where to run.
            dtype: float32, or bfloat16 or float16 for mixed precision.
        """
        self._device, self._dtype = torch.device(device), dtype
        sam_hq.repair_decoder(model)
        self._model = model.to(self._device).eval().requires_grad_(False)
        self._processor = processor

    @classmethod
    def load(cls, name: str, device: str, dtype: torch.dtype) -> SamHq:
        """Load one of the pinned checkpoints ``sam-hq-vit-b``, ``-l`` or ``-h``, or a folder or hub
        model in transformers' layout (safetensors only).

        Raises:
            WeightsError: the model is not pinned, not fetched or damaged.
        """
        torchvision_import.prepare()
        from transformers import SamHQModel, SamHQProcessor

        if name in sam_hq.ENCODERS:
            weights = torch.load(remote.path(name), map_location="cpu", weights_only=True)
            config = sam_hq.make_config(name)
            return cls(*sam_hq.build(config, weights), device, dtype)
        folder = hub.resolve(name)
        model = SamHQModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
        )
        processor = SamHQProcessor.from_pretrained(folder, local_files_only=True)
        return cls(model, processor, device, dtype)

    @torch.inference_mode()
    def segment(self, image: Image, boxes: Sequence[FloatBox]) -> list[Mask]:
        """Return one (H, W) mask per box."""
        if not boxes:
            return []
        masks: list[Mask] = []
        prompts = [[list(box) for box in boxes]]
        inputs = self._processor(images=np.array(image), input_boxes=prompts, return_tensors="pt")
        sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
        with autocast(self._device, self._dtype):
            embeddings, intermediate = self._model.get_image_embeddings(
                inputs["pixel_values"].to(self._device)
            )
            for batch in inputs["input_boxes"].float().split(BOXES, dim=1):
                out = self._model(
                    image_embeddings=embeddings,
                    intermediate_embeddings=intermediate,
                    input_boxes=batch.to(self._device),
                    multimask_output=False,
                )
                found = self._processor.post_process_masks(out.pred_masks.float().cpu(), *sizes)[0]
                masks += list(np.asarray(found[:, 0]))
        return masks


class Sam2:
    """Segment Anything 2 (Ravi et al. 2024)."""

    def __init__(
        self, model: Any, processor: Any, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        """Wrap a loaded model.

        Args:
            model: a Sam2Model with float32 weights.
            processor: its Sam2Processor, which scales images and boxes.
            device: where to run.
            dtype: float32, or bfloat16 or float16 for mixed precision.
        """
        self._device, self._dtype = torch.device(device), dtype
        self._model = model.to(self._device).eval().requires_grad_(False)
        self._processor = processor

    @classmethod
    def load(cls, name: str, device: str, dtype: torch.dtype) -> Sam2:
        """Load a folder or pinned hub model; safetensors only.

        Raises:
            WeightsError: the model is not pinned, not fetched or damaged.
        """
        torchvision_import.prepare()
        from transformers import Sam2Config, Sam2Model, Sam2Processor

        folder = hub.resolve(name)
        config = _read_config(folder)
        # the released checkpoints are of type sam2_video; only their image model is loaded
        parts = ("vision_config", "prompt_encoder_config", "mask_decoder_config")
        model = Sam2Model.from_pretrained(
            folder,
            config=Sam2Config(**{part: config[part] for part in parts}),
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
        )
        processor = Sam2Processor.from_pretrained(folder, local_files_only=True)
        return cls(model, processor, device, dtype)

    @torch.inference_mode()
    def segment(self, image: Image, boxes: Sequence[FloatBox]) -> list[Mask]:
        """Return one (H, W) mask per box."""
        if not boxes:
            return []
        masks: list[Mask] = []
        inputs = self._processor(images=np.array(image), return_tensors="pt")
        sizes = inputs["original_sizes"]
        with autocast(self._device, self._dtype):
            embeddings = self._model.get_image_embeddings(inputs["pixel_values"].to(self._device))
            for first in range(0, len(boxes), BOXES):
                batch = [[list(box) for box in boxes[first : first + BOXES]]]
                prompt = self._processor(
                    input_boxes=batch, original_sizes=sizes, return_tensors="pt"
                )
                out = self._model(
                    image_embeddings=embeddings,
                    input_boxes=prompt["input_boxes"].to(self._device),
                    multimask_output=False,
                )
                found = self._processor.post_process_masks(out.pred_masks.float(), sizes)[0]
                masks += list(np.asarray(found[:, 0].cpu()))
        return masks


def load(name: str, device: str, dtype: torch.dtype) -> Segmenter:
    """Load a segmenter by name: a pinned file is SAM or SAM-HQ, a folder or hub model is SAM-HQ or
    SAM 2 by the type in its configuration.

    Raises:
        WeightsError: the model is not pinned, not fetched or damaged.
        ValueError: the folder contains another kind of model.
    """
    if name in sam_hq.ENCODERS:
        return SamHq.load(name, device, dtype)
    if name in remote.catalogue():
        return Sam.load(name, device, dtype)
    model_type = _read_config(hub.resolve(name)).get("model_type")
    if model_type not in MODEL_TYPES:
        raise ValueError(
            f"{name} is not a segmenter: its model type is {model_type!r}, not one of "
            f"{', '.join(MODEL_TYPES)}"
        )
    return MODEL_TYPES[model_type].load(name, device, dtype)


MODEL_TYPES: dict[str, type[SamHq] | type[Sam2]] = {
    "sam_hq": SamHq,
    "sam2": Sam2,
    "sam2_video": Sam2,
}
"""``model_type`` in the configuration of a folder or hub model to its class."""


def _read_config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))
