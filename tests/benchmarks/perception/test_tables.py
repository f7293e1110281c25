from benchmarks.perception import tables
from benchmarks.perception.labels import FIRST, SECOND, load
from benchmarks.perception.score import Share, compute_figures, score_photo


def test_share_shows_counts_and_interval():
    assert tables.format_share(Share.of(15, 20)) == "15/20 = 75 % (53–89)"
    assert tables.format_share(Share.of(0, 0)) == "–"


def test_two_states_stand_side_by_side(photo, entity, part, cat):
    before = compute_figures([score_photo(photo(thing=cat), [entity("dog", (10, 10, 30, 30))])])
    wrong = entity("person", (0, 0, 40, 60), [part("nose", "nose", (0, 0, 4, 4))])
    after = compute_figures(
        [score_photo(photo(thing=cat), [wrong, entity("cat", (10, 10, 30, 30))])]
    )
    text = tables.tabulate_figures([("before", before), ("after", after)])
    assert "| 1 photos | before | after |" in text
    assert "| main thing: name right | 0 | 1 |" in text
    assert "| … nose | 0 | 1 |" in text
    assert "| foreground IoU: mean | 1.00 | 1.00 |" in text


def test_agreement_of_a_set_with_itself_is_complete():
    first = load(FIRST)
    lines = tables.tabulate_agreement(first, first).splitlines()[2:]
    assert len(lines) == 4
    assert all(line.endswith("| 1.00 | 1.00 |") for line in lines)


def test_agreement_of_the_two_labellings_is_below_one_and_high():
    lines = tables.tabulate_agreement(load(FIRST), load(SECOND)).splitlines()[2:]
    means = [float(line.split("|")[3]) for line in lines]
    assert all(0.7 < mean < 1 for mean in means)
