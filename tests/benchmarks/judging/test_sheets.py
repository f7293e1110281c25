from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.judging import sheets
from stages.records.documents import Variant


def make_variant(tool="add", **changes):
    facts = dict(  # noqa: C408
        id="v0", window="w0", tool=tool, kernel="strip", entity="e0", entity_name="dog",
        part="p", part_name="left ear", part_kind="ear", positional=False, seed=0, targets=[0],
        references=[1], facts={},
    )  # fmt: skip
    return Variant(**{**facts, **changes})


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (make_variant(facts={"direction": "above"}), ["second left ear of the dog", "above"]),
        (make_variant("remove"), ["left ear of the dog is gone"]),
        (make_variant("distort"), ["left ear of the dog", "strips"]),
        (make_variant("distort", part_name="dog"), ["distort: the dog,"]),
        (make_variant("fuse", other_name="neck"), ["left ear of the dog", "neck"]),
    ],
)
def test_description_names_the_intended_flaw(mapping, words):
    found = sheets.describe_intent(mapping)
    assert found.startswith(mapping.tool) and all(word in found for word in words)


def test_crop_has_a_margin_and_stays_inside_the_photo():
    assert sheets.crop_around((40, 40, 140, 90), (400, 300)) == (10, 0, 170, 160)
    assert sheets.crop_around((0, 0, 4, 4), (400, 300)) == (0, 0, 64, 64)
    assert sheets.crop_around((0, 0, 100, 80), (100, 80)) == (10, 0, 90, 80)


def test_sheet_has_a_maximum_of_rows():
    photo = np.zeros((90, 120, 3), np.uint8)
    mask = np.zeros((90, 120), bool)
    mask[30:50, 40:70] = True
    result = SimpleNamespace(variant=make_variant(), control=photo, artifact=photo, mask=mask)
    drawn = list(sheets.draw_sheets([result] * (sheets.PER_SHEET + 1)))
    assert len(drawn) == 2 and drawn[0].height > 3 * drawn[1].height
    outline = (np.asarray(drawn[1]) == sheets.OUTLINE).all(2).sum(0) > 0
    cell = sheets.CELL + sheets.GAP
    shown = [outline[place * cell : (place + 1) * cell].any() for place in range(4)]
    assert shown == [True, False, False, True]
