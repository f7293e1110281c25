import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.engine.workspace import FactoryError
from stages.filter import reviews
from stages.filter.reviews import (
    Mark,
    apply_to,
    combine,
    make_review,
    parse_review,
    read_review,
)

TIME = datetime(2026, 11, 26, 12, tzinfo=UTC)
PHOTO = "0123456789abcdef"


def make_mark(digest="a", verdict="accept", **changes):
    fields = {"pixels_sha256": digest * 64, "flaw": f"{PHOTO}-v0", "verdict": verdict, "time": TIME}
    return Mark(**{**fields, **changes})


def make_file(reviewer="anna", *marks):
    return make_review("0" * 64, reviewer, marks)


def make_json(**changes):
    value = json.loads(reviews.dump_review(make_file("anna", make_mark())))
    return json.dumps({**value, **changes}).encode()


def test_a_file_is_read_as_it_was_written():
    note = 'the "hand"\n\u2028 </script>'
    file = make_file(
        "anna",
        make_mark("b", "reject", reason="bad_mask", note=note, flaw=f"{PHOTO}-v2"),
        make_mark("a", flaw=f"{PHOTO}-v1"),
    )
    data = reviews.dump_review(file)
    assert data.count(b"\n") == 4  # a mark a line
    found = parse_review(data, "x.json")
    assert found.marks == file.marks[::-1] and found.reviewer == "anna"
    empty = make_file()
    assert parse_review(reviews.dump_review(empty), "x.json") == empty


def test_a_browsers_time_is_read():
    mark = json.loads(make_json())["marks"][0] | {"time": "2026-11-26T10:45:12.345Z"}
    (found,) = parse_review(make_json(marks=[mark]), "x").marks
    assert found.time == datetime(2026, 11, 26, 10, 45, 12, 345000, UTC)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (make_json()[:-20], r"x\.json: not JSON, or cut off"),
        (b"", r"x\.json: not JSON"),
        (b"\xff\xfe", r"x\.json: not JSON"),
        (b"[" * 100_000, r"x\.json: not JSON"),
        (b"[]", r'"format" must be "flawfactory-review"'),
        (make_json(format="marks"), r'"format" must be'),
        (make_json(version=2), r"version 2 of the format; this version of flawfactory reads 1"),
        (make_json(version="1"), r"version '1' of the format"),
        (make_json(reviewer="Anna Smith"), r"x\.json: reviewer: "),
        (make_json(reviewer="../anna"), r"x\.json: reviewer: "),
        (make_json(extra=1), r"x\.json: extra: "),
        (make_json(marks=[{}]), r"marks\.0\.pixels_sha256: .*; and 1 more"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_line(data, message):
    with pytest.raises(FactoryError, match=message) as error:
        parse_review(data, "x.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"pixels_sha256": "A" * 64},
        {"pixels_sha256": "a" * 63},
        {"flaw": "../v1"},
        {"verdict": "maybe"},
        {"reason": "ugly"},
        {"reason": "bad_mask", "verdict": "accept"},
        {"note": "x" * 501},
        {"note": "\x1b[2J"},
        {"time": "2026-11-26T12:00:00"},
        {"time": "yesterday"},
        {"score": 1},
    ],
)
def test_a_mark_that_is_not_valid_is_refused(changes):
    mark = {**json.loads(make_json())["marks"][0], "verdict": "reject", **changes}
    with pytest.raises(FactoryError, match=r"x\.json: marks"):
        parse_review(make_json(marks=[mark]), "x.json")


def test_a_flaw_is_marked_once_in_a_file():
    marks = [json.loads(make_json())["marks"][0]] * 2
    with pytest.raises(FactoryError, match=f"{PHOTO}-v0 is marked twice"):
        parse_review(make_json(marks=marks), "x.json")


def test_size_and_number_of_marks_are_limited(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_bytes(make_json())
    monkeypatch.setattr(reviews, "MAX_BYTES", 100)
    with pytest.raises(FactoryError, match="at most 100 bytes and 250,000 marks"):
        read_review(path)
    with pytest.raises(FactoryError, match="at most 100 bytes"):
        parse_review(path.read_bytes(), "x.json")


@pytest.mark.slow
def test_more_marks_than_a_file_may_hold_are_refused():
    mark = json.loads(make_json())["marks"][0]
    start, end = json.dumps(mark).split("a" * 64)
    marks = [f"{start}{n:064x}{end}" for n in range(reviews.MAX_MARKS + 1)]
    data = make_json(marks=[]).replace(b"[]", f"[{','.join(marks)}]".encode())
    with pytest.raises(FactoryError, match=r"x\.json: marks: List should have at most 250000"):
        parse_review(data, "x.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FactoryError, match=r"lost\.json: No such file"):
        read_review(tmp_path / "lost.json")
    with pytest.raises(FactoryError, match="Is a directory"):
        read_review(tmp_path)


def votes(**of_reviewer):
    """Combine one mark of each reviewer."""
    found = combine(make_file(who, make_mark("a", v)) for who, v in of_reviewer.items())
    return found["a" * 64]


def test_the_majority_decides_and_a_tie_decides_nothing():
    assert votes(anna="accept").verdict == "accept" and not votes(anna="accept").disputed
    assert votes(anna="reject", ben="reject", cid="accept").verdict == "reject"
    tie = votes(anna="reject", ben="accept")
    assert tie.verdict is None and tie.disputed and tie.share == 0.5
    assert (tie.accepted_by, tie.rejected_by) == (("ben",), ("anna",))


@given(st.permutations(range(4)))
def test_a_reviewers_latest_mark_counts_in_any_order_of_the_files(order):
    marks = [
        make_mark("a", "reject", reason="other"),
        make_mark("a", "accept", time=TIME + timedelta(hours=1)),
        make_mark("b", "accept"),
        make_mark("b", "reject"),  # of the same time
    ]
    found = combine(make_file("anna", marks[n]) for n in order)
    assert found["a" * 64].verdict == "accept" and not found["a" * 64].reasons
    assert found["b" * 64].verdict == "reject"


def test_marks_of_other_pixels_do_not_apply():
    files = {"x.json": make_file("anna", make_mark("a"), make_mark("b", flaw=f"{PHOTO}-v1"))}
    found = apply_to(files, frozenset({"a" * 64}), frozenset({PHOTO}))
    assert list(found.opinions) == ["a" * 64]
    assert [mark.flaw for mark in found.stale["x.json"]] == [f"{PHOTO}-v1"]


def test_a_review_of_another_data_set_is_refused():
    files = {"x.json": make_file("anna", make_mark("a"))}
    with pytest.raises(FactoryError, match=r"x\.json: a review of another data set: none of its 1"):
        apply_to(files, frozenset(), frozenset({"f" * 16}))
    other = make_mark("b", flaw=f"{'f' * 16}-v0")
    files = {"x.json": make_file("anna", make_mark("a"), other)}
    assert len(apply_to(files, frozenset(), frozenset({PHOTO})).stale["x.json"]) == 2
    assert not apply_to({"x.json": make_file()}, frozenset(), frozenset({PHOTO})).stale


def test_patterns_name_files(tmp_path):
    for name in ("b.json", "a.json", "notes.txt", "old/c.json"):
        path = tmp_path / "reviews" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    find = reviews.find_files
    assert list(find(tmp_path, ["reviews/*.json"])) == ["reviews/a.json", "reviews/b.json"]
    assert list(find(tmp_path, ["reviews/**/c.json", "reviews/a.json"])) == [
        "reviews/a.json", "reviews/old/c.json",
    ]  # fmt: skip
    assert find(tmp_path, ["reviews/z*.json"]) == {} and find(tmp_path, []) == {}
    with pytest.raises(FactoryError, match=r"there is no file reviews/z\.json"):
        find(tmp_path, ["reviews/z.json"])


def test_published_names_tell_reviewers_apart():
    digests = {reviews.reviewer_digest(name) for name in ("anna", "ben")}
    assert len(digests) == 2 and all(len(digest) == 16 for digest in digests)
