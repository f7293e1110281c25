"""Local vision-language models of transformers' ``image-text-to-text`` classes.

Qwen2.5-VL and InternVL are examples.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from typing import Any

from PIL import Image as Pillow

from stages.engine.workspace import FactoryError
from stages.models.chat.ledger import Call, Ledger
from stages.models.chat.messages import build_messages
from stages.models.chat.request import ChatAnswer, ChatRequest
from stages.models.weights import hub


class TransformersChat:
    """Chat model in this process, with greedy decoding: equal questions get equal answers."""

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        revision: str | None = None,
        dtype: str = "bfloat16",
        device: str = "cpu",
        max_tokens: int = 1024,
    ) -> None:
        """Load processor and weights (safetensors only, no code from the hub).

        Args:
            name: a folder (relative to this checkout) or a hub name.
            ledger: records the calls, at no cost.
            revision: commit hash of a hub name.
            dtype: torch dtype such as ``bfloat16``.
            device: torch device.
            max_tokens: maximum number of tokens of an answer.

        Raises:
            FactoryError: the model is not pinned, not fetched, damaged, or of another class.
        """
        import torch

        from stages.models.networks import torchvision_import

        torchvision_import.prepare()
        from transformers import AutoModelForImageTextToText, AutoProcessor

        folder = hub.resolve(hub.with_revision(name, revision))
        # Records must not contain paths of this machine.
        self.name = folder.name if hub.local_folder(name) else name
        self.identity: Mapping[str, Any] = {
            "revision": hub.revision(hub.with_revision(name, revision)),
            "dtype": dtype,
            "max_tokens": max_tokens,
        }
        self._ledger, self._max_tokens = ledger, max_tokens
        self._lock = threading.Lock()
        try:
            self._processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True)
            self._model: Any = AutoModelForImageTextToText.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                local_files_only=True,
            )
        except (OSError, ValueError, KeyError) as error:
            raise FactoryError(f"chat: {name!r} cannot be loaded: {error}") from error
        self._model = self._model.to(device).eval().requires_grad_(False)

    def complete(self, request: ChatRequest) -> ChatAnswer:
        """Generate the answer, one request at a time.

        Raises:
            FactoryError: the ledger cannot be written.
        """
        import torch

        messages = build_messages(request, _decode_image, schema_in_text=True)
        with self._lock, torch.inference_mode():
            inputs = self._processor.apply_chat_template(
                messages,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self._model.device, dtype=self._model.dtype)
            sent = int(inputs["input_ids"].shape[1])
            call = Call(
                request.purpose, self.name, sent, self._max_tokens, request.example_pictures
            )
            number, _ = self._ledger.open(call)
            output = self._model.generate(
                **inputs, do_sample=False, max_new_tokens=self._max_tokens
            )[0, sent:]
        returned = int(output.shape[0])
        cost = None if number is None else self._ledger.record_answer(number, sent, returned)
        return ChatAnswer(
            text=self._processor.decode(output, skip_special_tokens=True),
            model=self.name,
            cut_off=returned >= self._max_tokens,
            input_tokens=sent,
            output_tokens=returned,
            cost=cost,
        )


def _decode_image(image: bytes) -> dict[str, Any]:
    with Pillow.open(io.BytesIO(image), formats=["PNG"]) as picture:
        return {"type": "image", "image": picture.convert("RGB")}
