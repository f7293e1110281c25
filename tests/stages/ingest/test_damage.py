from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image

from stages.engine.stage import RejectPhoto
from stages.ingest.damage import look_for_damage, measure_seam
from stages.ingest.decode import Limits, decode

LIMITS = Limits(max_pixels=10**8, min_side=64, max_side=1536)


def make_scene(seed: int) -> Image.Image:
    """Draw shapes on a noisy gradient: hard edges in all directions, no flat areas."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:240, 0:320]
    picture = np.stack([60 + 0.3 * x, 90 + 0.2 * y, 120 - 0.1 * x + 0.1 * y], axis=-1)
    for _ in range(12):
        cx, cy, r = rng.uniform(0, 320), rng.uniform(0, 240), rng.uniform(10, 60)
        inside = (np.abs(x - cx) < r) & (np.abs(y - cy + 0.3 * (x - cx)) < r / 2)
        picture[inside] = rng.uniform(20, 230, 3)
    return Image.fromarray((picture + rng.normal(0, 4, picture.shape)).clip(0, 255).astype("uint8"))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decode_or_code(data: bytes) -> np.ndarray | str:
    try:
        return np.asarray(decode(data, LIMITS).image).astype(int)
    except RejectPhoto as out:
        return out.code


def flip_bytes(data: bytes, rng: random.Random, start: int, count: int) -> bytes:
    changed = bytearray(data)
    for _ in range(count):
        changed[rng.randrange(start, len(data) - 2)] = rng.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize(
    "kind,options,min_share",
    [
        ("JPEG", {"quality": 85}, 0.9),
        ("JPEG", {"quality": 85, "progressive": True}, 0.9),
        ("JPEG", {"quality": 75, "subsampling": 0}, 0.9),
        ("WEBP", {"quality": 80}, 0.95),
        ("PNG", {}, 1.0),
    ],
)
def test_visible_damage_is_refused_and_undamaged_files_pass(kind, options, min_share):
    rng = random.Random(0)
    shown = found = 0
    for seed in range(8):
        data = encode(make_scene(seed), kind, **options)
        undamaged = decode_or_code(data)
        assert not isinstance(undamaged, str)
        start = data.index(b"\xff\xda") + 14 if kind == "JPEG" else 60
        for _ in range(8):
            broken = decode_or_code(flip_bytes(data, rng, start, 4))
            refused = isinstance(broken, str)
            shown += refused or (np.abs(broken - undamaged).max(axis=-1) > 24).mean() > 0.05
            found += refused
    assert shown >= 20 and found / shown >= min_share


def test_shift_within_a_row_is_a_seam_and_edges_of_a_scene_are_not():
    values = np.asarray(make_scene(1)).astype(int)
    strength, elsewhere = measure_seam(values.astype(np.uint8), 16, 16)
    assert strength < 15 or strength < 3 * elsewhere
    shifted = values.copy()
    shifted[96:112, 128:] += 20
    shifted[112:] += 20
    strength, elsewhere = measure_seam(shifted.clip(0, 255).astype(np.uint8), 16, 16)
    assert strength > 15 and strength > 3 * elsewhere


def test_edge_across_the_full_width_is_not_a_seam():
    collage = np.concatenate([np.asarray(make_scene(1))[:96], np.asarray(make_scene(2))[96:]])
    collage[96:] = (collage[96:] // 2) + 100
    strength, _ = measure_seam(collage, 16, 16)
    assert strength == 0


def test_extra_bytes_are_damage_unless_they_repeat_one_byte():
    data = encode(make_scene(3), "JPEG", quality=85)
    padded = decode(data[:-2] + bytes(30) + data[-2:], LIMITS)
    assert padded.notes == ("decoder_warning",)
    assert decode_or_code(data[:-2] + bytes(range(1, 31)) + data[-2:]) == "damaged"


@pytest.mark.parametrize("progressive", [False, True])
def test_missing_end_marker_is_accepted_when_all_rows_are_there(progressive):
    data = encode(make_scene(4), "JPEG", quality=85, progressive=progressive)
    decoded = decode(data[:-2], LIMITS)
    assert decoded.notes == ("end_marker_missing",)
    assert np.array_equal(np.asarray(decoded.image), decode_or_code(data))
    assert decode_or_code(data[:-60]) == "truncated"


def with_tail(colour: int) -> np.ndarray:
    values = np.asarray(make_scene(5)).copy()
    values[200:] = colour
    return values


def test_picture_of_one_colour_is_refused():
    with pytest.raises(RejectPhoto, match="one colour \\(#808080\\)") as out:
        look_for_damage(np.full((200, 200, 3), 128, np.uint8))
    assert out.value.code == "blank"


def test_flat_tails_are_noted_and_grey_ones_refused():
    assert look_for_damage(np.asarray(make_scene(5))) == set()
    assert look_for_damage(with_tail(255)) == {"flat_tail"}
    with pytest.raises(RejectPhoto, match="ends in plain grey"):
        look_for_damage(with_tail(128))
    repeated = np.asarray(make_scene(5)).copy()
    repeated[200:] = repeated[199]
    assert look_for_damage(repeated) == {"repeated_tail"}
