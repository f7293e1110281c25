import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.perceive.windows import (
    MAX_LENGTH,
    MAX_ZOOM,
    TARGET_LENGTH,
    choose_windows,
    fits,
    share_inside,
    square_around,
    targets,
    width_in_tokens,
)
from stages.records.documents import Entity, Part
from stages.records.masks import encode

RLE = encode(np.ones((1, 1), bool))


def entity(*boxes, kinds=None, positional=False):
    kinds = kinds or ["hand"] * len(boxes)
    parts = [
        Part(
            id=f"e0.p{i}", name=f"{kind} {i}", kind=kind, positional=positional, score=1.0,
            box=box, mask=RLE, tools=["distort"],
        )
        for i, (box, kind) in enumerate(zip(boxes, kinds, strict=True))
    ]  # fmt: skip
    return Entity(id="e0", name="person", score=1.0, box=(0, 0, 1, 1), mask=RLE, parts=parts)


@st.composite
def scenes(draw):
    width, height = draw(st.integers(130, 1600)), draw(st.integers(130, 1600))
    boxes = []
    for _ in range(draw(st.integers(1, 6))):
        x0, y0 = draw(st.integers(0, width - 9)), draw(st.integers(0, height - 9))
        x1, y1 = draw(st.integers(x0 + 8, width)), draw(st.integers(y0 + 8, height))
        boxes.append((x0, y0, x1, y1))
    return (width, height), entity(*boxes)


@settings(max_examples=60)
@given(scenes(), st.integers(1, 3), st.sampled_from([128, 384]))
def test_windows_are_squares_in_the_photo_that_serve_their_parts(scene, count, window):
    photo, found = scene
    windows = choose_windows([found], photo, window, count, 3.0)
    assert len(windows) <= count
    parts = {t.id: t for t in targets([found])}
    served = [p for w in windows for p in w.parts]
    assert len(served) == len(set(served)) and set(served) <= set(parts)
    for w in windows:
        x0, y0, x1, y1 = w.box
        assert x1 - x0 == y1 - y0 and w.size == (window, window)
        assert x0 >= 0 and y0 >= 0 and x1 <= photo[0] and y1 <= photo[1]
        assert window / (x1 - x0) <= MAX_ZOOM + 0.05 or x1 - x0 == min(photo)
        assert w.parts
        for part in w.parts:
            assert fits(parts[part], w.box, photo, window, 3.0)
            assert width_in_tokens(parts[part], w.box, window) >= 3.0


@given(st.floats(-50, 700), st.floats(-50, 700), st.integers(16, 400))
def test_squares_are_moved_into_the_photo(x, y, side):
    box = square_around((x, y), side, (640, 400))
    assert box[0] >= 0 and box[2] <= 640 and box[1] >= 0 and box[3] <= 400
    assert box[2] - box[0] == box[3] - box[1] == side


def test_a_middling_part_gets_a_window_at_native_scale():
    (window,) = choose_windows([entity((200, 200, 300, 300))], (800, 800), 384, 2, 3.0)
    assert window.box[2] - window.box[0] == 384
    assert share_inside((200, 200, 300, 300), window.box) == 1


def test_a_small_part_is_zoomed_to_and_a_tiny_one_is_left():
    (window,) = choose_windows([entity((200, 200, 230, 230))], (800, 800), 384, 2, 3.0)
    assert 96 <= window.box[2] - window.box[0] <= 240
    assert not choose_windows([entity((200, 200, 208, 208))], (800, 800), 384, 2, 3.0)


def test_a_large_part_gets_a_larger_window_with_room():
    (window,) = choose_windows([entity((200, 200, 600, 620))], (1400, 1000), 384, 2, 3.0)
    side = window.box[2] - window.box[0]
    assert 420 / MAX_LENGTH <= side <= 420 / TARGET_LENGTH + 1


def test_a_small_photo_is_one_square_of_its_short_side():
    (window,) = choose_windows([entity((100, 40, 180, 130))], (300, 200), 384, 1, 3.0)
    assert window.box[2] - window.box[0] <= 200


def test_near_parts_share_a_window_and_far_ones_do_not():
    near = choose_windows(
        [entity((200, 200, 280, 280), (300, 200, 380, 280))], (1500, 1500), 384, 2, 3.0
    )
    assert [w.parts for w in near] == [["e0.p0", "e0.p1"]]
    far = choose_windows(
        [entity((50, 50, 130, 130), (1300, 1300, 1380, 1380))], (1500, 1500), 384, 2, 3.0
    )
    assert len(far) == 2


def test_different_kinds_are_worth_more_than_many_of_one():
    fingers = [(100 + 40 * i, 100, 130 + 40 * i, 190) for i in range(3)]
    face = [(900, 900, 1000, 1000), (940, 940, 985, 985), (920, 1005, 975, 1050)]
    found = entity(*fingers, *face, kinds=["finger"] * 3 + ["face", "nose", "mouth"])
    (window,) = choose_windows([found], (1200, 1200), 384, 1, 3.0)
    assert window.parts == ["e0.p3", "e0.p4", "e0.p5"]


def test_a_further_window_must_be_worth_it():
    boxes = ((50, 50, 150, 150), (1200, 1200, 1300, 1300))
    # the second part of one kind whose position alone is known is worth a quarter
    found = entity(*boxes, kinds=["part", "part"], positional=True)
    assert len(choose_windows([found], (1500, 1500), 384, 3, 3.0)) == 1


def test_nothing_to_serve_gives_no_window():
    assert choose_windows([], (500, 500), 384, 2, 3.0) == []
