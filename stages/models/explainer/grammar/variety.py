"""Measure how varied a set of explanations is, by skeletons and n-grams."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stages.models.explainer import claims
from stages.records.documents import Variant

_NUMBER = {
    "are": "is", "have": "has", "do": "does", "them": "it", "their": "its", "they": "it",
    "themselves": "itself", "an": "a", "ones": "one", "originals": "original",
}  # fmt: skip
_END = re.compile(r"(?<=\.) ")
_WORD = re.compile(r"[\w']+")


def skeleton(text: str, variant: Variant) -> str:
    """Return a text without its content: names are replaced by dots, facts by their key in angle
    brackets, plural forms by singular ones, all in lower case."""
    rest = claims.read_claims(text, variant)[1].lower().replace("·'s", "·").replace("·'", "·")
    return _WORD.sub(lambda match: _NUMBER.get(match[0], match[0]), rest)


@dataclass(frozen=True)
class Variety:
    """Statistics of a set of texts."""

    texts: int
    """Number of texts."""
    skeletons: int
    """Number of distinct skeletons."""
    top_share: float
    """Share of the texts that have the most frequent skeleton, 0..1."""
    top: str
    """The most frequent skeleton."""
    top_sentence_share: float
    """Share of the texts that contain the most frequent skeleton of a sentence, 0..1."""
    top_sentence: str
    """The most frequent skeleton of a sentence."""
    distinct: tuple[float, float, float]
    """Distinct 1-, 2- and 3-grams of the skeletons' words as a share of all of them (distinct-n,
    Li et al. 2016, arXiv 1510.03055)."""
    mean_words: float
    """Mean number of words of a text."""


def measure_variety(texts: Sequence[tuple[str, Variant]]) -> Variety:
    """Measure texts, each paired with the variant that it describes.

    Raises:
        ValueError: `texts` is empty.
    """
    if not texts:
        raise ValueError("no texts to measure")
    skeletons = [skeleton(text, variant) for text, variant in texts]
    ((top, count),) = Counter(skeletons).most_common(1)
    sentences = Counter(s for text in skeletons for s in set(_END.split(text)))
    ((sentence, sentence_count),) = sentences.most_common(1)
    return Variety(
        texts=len(texts),
        skeletons=len(set(skeletons)),
        top_share=count / len(texts),
        top=top,
        top_sentence_share=sentence_count / len(texts),
        top_sentence=sentence,
        distinct=(
            distinct_share(skeletons, 1),
            distinct_share(skeletons, 2),
            distinct_share(skeletons, 3),
        ),
        mean_words=sum(len(text.split()) for text, _ in texts) / len(texts),
    )


def distinct_share(texts: Sequence[str], n: int) -> float:
    """Return distinct n-grams as a share of all n-grams, 0..1; 0 if no text has n words."""
    grams = [
        tuple(words[i : i + n])
        for words in (text.split() for text in texts)
        for i in range(len(words) - n + 1)
    ]
    return len(set(grams)) / len(grams) if grams else 0.0
