from dataclasses import replace

import pytest
from pair_entries import entry

from applications.studies.subsets import (
    divide,
    list_entries,
    order_across_photos,
    order_by_photo,
    read_names,
)
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError

SPLITS = {"a": "train", "b": "train", "c": "validation", "d": "test", "e": "test", "f": "train"}
PAIRS = [entry(p, n, split=s) for p, s in SPLITS.items() for n in range(3)]


def photos(entries):
    return {entry.photo for entry in entries}


def test_the_manifest_gives_pairs_with_their_flaws(published):
    found = list_entries(published)
    assert len(found) == len({each.pair for each in found})
    assert max(len(each.tools) for each in found) == 2
    assert {each.split for each in found} == {"train", "validation", "test"}
    digests = {(each.photo, each.pictures_sha256) for each in found}
    assert len({digest for _, digest in digests}) == len(digests)


def test_without_a_list_the_splits_are_taken():
    found = divide(PAIRS, PAIRS)
    assert photos(found.train) == {"a", "b", "f"}
    assert photos(found.validation) == {"c"}
    assert photos(found.test) == {"d", "e"}


def test_listed_photos_are_the_test_and_all_others_train():
    found = divide(PAIRS, PAIRS, frozenset({"a", "d.jpg"}), validation_pairs=2)
    assert photos(found.test) == {"a", "d"}
    assert len(photos(found.validation)) == 1
    assert photos(found.train) == set(SPLITS) - photos(found.test) - photos(found.validation)


def test_near_duplicates_of_test_photos_are_not_trained_on():
    pairs = [replace(e, group="b" if e.photo == "a" else e.group) for e in PAIRS]
    found = divide(pairs, pairs, frozenset({"b"}), validation_pairs=1)
    assert not {"a", "b"} & photos((*found.train, *found.validation))


def test_a_data_set_of_other_photos_is_measured_whole():
    test = [entry("x", 0), entry("y", 0, split="validation")]
    found = divide(PAIRS, test)
    assert found.test == tuple(test)
    assert photos(found.train) == {"a", "b", "f"}


def test_photos_of_another_data_sets_test_are_not_trained_on():
    test = [replace(e, split="test") for e in PAIRS if e.photo in ("a", "d")]
    assert photos(divide(PAIRS, test).train) == {"b", "f"}


@pytest.mark.parametrize(
    ("pairs", "names", "message"),
    [
        ([e for e in PAIRS if e.split == "train"], set(), "no validation pairs"),
        ([e for e in PAIRS if e.split != "test"], set(), "no test pairs"),
        ([e for e in PAIRS if e.split != "train"], set(), "no training pairs"),
        (PAIRS, {"nobody"}, "nobody"),
        (PAIRS, set(SPLITS), "no training pairs"),
    ],
)
def test_a_purpose_without_pairs_is_said(pairs, names, message):
    with pytest.raises(FactoryError, match=message):
        divide(pairs, pairs, frozenset(names))


def test_subsets_by_photo_are_nested_and_take_photos_whole():
    order = order_by_photo(PAIRS, 1)
    assert sorted(order, key=lambda e: e.pair) == PAIRS
    assert [len(photos(order[:count])) for count in (3, 4, 6, 18)] == [1, 2, 2, 6]
    assert order != order_by_photo(PAIRS, 2)


def test_across_photos_each_gives_one_pair_before_any_gives_two():
    order = order_across_photos([*PAIRS, entry("g", 0)], 1)
    assert [len(photos(order[:count])) for count in (3, 7)] == [3, 7]
    assert len(order) == len(set(order)) == 19
    assert photos(order[7:13]) == set(SPLITS)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_list_that_names_no_photo_is_an_error(tmp_path, content):
    (tmp_path / "names").write_text(content)
    with pytest.raises(FactoryError, match="names no photo"):
        read_names(tmp_path / "names")
    with pytest.raises(FactoryError, match="missing"):
        read_names(tmp_path / "missing")


def test_no_or_a_damaged_manifest_is_said(tmp_path):
    with pytest.raises(FactoryError, match="flawfactory build"):
        list_entries(tmp_path)
    (tmp_path / MANIFEST).write_bytes(b"no parquet")
    with pytest.raises(FactoryError, match="flawfactory verify"):
        list_entries(tmp_path)
