from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st
from tables import write_rows

from flows.comparison.pairs import PairChanges, compare

COLUMNS = {"text": "one", "sha256.artifact.png": "0", "score.lpips": 0.5, "licence": "CC0-1.0",
           "shard": "train-00000.tar", "params_sha256": "p"}  # fmt: skip


def make_row(pair: str, variant: str = "v0", **columns: object) -> dict[str, object]:
    return {"pair": pair, "variant": variant} | COLUMNS | columns


def changes(folder: Path, before: list[dict], after: list[dict]) -> PairChanges:
    manifests = []
    for name, rows in (("before", before), ("after", after)):
        write_rows(folder / f"{name}.parquet", rows, ("pair", "variant"))
        manifests.append(pq.ParquetFile(folder / f"{name}.parquet"))
    return compare(*manifests)


def described(found: PairChanges) -> dict[str, list[str]]:
    keys = found.changed.to_pylist()
    return {key: found.aspects_of(place) for place, key in enumerate(keys)}


def test_pairs_are_added_removed_changed_or_same(tmp_path: Path) -> None:
    before = [make_row(name) for name in "abcde"]
    after = [
        make_row("b", shard="train-00009.tar", params_sha256="q"),
        make_row("c", **{"sha256.artifact.png": "1", "text": "two"}),
        make_row("d", **{"score.lpips": None}),
        make_row("e", licence="CC-BY-4.0"),
        make_row("f"),
    ]
    found = changes(tmp_path, before, after)
    assert (found.added.to_pylist(), found.removed.to_pylist(), found.same) == (["f"], ["a"], 1)
    assert described(found) == {"c": ["picture", "text"], "d": ["scores"], "e": ["source"]}
    assert found.columns["text"] == 1
    assert found.examples("picture", 5) == ["c"]


def test_flaws_of_one_pair_are_compared_one_by_one(tmp_path: Path) -> None:
    before = [make_row("a", "v0"), make_row("a", "v1"), make_row("b", "v2")]
    after = [make_row("a", "v1", text="two"), make_row("a", "v0"), make_row("b", "v2")]
    assert described(changes(tmp_path, before, after)) == {"a": ["text"]}
    assert described(changes(tmp_path, before, before[1:])) == {"a": ["flaws"]}
    assert described(changes(tmp_path, before[1:], before)) == {"a": ["flaws"]}


def test_a_column_that_only_one_version_has_is_named_and_changes_no_pair(tmp_path: Path) -> None:
    after = [make_row("a") | {"score.new": 1.0}]
    found = changes(tmp_path, [make_row("a")], after)
    assert (found.same, found.lone_columns) == (1, ("score.new",))


def test_versions_without_pairs(tmp_path: Path) -> None:
    found = changes(tmp_path, [], [make_row("a")])
    assert (found.added.to_pylist(), len(found.removed), found.same) == (["a"], 0, 0)
    assert changes(tmp_path, [make_row("a")], []).removed.to_pylist() == ["a"]
    assert changes(tmp_path, [], []).same == 0


ROWS = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["v0", "v1"])),
    st.tuples(st.sampled_from(["one", "two"]), st.sampled_from([None, 0.5, 0.25])),
    max_size=8,
)


@given(before=ROWS, after=ROWS)
def test_the_columns_say_what_a_comparison_row_by_row_says(before, after, tmp_path_factory) -> None:
    def rows(found):
        return [
            make_row(pair, variant, text=text, **{"score.lpips": score})
            for (pair, variant), (text, score) in found.items()
        ]

    found = changes(tmp_path_factory.mktemp("rows"), rows(before), rows(after))
    old, new = ({pair for pair, _ in version} for version in (before, after))
    expected = {
        pair
        for pair in old & new
        if {k: v for k, v in before.items() if k[0] == pair}
        != {k: v for k, v in after.items() if k[0] == pair}
    }
    assert set(found.added.to_pylist()) == new - old
    assert set(found.removed.to_pylist()) == old - new
    assert set(found.changed.to_pylist()) == expected
    assert found.same == len(old & new) - len(expected)


def test_pictures_of_another_file_format_are_not_compared_by_their_digests(tmp_path: Path) -> None:
    before = [make_row("a", **{"sha256.mask.png": "0"}), make_row("b", **{"sha256.mask.png": "0"})]
    after = [
        {name.replace("artifact.png", "artifact.webp"): value for name, value in row.items()}
        for row in before
    ]
    after[1] |= {"sha256.mask.png": "1"}
    found = changes(tmp_path, before, after)
    assert described(found) == {"a": ["format"], "b": ["mask", "format"]}
    assert found.lone_columns == ()
