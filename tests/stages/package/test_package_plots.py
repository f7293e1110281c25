from stages.package.plots import MAX_NAMES, OTHERS, count_areas, count_flaws
from stages.tools import TOOLS


def make_row(tool: str, entity: str, pixels: int = 1) -> dict:
    return {
        "tool": tool,
        "entity": entity,
        "part_kind": "hand",
        "mask_pixels": pixels,
        "width": 10,
        "height": 10,
    }


def test_rare_entities_are_counted_together() -> None:
    rows = [make_row("add", f"thing {n:02}") for n in range(MAX_NAMES) for _ in range(2)]
    rows += [make_row("add", f"rare {n}") for n in range(3)]
    counts = {row["entity"]: row["count"] for row in count_flaws(rows) if row["tool"] == "add"}
    assert counts == {f"thing {n:02}": 2 for n in range(MAX_NAMES)} | {OTHERS: 3}


def test_every_tool_has_rows() -> None:
    assert {row["tool"] for row in count_flaws([])} == set(TOOLS)
    assert sum(row["count"] for row in count_flaws([])) == 0
    assert {row["tool"] for row in count_areas([])} == set(TOOLS)


def test_areas_are_percentages_of_the_picture() -> None:
    (found,) = [row for row in count_areas([make_row("fuse", "cat", pixels=5)]) if row["count"]]
    assert found["tool"] == "fuse" and found["from"] <= 5 < found["to"]
