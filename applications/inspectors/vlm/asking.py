"""Ask a loaded model about pictures, with greedy decoding: equal questions get equal answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image as Pillow
from torch import Tensor

from stages.records.images import Image

_YES, _NO = "true", "false"


@dataclass(frozen=True)
class Reply:
    """A model's answer."""

    text: str
    tokens: tuple[int, ...]
    """Those of the text, without the one that ends it."""
    logits: Tensor | None
    """(tokens, vocabulary) float32 if they were asked for: what each token was chosen from."""
    cut_off: bool
    """Whether the limit on tokens ended it."""


class VlmModel:
    """A processor with its model."""

    def __init__(self, processor: Any, model: Any) -> None:
        """Take a loaded model; it is put into evaluation mode."""
        self._processor, self._model = processor, model.eval().requires_grad_(False)
        self._lock = threading.Lock()
        tokenizer = processor.tokenizer
        ends = model.generation_config.eos_token_id
        ends = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
        self._ends = sorted({*ends, tokenizer.eos_token_id} - {None})
        self._pad = self._ends[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id

    def ask(
        self,
        pictures: Sequence[Image],
        question: str,
        max_tokens: int,
        with_logits: bool = False,
    ) -> Reply:
        """Generate the answer, one question at a time.

        Args:
            pictures: (H, W, 3) uint8 each, at the size at which the model sees them.
            question: the text after the pictures.
            max_tokens: maximum number of tokens of the answer.
            with_logits: whether the reply has them.
        """
        from transformers import GenerationConfig

        content = [{"type": "image", "image": Pillow.fromarray(p)} for p in pictures]
        messages = [{"role": "user", "content": [*content, {"type": "text", "text": question}]}]
        greedy = GenerationConfig(
            do_sample=False,
            max_new_tokens=max_tokens,
            eos_token_id=self._ends,
            pad_token_id=self._pad,
            return_dict_in_generate=True,
            output_logits=with_logits,
        )
        with self._lock, torch.inference_mode():
            inputs = self._processor.apply_chat_template(
                messages,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self._model.device, dtype=self._model.dtype)
            found = self._model.generate(**inputs, generation_config=greedy)
        tokens = found.sequences[0, inputs["input_ids"].shape[1] :].tolist()
        ended = bool(tokens) and tokens[-1] in self._ends
        tokens = tokens[:-1] if ended else tokens
        logits = torch.cat(found.logits)[: len(tokens)].float().cpu() if with_logits else None
        return Reply(self._decode(tokens), tuple(tokens), logits, not ended)

    def weigh_yes(self, reply: Reply) -> float | None:
        """Return the probability of the answer with ``true`` against the one with ``false``.

        Both answers are the same up to one token; its logits are compared.

        Args:
            reply: an answer that has one of the two words, once, with logits.

        Returns:
            0..1; None if the answer's text has other tokens than those that were generated.
        """
        said, other = (_YES, _NO) if _YES in reply.text else (_NO, _YES)
        tokens = self._encode(reply.text)
        others = self._encode(reply.text.replace(said, other))
        if reply.logits is None or tokens != list(reply.tokens):
            return None
        pairs = zip(tokens, others, strict=False)
        place = next(n for n, (token, swapped) in enumerate(pairs) if token != swapped)
        both = reply.logits[place, [tokens[place], others[place]]].double()
        share = float(both.softmax(0)[0])
        return share if said == _YES else 1 - share

    def _encode(self, text: str) -> list[int]:
        return self._processor.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _decode(self, tokens: list[int]) -> str:
        return self._processor.tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
