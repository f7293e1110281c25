import numpy as np
import pytest

from applications.evaluation.metrics.texts import MINILM, MiniLm, cosines, rouge_l
from stages.models.weights import packages


class Letters:
    """Embeds a text by its first letter."""

    name = "letters"

    def embed(self, texts):
        return np.eye(26, dtype=np.float32)[[ord(text[0]) - ord("a") for text in texts]]


def test_rouge_by_hand():
    # The longest common subsequence of "the hand is fused" and "the hands look fused" is, stemmed,
    # "the hand ... fused": three of four words on either side.
    assert rouge_l("the hand is fused", "The hands look fused.") == pytest.approx(0.75)
    assert rouge_l("a hand", "") == 0


def test_cosines_are_pairwise():
    assert cosines(["apple", "boat"], ["ant", "cat"], Letters()) == [1, 0]
    assert cosines([], [], Letters()) == []


@pytest.mark.skipif(
    not packages.is_available(packages.catalogue()[MINILM]), reason="weights are not fetched"
)
def test_minilm_gives_the_scores_of_its_card():
    """The model's page on its hub shows 0.943 for the first pair and 0.257 for the second."""
    same = ["That is a happy person"] * 2
    others = ["That is a very happy person", "Today is a sunny day"]
    assert cosines(same, others, MiniLm()) == pytest.approx([0.943, 0.257], abs=0.002)
