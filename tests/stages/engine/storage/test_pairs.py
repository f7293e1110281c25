import pytest

from stages.engine.storage import pairs
from stages.engine.storage.pairs import PairCollector, make_pairs, with_photos

PAIRS = [(f"photo{n // 2}", f"v{n % 2}") for n in range(7)]


def listed(table):
    return list(zip(table["key"].to_pylist(), table["variant"].to_pylist(), strict=True))


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_pairs_are_kept_in_order(monkeypatch, batch):
    monkeypatch.setattr(pairs, "BATCH_ROWS", batch)
    collector = PairCollector()
    collector.add(PAIRS[:4])
    collector.add(iter(PAIRS[4:]))
    assert listed(collector.pairs()) == PAIRS


def test_no_pairs_have_the_same_columns():
    assert make_pairs().column_names == make_pairs(PAIRS).column_names == ["key", "variant"]
    assert len(make_pairs()) == 0


def test_pairs_are_selected_by_photo():
    table = make_pairs(PAIRS)
    keys = make_pairs([("photo1", ""), ("other", "")])["key"]
    assert listed(with_photos(table, keys)) == PAIRS[2:4]
