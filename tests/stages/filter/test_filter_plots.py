from stages.filter.plots import EDGES, count_scores


def test_accepted_and_rejected_scores_are_counted_apart() -> None:
    accepted = [{"probability": 0.91}, {"probability": None}, {}]
    rows = count_scores(["probability"], accepted, [{"probability": 0.31}, {"probability": 3.0}])
    counts = {(row["outcome"], row["from"]): row["count"] for row in rows if row["count"]}
    assert counts == {("accepted", 0.9): 1, ("rejected", 0.3): 1, ("rejected", 1.0): 1}
    assert len(rows) == 2 * (len(EDGES) - 1)


def test_there_are_rows_without_any_score() -> None:
    assert {row["count"] for row in count_scores(["lpips_real"], [], [])} == {0}
