import pytest

from stages.engine.gates.summary import Upstream, name_of, summarise
from stages.engine.stage import Reject
from stages.engine.storage.pairs import make_pairs
from stages.engine.workspace import FactoryError

PHOTOS = ["a", "b", "c"]
PAIRS = {(key, variant) for key in PHOTOS for variant in ("v0", "v1")}
ROWS = [{"key": key, "variant": variant, "x": 1.0} for key, variant in sorted(PAIRS)]


def reject(key, code="too_small"):
    return Reject(key, None, code, "no")


def counts(upstream, accepted, rows, rejects, what):
    summary = summarise(upstream, accepted, rows, rejects)
    names = ("in", "accepted", "rejected", "missing", "extra")
    return tuple(summary.numbers[f"{what}_{name}"] for name in names)


@pytest.mark.parametrize(
    ("accepted", "rejects", "expected"),
    [
        (["a", "b", "c"], [], (3, 3, 0, 0, 0)),
        (["a"], [reject("b"), reject("c")], (3, 1, 2, 0, 0)),
        (["a"], [reject("b")], (3, 1, 1, 1, 0)),
        ([], [], (3, 0, 0, 3, 0)),
        (["a", "b", "c", "d"], [], (3, 4, 0, 0, 1)),
        (["a", "b", "c"], [reject("d")], (3, 3, 1, 0, 1)),
        (["a", "b", "c"], [reject("c")], (3, 3, 1, 0, 1)),
        (["a", "b", "c"], [Reject("c", "v0", "flat", "no")], (3, 3, 0, 0, 0)),
    ],
    ids=[
        "all",
        "two rejects",
        "missing",
        "all missing",
        "unknown",
        "unknown reject",
        "both",
        "variant",
    ],
)
def test_photos_balance(accepted, rejects, expected):
    assert counts(Upstream(PHOTOS), accepted, [], rejects, "photos") == expected


def variant_counts(rows, rejects, accepted=("a", "b", "c"), pairs=PAIRS):
    return counts(Upstream(PHOTOS, make_pairs(pairs)), list(accepted), rows, rejects, "variants")


def test_variants_balance():
    assert variant_counts(ROWS, []) == (6, 6, 0, 0, 0)


def test_a_rejected_variant_is_accounted_for():
    assert variant_counts(ROWS[1:], [Reject("a", "v0", "flat", "no")]) == (6, 5, 1, 0, 0)


def test_the_variants_of_a_rejected_photo_are_rejected():
    assert variant_counts(ROWS[2:], [reject("a")], accepted="bc") == (6, 4, 2, 0, 0)


def test_a_lost_variant_is_missing():
    assert variant_counts(ROWS[1:], []) == (6, 5, 0, 1, 0)
    assert variant_counts([], []) == (6, 0, 0, 6, 0)


def test_an_unknown_variant_is_extra():
    row = {"key": "a", "variant": "v9", "x": 1.0}
    assert variant_counts([*ROWS, row], []) == (6, 7, 0, 0, 1)
    assert variant_counts(ROWS, [Reject("a", "v9", "flat", "no")]) == (6, 6, 1, 0, 1)


def test_a_variant_both_listed_and_rejected_is_extra():
    assert variant_counts(ROWS, [Reject("a", "v0", "flat", "no")]) == (6, 6, 1, 0, 1)


def test_a_variant_listed_twice_is_extra():
    assert variant_counts([*ROWS, ROWS[0]], []) == (6, 6, 0, 0, 1)


def test_variants_need_not_balance_in_a_stage_whose_rows_are_photos():
    rows = [{"key": key} for key in PHOTOS]
    assert variant_counts(rows, []) == (6, 0, 0, 0, 0)


def test_variants_need_not_balance_in_the_first_stage_that_has_them():
    assert variant_counts(ROWS, [], pairs=()) == (0, 6, 0, 0, 0)


def test_rates_are_shares_of_incoming_photos():
    rejects = [reject("a", "internal_error"), reject("b"), Reject("c", "v0", "flat", "no")]
    numbers = summarise(Upstream(PHOTOS), ["c"], [], rejects).numbers
    assert numbers["reject_rate"] == pytest.approx(2 / 3, abs=1e-6)
    assert numbers["internal_errors"] == 1


@pytest.mark.parametrize(("errors", "rate"), [(0, 0), (1, 0), (2, 1 / 3), (3, 2 / 3)])
def test_the_first_internal_error_does_not_count(errors, rate):
    rejects = [reject(key, "internal_error") for key in PHOTOS[:errors]]
    numbers = summarise(Upstream(PHOTOS), PHOTOS[errors:], [], rejects).numbers
    assert numbers["internal_error_rate"] == pytest.approx(rate, abs=1e-6)


def test_photos_set_aside_are_not_rejects_and_still_balance():
    rejects = [reject("b", "duplicate"), reject("c")]
    numbers = summarise(Upstream(PHOTOS), ["a"], [], rejects, {"duplicate"}).numbers
    assert (numbers["photos_in"], numbers["photos_aside"], numbers["photos_rejected"]) == (3, 1, 1)
    assert (numbers["photos_missing"], numbers["photos_extra"]) == (0, 0)
    assert numbers["reject_rate"] == 0.5  # of the two that are not set aside
    alone = summarise(Upstream(["b"]), [], [], rejects[:1], {"duplicate"}).numbers
    assert alone["reject_rate"] == 0


def test_variants_set_aside_are_not_rejects_and_still_balance():
    pairs = {(key, f"v{n}") for key in PHOTOS for n in range(2)}
    rejects = [
        Reject("a", "v1", "surplus", "no"),
        reject("b", "surplus"),
        Reject("c", "v0", "flat", "no"),
    ]
    rows = [{"key": "a", "variant": "v0"}, {"key": "c", "variant": "v1"}]
    numbers = summarise(
        Upstream(PHOTOS, make_pairs(pairs)), ["a", "c"], rows, rejects, {"surplus"}
    ).numbers
    counts = {name: numbers[f"variants_{name}"] for name in ("in", "accepted", "rejected", "aside")}
    assert counts == {"in": 6, "accepted": 2, "rejected": 1, "aside": 3}  # both of b
    assert (numbers["variants_missing"], numbers["variants_extra"]) == (0, 0)
    assert numbers["variant_reject_rate"] == pytest.approx(1 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("column", "photos"),
    [("x.mean", 2), ("gap.mean", 1), ("reject_rate", 3), ("photos_missing", 3), (None, 2)],
)
def test_photos_are_counted_for_every_number(column, photos):
    rejects = [reject("c"), reject("d", "duplicate")]
    upstream = Upstream([*PHOTOS, "d"])
    summary = summarise(upstream, ["a", "b"], TABLE, rejects, {"duplicate"})
    assert summary.count_photos(column) == photos


def test_a_manifest_without_rows_has_no_columns():
    empty, full = (summarise(Upstream(["a"]), ["a"], rows, []) for rows in ([], TABLE[:1]))
    assert not empty.has_column("x.mean") and empty.has_column("photos_in")
    assert full.has_column("x.mean")
    assert full.has_column("y.mean")  # it is judged, so that the mistake in the gate is found


def test_rates_without_photos_are_zero():
    numbers = summarise(Upstream([]), [], [], []).numbers
    assert numbers["photos_in"] == 0 and numbers["reject_rate"] == 0


TABLE = [
    {"key": "a", "variant": "v0", "x": 4, "ok": True, "tool": "add", "note": "n", "gap": None},
    {"key": "a", "variant": "v1", "x": 1, "ok": False, "tool": "add", "note": "m", "gap": 2.0},
    {"key": "b", "variant": "v0", "x": 1, "ok": True, "tool": "fuse", "note": "l", "gap": None},
]


def test_statistics_of_columns():
    counted = {"tool": ("add", "fuse", "melt")}
    numbers = summarise(Upstream(["a", "b"]), ["a", "b"], TABLE, [], (), counted).numbers
    found = {name: value for name, value in numbers.items() if "." in name}
    assert found == {
        "x.mean": 2.0,
        "x.min": 1,
        "x.max": 4,
        "ok.rate": pytest.approx(2 / 3, abs=1e-6),
        "tool.add": 2,
        "tool.fuse": 1,
        "tool.melt": 0,
        "gap.mean": 2.0,
        "gap.min": 2.0,
        "gap.max": 2.0,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_columns_with_nan_or_infinity_are_refused(value):
    with pytest.raises(FactoryError, match="'x' holds NaN"):
        summarise(Upstream(["a"]), ["a"], [{"key": "a", "x": value}], [])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("x.max", "a-v0"),
        ("x.mean", "a-v0"),
        ("x.min", "a-v1"),
        ("ok.rate", "a-v1"),
        ("tool.fuse", "b-v0"),
        ("gap.max", "a-v1"),
        ("photos_missing", "c"),
        ("photos_extra", "b"),
        ("internal_error_rate", "d"),
        ("reject_rate", "d"),
        ("variants_rejected", "a-v7"),
    ],
)
def test_every_number_has_example_keys(column, expected):
    rejects = [reject("d", "internal_error"), Reject("a", "v7", "flat", "no")]
    upstream, counted = Upstream(["a", "c", "d"]), {"tool": ()}
    summary = summarise(upstream, ["a", "b"], TABLE, rejects, counted=counted)
    assert summary.examples(column)[0] == expected


def test_at_most_five_examples_and_none_for_an_unknown_number():
    keys = [f"{n:02}" for n in range(20)]
    summary = summarise(Upstream(keys), [], [], [])
    assert summary.examples("photos_missing") == keys[:5]
    assert summary.examples("nothing.mean") == []
    assert summary.examples("nothing") == []


def test_names_of_photos_and_variants():
    assert (name_of("k", None), name_of("k", ""), name_of("k", "v1")) == ("k", "k", "k-v1")
