from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.judging import sheets
from stages.records.documents import Variant


def variant(tool="add", **changes):
    facts = dict(  # noqa: C408
        id="v0", window="w0", tool=tool, kernel="strip", entity="e0", entity_name="dog",
        part="p", part_name="left ear", part_kind="ear", positional=False, seed=0, targets=[0],
        references=[1], facts={},
    )  # fmt: skip
    return Variant(**{**facts, **changes})


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (variant(facts={"direction": "above"}), ["second left ear of the dog", "above"]),
        (variant("remove"), ["left ear of the dog is gone"]),
        (variant("distort"), ["left ear of the dog", "strips"]),
        (variant("distort", part_name="dog"), ["distort: the dog,"]),
        (variant("fuse", other_name="neck"), ["left ear of the dog", "neck"]),
    ],
)
def test_words_say_what_was_intended(mapping, words):
    found = sheets.words(mapping)
    assert found.startswith(mapping.tool) and all(word in found for word in words)


def test_a_crop_has_room_and_stays_inside():
    assert sheets.around((40, 40, 140, 90), (400, 300)) == (10, 0, 170, 160)
    assert sheets.around((0, 0, 4, 4), (400, 300)) == (0, 0, 64, 64)
    assert sheets.around((0, 0, 100, 80), (100, 80)) == (10, 0, 90, 80)


def test_a_sheet_holds_so_many_numbered_rows():
    photo = np.zeros((90, 120, 3), np.uint8)
    mask = np.zeros((90, 120), bool)
    mask[30:50, 40:70] = True
    result = SimpleNamespace(variant=variant(), control=photo, artifact=photo, mask=mask)
    drawn = list(sheets.sheets([result] * (sheets.A_SHEET + 1)))
    assert len(drawn) == 2 and drawn[0].height > 3 * drawn[1].height
    outline = (np.asarray(drawn[1]) == sheets.OUTLINE).all(2).sum(0) > 0
    cell = sheets.CELL + sheets.GAP
    shown = [outline[place * cell : (place + 1) * cell].any() for place in range(4)]
    assert shown == [True, False, False, True]
