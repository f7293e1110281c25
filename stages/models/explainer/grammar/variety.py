"""How varied a set of explanations is: skeletons and n-grams."""

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
    """A text without what it is about: every name a dot, every fact its key in angle brackets,
    singular and plural alike, all lower case."""
    rest = claims.read(text, variant)[1].lower().replace("·'s", "·").replace("·'", "·")
    return _WORD.sub(lambda match: _NUMBER.get(match[0], match[0]), rest)


@dataclass(frozen=True)
class Variety:
    """Figures of a set of texts."""

    texts: int
    skeletons: int
    """Different ones."""
    top_share: float
    """Share of the texts that the most frequent skeleton has, 0..1."""
    top: str
    """That skeleton."""
    top_sentence_share: float
    """Share of the texts that hold the most frequent skeleton of a single sentence."""
    top_sentence: str
    """That skeleton."""
    distinct: tuple[float, float, float]
    """Different 1-, 2- and 3-grams of the skeletons' words as a share of all of them (distinct-n,
    Li et al. 2016, arXiv 1510.03055)."""
    mean_words: float
    """Of the texts themselves."""


def variety(told: Sequence[tuple[str, Variant]]) -> Variety:
    """Measures texts, each with the variant it tells of.

    Raises:
        ValueError: there are none.
    """
    if not told:
        raise ValueError("no texts to measure")
    bare = [skeleton(text, variant) for text, variant in told]
    ((top, count),) = Counter(bare).most_common(1)
    sentences = Counter(s for text in bare for s in set(_END.split(text)))
    ((sentence, times),) = sentences.most_common(1)
    return Variety(
        texts=len(told),
        skeletons=len(set(bare)),
        top_share=count / len(told),
        top=top,
        top_sentence_share=times / len(told),
        top_sentence=sentence,
        distinct=(distinct(bare, 1), distinct(bare, 2), distinct(bare, 3)),
        mean_words=sum(len(text.split()) for text, _ in told) / len(told),
    )


def distinct(texts: Sequence[str], n: int) -> float:
    """Different n-grams as a share of all n-grams, 0..1; 0 where no text is that long."""
    grams = [
        tuple(words[i : i + n])
        for words in (text.split() for text in texts)
        for i in range(len(words) - n + 1)
    ]
    return len(set(grams)) / len(grams) if grams else 0.0
