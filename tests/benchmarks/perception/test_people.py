import pytest

from benchmarks.perception import labels, people


def test_only_people_are_matched(photo, entity):
    scene = photo(people=[(0, 0, 20, 40), (50, 0, 70, 40)])
    found = [
        entity("person", (0, 0, 20, 36)),
        entity("person", (30, 20, 45, 50)),
        entity("object", (50, 0, 70, 40)),
    ]
    score = people.score_people(scene, found)
    assert (score.labels, score.found, score.predicted, score.right) == (2, 1, 2, 1)


def test_figures_are_sums_over_photos():
    rows = [
        people.PeopleScore(name="a", labels=3, found=2, predicted=2, right=2),
        people.PeopleScore(name="b", labels=0, found=0, predicted=1, right=0),
    ]

    class Perceiver:
        profile, revision = "none", "blind:0"

    report = people.make_report(Perceiver(), rows, [])
    assert (report.recall.count, report.recall.total) == (2, 3)
    assert (report.precision.count, report.precision.total) == (2, 3)


@pytest.fixture(scope="module")
def labelled():
    return labels.load(people.LABELS)


def test_labels_lie_in_their_photos(labelled):
    marks = [(photo, mark) for photo in labelled for mark in photo.people]
    assert len(labelled) == 100 and sum(not mark.difficult for _, mark in marks) == 116
    for photo, mark in marks:
        x0, y0, x1, y1 = mark.box
        assert 0 <= x0 < x1 <= photo.width and 0 <= y0 < y1 <= photo.height


def test_no_photo_is_in_the_other_set(labelled):
    assert not {p.name for p in labelled} & {p.name for p in labels.load()}
