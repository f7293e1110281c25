"""Segment boxes: SAM through ``segment_anything``, SAM 2 through transformers' own classes.

Both compute the embedding of the image once and decode boxes in batches, one mask per box.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from stages.models.networks import torchvision_import
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
            ValueError: the folder contains another kind of model.
        """
        torchvision_import.prepare()
        from transformers import Sam2Config, Sam2Model, Sam2Processor

        folder = hub.resolve(name)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        # the released checkpoints are of type sam2_video; only their image model is loaded
        if config.get("model_type") not in ("sam2", "sam2_video"):
            raise ValueError(f"{name} is not SAM 2: its model type is {config.get('model_type')!r}")
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
    """Load a segmenter by name: a pinned file is SAM, a folder or hub model is SAM 2.

    Raises:
        WeightsError: the model is not pinned, not fetched or damaged.
        ValueError: the folder contains another kind of model.
    """
    kind = Sam if name in remote.catalogue() else Sam2
    return kind.load(name, device, dtype)
