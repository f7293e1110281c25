import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import convincing
from benchmarks.quality.convincing import Flaw, Key
from benchmarks.quality.looks import key_path
from stages.records.documents import SCHEMA_VERSION
from stages.records.images import write_png


def make_flaw(pair, tool="add", sample="", positional=False):
    key = Key(
        look=0,
        sample=sample,
        flaw=pair,
        tool=tool,
        kernel="ring",
        part_kind="eye",
        positional=positional,
        within_entity=False,
        probability=0.9,
    )
    return Flaw(key, f"{tool}: eye", (10, 10, 30, 30), np.zeros((64, 96, 3), np.uint8))


def test_the_draw_takes_as_many_of_each_tool_and_from_the_packages_in_turn():
    one = [make_flaw(f"a{n}", tool) for n in range(20) for tool in ("add", "fuse")]
    two = [make_flaw(f"b{n}", "add") for n in range(20)]
    drawn = convincing.draw([one, two], 6, seed=0)
    assert [flaw.key.tool for flaw in drawn] == ["add"] * 6 + ["fuse"] * 6
    assert [flaw.key.flaw[0] for flaw in drawn[:6]] == ["a", "b"] * 3
    again = convincing.draw([one[::-1], two[::-1]], 6, seed=0)
    assert [flaw.key for flaw in again] == [flaw.key for flaw in drawn]
    other = convincing.draw([one, two], 6, seed=1)
    assert [flaw.key for flaw in other] != [flaw.key for flaw in drawn]


def test_sheets_do_not_depend_on_the_key(tmp_path):
    """Neither sample nor probability is on the sheets, and the key is outside their folder."""
    folders = []
    for sample in ("before", "after"):
        looks = convincing.number([make_flaw(f"p{n}", sample=sample) for n in range(4)], 0)
        folders.append(tmp_path / sample)
        convincing.write_looks(folders[-1], looks)
        assert key_path(folders[-1]).is_file()
        assert {path.suffix for path in folders[-1].iterdir()} == {".png"}
    first, second = ((folder / "sheet-01.png").read_bytes() for folder in folders)
    assert first == second


def test_a_package_is_read_and_positional_parts_are_not_named(tmp_path):
    flaw = {
        "id": "v0",
        "tool": "distort",
        "kernel": "strip",
        "entity": "cat",
        "part": "left part",
        "part_kind": "part",
        "positional": True,
        "other": "",
        "within_entity": False,
        "mask_box": [1, 2, 3, 4],
        "scores": [{"name": "probability", "value": 0.75}],
    }
    record = {"schema_version": SCHEMA_VERSION, "photo": "p", "flaws": [flaw]}
    picture = write_png(np.zeros((8, 8, 3), np.uint8))
    with tarfile.open(tmp_path / "train-00000.tar", "w") as tar:
        for name, data in (("artifact.png", picture), ("json", json.dumps(record).encode())):
            info = tarfile.TarInfo(f"p-p0.{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    (found,) = convincing.read_flaws(tmp_path, "after")
    assert found.caption == "distort: cat" and found.box == (1, 2, 3, 4)
    assert (found.key.sample, found.key.flaw, found.key.probability) == ("after", "p-v0", 0.75)


def test_tally_counts_the_answers_of_all_lookers_and_refuses_missing_ones():
    flaws = [make_flaw(f"p{n}", "add" if n < 3 else "fuse", positional=n == 3) for n in range(4)]
    keys = [flaw.key for flaw in convincing.number(flaws, 0)]
    first = {str(key.look): "not" if key.tool == "fuse" else "convincing" for key in keys}
    second = first | {str(key.look): "borderline" for key in keys if key.positional}
    rated = convincing.collect(keys, [first, second])
    rows = {row[0]: row[1:6] for row in convincing.tally(rated)}
    assert rows["all"] == ["4", "6", "1", "1", "88%"]
    assert rows["add"] == rows["add / ring"] == ["3", "6", "0", "0", "100%"]
    assert rows["fuse"] == rows["positional parts"] == ["1", "0", "1", "1", "50%"]
    half = {look: answer for look, answer in first.items() if look != "2"}
    assert len(convincing.collect(keys, [half, second])[1].answers) == 1
    for wrong in ([half], [first | {"2": "yes"}]):
        with pytest.raises(ValueError, match="look 2"):
            convincing.collect(keys, wrong)


def test_committed_records_can_be_counted():
    records = sorted(Path(convincing.__file__).parent.glob("convincing-*.json"))
    assert records
    for record in records:
        rated = [convincing.Rated.model_validate(look) for look in json.loads(record.read_bytes())]
        assert all(set(look.answers) <= set(convincing.VERDICTS) for look in rated)
        assert convincing.tally(rated)
