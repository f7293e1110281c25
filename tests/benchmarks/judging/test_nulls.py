from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.judging import nulls
from stages.inject.params import InjectParams
from stages.models.protocols import Case
from stages.records.documents import Variant, Window
from stages.tools import TOOLS


def make_result(tool="add"):
    rng = np.random.default_rng(7)
    photo, control, flaw = rng.integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    variant = Variant(
        id="v0", window="w0", tool=tool, kernel="k", entity="e0", entity_name="n", part="p",
        part_name="p", part_kind="p", positional=False, seed=0, targets=[14, 15], references=[2, 3],
    )  # fmt: skip
    window = Window(id="w0", box=(0, 0, 96, 96), size=(96, 96), parts=[])
    mask = np.ones((96, 96), bool)
    case = Case(photo, control, flaw, mask, window, control, flaw, variant)
    return SimpleNamespace(name="a-v0", case=case, rendered=SimpleNamespace(sides=None))


@pytest.mark.parametrize("tool", TOOLS)
def test_all_kinds_take_turns(tool):
    result = make_result(tool)
    found = [kind for number in range(6) for kind, _ in nulls.make_edits(result, number, PARAMS)]
    assert len(found) == 6 * nulls.PER_RESULT and set(found) == set(nulls.KINDS[tool])
    assert (nulls.SHUFFLED in found) == (tool != "distort")


PARAMS = InjectParams()


def test_edits_show_no_flaw_and_stay_near_the_targets():
    result = make_result()
    made = dict(edit for number in range(3) for edit in nulls.make_edits(result, number, PARAMS))
    np.testing.assert_array_equal(made["restored"].artifact, result.case.real)
    np.testing.assert_array_equal(made["control"].artifact, result.case.control)
    assert made["control"].mask.all()  # the flaw's mask, because nothing is visible
    for kind in ("blurred", "noisy", "recompressed"):
        changed = (made[kind].artifact != result.case.control).any(2)
        assert changed[32:48, 32:64].any() and not changed[:8].any() and not changed[80:].any()
