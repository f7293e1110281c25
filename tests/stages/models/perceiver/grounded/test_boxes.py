from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stages.models.perceiver.grounded.boxes import (
    assign_phrases,
    find_spans,
    group_phrases,
    to_corners,
)
from stages.models.weights.packages import WeightsError

PHOTO = Path(__file__).parents[5] / "samples" / "photos" / "scikit-image" / "chelsea.png"
PHRASES = [slice(1, 2), slice(3, 5)]
"""Spans of ``[CLS] shoe . left shoe . [SEP]``."""


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(2, 25))
def test_prompts_contain_every_phrase_that_fits_once_in_order(lengths, limit):
    groups = group_phrases(lengths, limit)
    fits = [i for i, length in enumerate(lengths) if 1 < length <= limit]
    assert [i for group in groups for i in group] == fits
    assert all(group and sum(lengths[i] for i in group) <= limit for group in groups)


def test_spans_end_at_stops():
    assert find_spans([101, 7, 1012, 8, 9, 1012, 102, 0, 0], stop=1012) == PHRASES


@pytest.mark.parametrize(
    ("tokens", "phrase"),
    [
        ([0, 0.5, 0, 0.1, 0.5, 0, 0], 0),  # the word left has a low probability
        ([0, 0.5, 0, 0.6, 0.6, 0, 0], 1),
        ([0, 0.2, 0, 0.1, 0.1, 0, 0], -1),
        ([0.9, 0.2, 0.9, 0.1, 0.1, 0.9, 0.9], -1),  # special tokens do not count
        ([0, 0.2, 0, 0.0, 0.45, 0, 0], -1),  # only half of the phrase: the mean is too low
        ([0, float("nan"), 0, 0.4, 0.4, 0, 0], 1),
    ],
)
def test_a_query_gets_the_phrase_of_which_all_tokens_match(tokens, phrase):
    chosen, score = assign_phrases(np.array([tokens], np.float32), PHRASES, box=0.3, text=0.25)
    assert chosen.tolist() == [phrase]
    if phrase >= 0:
        assert score[0] == np.nanmax(np.array(tokens, np.float32)[PHRASES[phrase]])


def test_corners_stay_inside_the_photo_for_any_output():
    boxes = np.array(
        [[0.5, 0.5, 0.2, 0.4], [0.0, 1.0, 9.0, 9.0], [np.nan, 0.5, np.inf, -1]], np.float32
    )
    found = to_corners(boxes, (200, 100))
    np.testing.assert_allclose(found[0], [80, 30, 120, 70], rtol=1e-6)
    np.testing.assert_allclose(found[1], [0, 0, 200, 100])
    assert np.isfinite(found).all()
    assert (found >= 0).all() and (found[:, ::2] <= 200).all() and (found[:, 1::2] <= 100).all()


@pytest.fixture(scope="module")
def photo():
    return np.asarray(Image.open(PHOTO).convert("RGB").resize((90, 60)))


@pytest.fixture(scope="module")
def dino(dino_folder):
    import torch

    from stages.models.perceiver.grounded.boxes import GroundingDino

    torch.set_num_threads(1)
    return GroundingDino.load(str(dino_folder), "cpu", torch.float32)


def test_boxes_are_inside_the_photo_sorted_and_reproducible(dino, photo):
    found = dino.detect(photo, ["cat", "left ear", "tail"], box=0.0, text=0.0)
    assert found == dino.detect(photo, ["cat", "left ear", "tail"], box=0.0, text=0.0)
    assert {d.phrase for d in found} <= {"cat", "left ear", "tail"} and len(found) > 3
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)
    for x0, y0, x1, y1 in (d.box for d in found):
        assert 0 <= x0 <= x1 - 1 and x1 <= 90 and 0 <= y0 <= y1 - 1 and y1 <= 60


def test_scores_are_those_of_the_library(dino, dino_folder, photo):
    """The library's post-processing gives the same boxes and scores for one phrase."""
    import torch
    from transformers import GroundingDinoForObjectDetection, GroundingDinoProcessor

    processor = GroundingDinoProcessor.from_pretrained(dino_folder)
    model = GroundingDinoForObjectDetection.from_pretrained(dino_folder).eval()
    inputs = processor(images=np.array(photo), text=[["cat"]], return_tensors="pt")
    with torch.inference_mode():
        out = model(**inputs)
    probabilities = out.logits.sigmoid()[0, :, 1]  # of the one word
    (theirs,) = processor.post_process_grounded_object_detection(
        out, inputs.input_ids, threshold=-1.0, target_sizes=[(60, 90)]
    )
    ours = dino.detect(photo, ["Cat."], box=0.0, text=0.0)
    assert {round(d.score, 5) for d in ours} <= {round(float(p), 5) for p in probabilities}
    boxes = theirs["boxes"].clamp(min=0).numpy()
    for d in ours:
        assert np.abs(np.minimum(boxes, [90, 60, 90, 60]) - d.box).max(axis=1).min() < 1e-3


def test_phrases_are_distributed_over_several_prompts(dino, photo, monkeypatch):
    batches = []
    forward = dino._forward
    monkeypatch.setattr(dino, "_forward", lambda i, t: batches.append(t) or forward(i, t))
    words = ["cat", "dog", "person", "left hand", "leg", "tail", "ear", "face"] * 6
    dino.detect(photo, words)
    # 22 tokens per prompt, four prompts per forward pass
    assert [len(texts) for texts in batches] == [4, 1]
    assert " ".join(t for texts in batches for t in texts) == " ".join(f"{w}." for w in words)


@pytest.mark.parametrize("phrases", [[], ["", " . ", "?"], ["cat " * 40]])
def test_without_a_usable_phrase_nothing_is_found(dino, photo, phrases):
    assert dino.detect(photo, phrases, box=0.0, text=0.0) == []


def test_thresholds_are_applied(dino, photo):
    everything = dino.detect(photo, ["cat", "dog"], box=0.0, text=0.0)
    middle = everything[len(everything) // 2].score
    fewer = dino.detect(photo, ["cat", "dog"], box=middle, text=0.0)
    assert fewer == [d for d in everything if d.score > middle]
    assert dino.detect(photo, ["cat", "dog"], box=1.0) == []


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_mixed_precision_finds_about_the_same(dino_folder, dino, photo, dtype):
    import torch

    from stages.models.perceiver.grounded.boxes import GroundingDino

    half = GroundingDino.load(str(dino_folder), "cpu", getattr(torch, dtype))
    (theirs, ours) = (d.detect(photo, ["cat"], box=0.0, text=0.0) for d in (dino, half))
    assert ours != theirs  # the precision does differ
    # with random weights some logits are sensitive to rounding
    differences = np.abs(np.subtract([d.score for d in ours], [d.score for d in theirs]))
    assert len(ours) == len(theirs) and np.median(differences) < 0.01


def test_a_pickle_is_not_loaded(dino_folder, tmp_path):
    import torch

    from stages.models.perceiver.grounded.boxes import GroundingDino

    for file in dino_folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        GroundingDino.load(str(tmp_path), "cpu", torch.float32)


def test_an_unpinned_hub_name_is_refused():
    import torch

    from stages.models.perceiver.grounded.boxes import GroundingDino

    with pytest.raises(WeightsError, match="not pinned"):
        GroundingDino.load("someone/grounding-dino", "cpu", torch.float32)
