from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_perception import tiny_sam_hq_config, tiny_sam_hq_weights

from stages.models.perceiver.grounded import sam_hq, segment
from stages.models.weights import remote
from stages.models.weights.packages import WeightsError

PHOTO = Path(__file__).parents[5] / "samples" / "photos" / "scikit-image" / "chelsea.png"
BOXES = [(10.0, 5.0, 60.0, 50.0), (0.0, 0.0, 90.0, 60.0), (40.5, 20.25, 44.5, 30.0)]


@pytest.fixture(scope="module")
def photo():
    return np.asarray(Image.open(PHOTO).convert("RGB").resize((90, 60)))


@pytest.fixture(scope="module", params=["sam", "sam_hq", "sam2"])
def segmenter(request):
    import torch

    torch.set_num_threads(1)
    if request.param == "sam":
        return segment.Sam(request.getfixturevalue("sam_model"))
    if request.param == "sam_hq":
        return segment.SamHq.load(
            str(request.getfixturevalue("sam_hq_folder")), "cpu", torch.float32
        )
    return segment.Sam2.load(str(request.getfixturevalue("sam2_folder")), "cpu", torch.float32)


def encoder(segmenter):
    if isinstance(segmenter, segment.Sam):
        return segmenter._predictor.model.image_encoder
    return segmenter._model.vision_encoder


def test_one_mask_per_box_in_photo_pixels_and_reproducible(segmenter, photo):
    masks = segmenter.segment(photo, BOXES)
    assert [(m.shape, m.dtype) for m in masks] == [((60, 90), bool)] * 3
    assert any(0 < m.mean() < 1 for m in masks)
    assert len({m.tobytes() for m in masks}) > 1  # the box matters
    for first, second in zip(masks, segmenter.segment(photo, BOXES), strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_photo_is_embedded_once_for_any_number_of_boxes(segmenter, photo, monkeypatch):
    monkeypatch.setattr(segment, "BOXES", 2)
    count = []
    hook = encoder(segmenter).register_forward_hook(lambda *_: count.append(1))
    batched = segmenter.segment(photo, BOXES)
    hook.remove()
    assert len(count) == 1
    single = [m for box in BOXES for m in segmenter.segment(photo, [box])]
    # another batch size may change last bits, and with them a border pixel
    assert all((a != b).mean() < 0.01 for a, b in zip(batched, single, strict=True))


def test_without_boxes_nothing_is_computed(segmenter, photo):
    count = []
    hook = encoder(segmenter).register_forward_hook(lambda *_: count.append(1))
    assert segmenter.segment(photo, []) == [] and not count
    hook.remove()


def test_mixed_precision_gives_about_the_same_masks(photo, sam_model, sam2_folder):
    import torch

    for plain, half in (
        (segment.Sam(sam_model), segment.Sam(sam_model, dtype=torch.bfloat16)),
        [segment.Sam2.load(str(sam2_folder), "cpu", t) for t in (torch.float32, torch.bfloat16)],
    ):
        pairs = zip(plain.segment(photo, BOXES), half.segment(photo, BOXES), strict=True)
        # SAM 2 switches to another of its masks if the first is not stable, here for one box
        assert np.median([(a != b).mean() for a, b in pairs]) < 0.05


def test_sam_equals_the_predictor_of_its_package(photo, sam_model):
    from segment_anything import SamPredictor

    predictor = SamPredictor(sam_model)
    predictor.set_image(photo)
    ours = segment.Sam(sam_model).segment(photo, BOXES)
    for box, mask in zip(BOXES, ours, strict=True):
        theirs, _, _ = predictor.predict(box=np.array(box), multimask_output=False)
        assert (theirs[0] != mask).mean() < 0.01


def test_a_folder_of_the_released_type_loads_as_the_image_model(sam2_video_folder, photo):
    import torch

    found = segment.load(str(sam2_video_folder), "cpu", torch.float32)
    assert isinstance(found, segment.Sam2)
    assert found.segment(photo, BOXES[:1])[0].shape == (60, 90)


def test_weights_of_the_video_model_are_loaded(sam2_video_folder):
    import torch
    from safetensors.torch import load_file

    loaded = segment.Sam2.load(str(sam2_video_folder), "cpu", torch.float32)._model.state_dict()
    saved = load_file(sam2_video_folder / "model.safetensors")
    assert loaded.keys() <= saved.keys()
    assert all(torch.equal(value, saved[name]) for name, value in loaded.items())


def test_another_model_is_refused(dino_folder):
    import torch

    message = "not a segmenter: its model type is 'grounding-dino', not one of sam_hq, sam2"
    with pytest.raises(ValueError, match=message):
        segment.load(str(dino_folder), "cpu", torch.float32)


def test_a_folder_of_sam_hq_loads_as_such(sam_hq_folder, photo):
    import torch

    found = segment.load(str(sam_hq_folder), "cpu", torch.float32)
    assert isinstance(found, segment.SamHq)
    assert found.segment(photo, BOXES[:1])[0].shape == (60, 90)


@pytest.fixture
def checkpoint(tmp_path, monkeypatch, sam_model):
    """A pinned file with the weights of the tiny Sam, as ``sam-vit-b``."""
    import hashlib
    import io

    import segment_anything
    import torch

    buffer = io.BytesIO()
    torch.save(sam_model.state_dict(), buffer)

    def pin(data):
        file = remote.RemoteFile(
            name="sam-vit-b", url="https://example.org/tiny.pth", bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(), licence="none",
        )  # fmt: skip
        monkeypatch.setattr(remote, "catalogue", lambda: {"sam-vit-b": file})
        monkeypatch.setattr(remote.packages, "FOLDER", tmp_path)
        file.path.parent.mkdir(exist_ok=True)
        file.path.write_bytes(data)
        return file

    monkeypatch.setitem(segment_anything.sam_model_registry, "vit_b", lambda: sam_model)
    return pin, buffer.getvalue()


def test_a_pinned_checkpoint_loads_as_sam(checkpoint, photo):
    import torch

    pin, data = checkpoint
    pin(data)
    found = segment.load("sam-vit-b", "cpu", torch.float32)
    assert isinstance(found, segment.Sam)
    assert found.segment(photo, BOXES[:1])[0].shape == (60, 90)


def test_a_checkpoint_of_sam_hq_with_the_authors_names_loads(
    tmp_path, monkeypatch, sam_hq_folder, photo
):
    """Every weight has its place (loading is strict), and the masks are those of the folder."""
    import hashlib

    import torch

    path = tmp_path / "sam-hq-vit-b" / "tiny.pth"
    path.parent.mkdir()
    torch.save(tiny_sam_hq_weights(), path)
    data = path.read_bytes()
    file = remote.RemoteFile(
        name="sam-hq-vit-b", url="https://example.org/tiny.pth", bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(), licence="none",
    )  # fmt: skip
    monkeypatch.setattr(remote, "catalogue", lambda: {"sam-hq-vit-b": file})
    monkeypatch.setattr(remote.packages, "FOLDER", tmp_path)
    monkeypatch.setattr(sam_hq, "make_config", lambda name: tiny_sam_hq_config())
    found = segment.load("sam-hq-vit-b", "cpu", torch.float32)
    assert isinstance(found, segment.SamHq)
    same = segment.load(str(sam_hq_folder), "cpu", torch.float32)
    for a, b in zip(found.segment(photo, BOXES), same.segment(photo, BOXES), strict=True):
        assert (a != b).mean() < 0.01


def test_a_damaged_checkpoint_is_not_loaded(checkpoint):
    import torch

    pin, data = checkpoint
    file = pin(data)
    file.path.write_bytes(data[:-1] + b"x")
    with pytest.raises(WeightsError, match="damaged: run `flawfactory models fetch`"):
        segment.load("sam-vit-b", "cpu", torch.float32)


class Evil:
    def __reduce__(self):
        return (exec, ("raise AssertionError('unpickled')",))


def test_a_checkpoint_cannot_run_code(checkpoint):
    import pickle

    import torch

    pin, _ = checkpoint
    pin(pickle.dumps(Evil()))
    with pytest.raises(pickle.UnpicklingError):
        segment.load("sam-vit-b", "cpu", torch.float32)
