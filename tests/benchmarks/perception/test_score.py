import pytest

from benchmarks.perception.score import Scored, compute_calibration, compute_figures, score_photo


def test_person_with_face_and_hand_in_place(photo, entity, part):
    labelled = photo(people=[(0, 0, 40, 60)], faces=[(10, 5, 30, 25)], hands=[(0, 40, 10, 50)])
    parts = [
        part("face", "face", (10, 5, 30, 25)),
        part("left eye", "eye", (14, 10, 18, 13)),
        part("left hand", "hand", (0, 40, 10, 50)),
        part("torso", "torso", (5, 26, 35, 60)),
    ]
    row = score_photo(labelled, [entity("person", (0, 0, 40, 60), parts)])
    assert row.found == row.labels == {"people": 1, "faces": 1, "hands": 1}
    assert row.misplaced == [] and all(item.right for item in row.scored)
    assert row.naming is None and row.uncalled == 0 and row.parts == 4


def test_misplaced_parts_are_counted_by_kind(photo, entity, part):
    labelled = photo(people=[(0, 0, 40, 60)], faces=[(10, 5, 30, 25)], hands=[(0, 40, 10, 50)])
    parts = [
        part("left eye", "eye", (50, 10, 54, 13)),
        part("left thumb", "finger", (20, 40, 24, 44)),
        part("right leg", "leg", (60, 30, 70, 60)),
        part("right arm", "arm", (5, 30, 10, 50)),
    ]
    row = score_photo(labelled, [entity("person", (0, 0, 40, 60), parts)])
    assert [item.kind for item in row.misplaced] == ["eye", "finger", "leg"]
    assert compute_figures([row, row]).misplaced == {"eye": 2, "finger": 2, "leg": 2}


@pytest.mark.parametrize(
    ("said", "naming"), [("cat", "right"), ("animal", "coarse"), ("dog", "wrong")]
)
def test_names_are_right_too_coarse_or_wrong(photo, entity, cat, said, naming):
    row = score_photo(photo(thing=cat), [entity(said, (10, 10, 30, 30))])
    assert (row.naming, row.said, row.foreground) == (naming, said, 1.0)


def test_missed_thing_has_no_overlap(photo, cat):
    row = score_photo(photo(thing=cat), [])
    assert (row.naming, row.said, row.foreground) == ("none", None, 0.0)


def test_largest_thing_is_the_main_one(photo, entity, cat):
    things = [entity("dog", (0, 0, 5, 5)), entity("cat", (10, 10, 30, 20))]
    row = score_photo(photo(thing=cat), things)
    assert row.said == "cat" and row.foreground == 0.5


def test_things_where_none_is_labelled(photo, entity):
    assert score_photo(photo(), [entity("object", (0, 0, 9, 9))]).uncalled == 1


def test_figures_of_photos(photo, entity, cat):
    labelled = photo(people=[(0, 0, 40, 60), (45, 0, 80, 60)])
    rows = [
        score_photo(
            labelled, [entity("person", (0, 0, 40, 60)), entity("person", (40, 0, 50, 20))]
        ),
        score_photo(photo(thing=cat), [entity("cat", (10, 10, 30, 20))]),
    ]
    found = compute_figures(rows)
    assert (found.recall["people"].count, found.recall["people"].total) == (1, 2)
    assert (found.precision["people"].count, found.precision["people"].total) == (1, 2)
    assert found.foreground_mean == 0.5 and found.foreground_good.count == 0
    assert found.naming == {"right": 1}


def test_figures_need_photos():
    with pytest.raises(ValueError, match="no labelled photo"):
        compute_figures([])


def test_calibration_counts_every_score_once():
    scores = [0.0, 0.5, 0.55, 0.9, 1.0]
    bins = compute_calibration([Scored(kind="faces", score=s, right=s > 0.5) for s in scores])
    assert [(b.low, b.right.count, b.right.total) for b in bins] == [
        (0.0, 0, 1), (0.5, 1, 2), (0.9, 2, 2),
    ]  # fmt: skip
