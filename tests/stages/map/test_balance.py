from stages.map.balance import describe_states, find_surplus
from stages.map.quotas import Quotas
from stages.tools import TOOLS


def row(key, variant="v0", tool="distort", entity="object", part="part", positional=True):
    return {"key": key, "variant": variant, "tool": tool, "entity_name": entity, "part_kind": part,
            "positional": positional}  # fmt: skip


ROWS = [
    *[row(f"{n}", f"v{v}") for n in range(2) for v in range(3)],
    *[row(f"{n}", "v3", "add", "person", "hand", positional=False) for n in range(4)],
]


def test_rejects_say_which_group_has_too_large_a_share():
    rejects = find_surplus(ROWS, Quotas(tool={"distort": 0.4}), seed=0)
    assert {(r.key, r.code) for r in rejects} == {("0", "over_quota"), ("1", "over_quota")}
    assert all(r.variant in ("v0", "v1", "v2") for r in rejects)
    assert {r.message for r in rejects} == {
        "tool distort has 6 of the 10 variants of this block of photos; map.quotas.tool allows a "
        "share of 0.4"
    }
    assert rejects[0].evidence == {
        "quota": "tool", "value": "distort", "limit": 0.4, "drawn": [6, 10], "kept": [4, 8],
    }  # fmt: skip


def test_a_raised_limit_is_told():
    (reject, *_) = find_surplus(ROWS, Quotas(tool=0.3), seed=0)
    assert reject.message.endswith("a share of 0.3, raised to 0.5, which this block can meet")


def test_a_photo_of_which_nothing_is_left_is_one_reject():
    rows = [row(f"{n}") for n in range(4)] + [row("x", tool="add"), row("y", tool="fuse")]
    rejects = find_surplus(rows, Quotas(tool={"distort": 0.3}), seed=0)
    assert [r.variant for r in rejects] == [None, None]
    assert {r.key for r in rejects} < {"0", "1", "2", "3"}
    assert all(
        r.message.startswith("all variants of the photo are over a quota: ") for r in rejects
    )


def test_a_block_within_its_quotas_has_no_rejects():
    assert find_surplus(ROWS, Quotas(tool=0.6), seed=0) == []
    assert find_surplus([], Quotas(tool=0.1), seed=0) == []


def test_states_are_about_the_whole_data_set():
    states = list(describe_states(ROWS, Quotas(tool=0.4, entity={"object": 0.25}), TOOLS))
    assert states[0] == "tool distort: 0.600 of at most 0.4, entity object: 0.600 of at most 0.25"
    assert states[-1] == "met"


def test_a_tool_may_have_all_if_no_other_is_drawn():
    assert set(describe_states(ROWS[:6], Quotas(tool=0.4), ["distort"])) == {"met"}
    assert set(describe_states(ROWS[:6], Quotas(tool=0.4), ["distort", "fuse"])) == {
        "tool distort: 1.000 of at most 0.5"
    }
