import numpy as np
import pytest

from benchmarks.quality import looks
from benchmarks.quality.cases import Case
from benchmarks.quality.looks import Key
from benchmarks.quality.renderers import Crop
from benchmarks.quality.renderings import RenderedVariant
from stages.records.documents import Window
from tests.benchmarks.quality.test_intended import make_variant

OURS, PASTE = 200, 90


def make_rendered(number, grey):
    window = Window(id="w0", box=(0, 0, 96, 96), size=(96, 96), parts=[])
    variant = make_variant("add", [14], [0])
    case = Case(photo="p", key=f"{number:016x}", window=window, variants=[variant], sides={})
    photo = np.zeros((96, 96, 3), np.uint8)
    piece = np.full((16, 16, 3), grey, np.uint8)
    whole = np.ones((16, 16), dtype=bool)
    box = (32, 32, 48, 48)
    crop = None if grey is None else Crop(box, box, piece, piece // 2, whole, whole)
    return RenderedVariant(case, variant, photo, crop)


@pytest.fixture
def found():
    ours, paste = ([make_rendered(i, grey) for i in range(12)] for grey in (OURS, PASTE))
    return looks.make_looks(ours, {"pixel paste": paste}, seed=1)


def test_key_says_which_side_is_ours(found):
    assert {look.key.ours for look in found} == {"A", "B"}
    for look in found:
        mine, other = (look.a, look.b) if look.key.ours == "A" else (look.b, look.a)
        assert mine.max() == OURS and other.max() == PASTE and look.photo.max() == 0


def test_looks_are_numbered_from_1_and_mix_the_pastes():
    ours = [make_rendered(i, OURS) for i in range(9)]
    pastes = {name: [make_rendered(i, PASTE) for i in range(9)] for name in ("one", "two")}
    found = looks.make_looks(ours, pastes, seed=0)
    assert [look.key.look for look in found] == list(range(1, 19))
    assert [look.key.against for look in found] != sorted(look.key.against for look in found)


def test_sheets_do_not_depend_on_the_key(found):
    """Where both methods give the same picture, the sheets are the same bytes under any key."""
    blank = [looks.Look(look.key, look.photo, look.a, look.a) for look in found]
    swapped = [
        look.key.model_copy(update={"ours": "A", "against": "x", "name": "y"}) for look in found
    ]
    other = [
        looks.Look(key, look.photo, look.a, look.a)
        for key, look in zip(swapped, found, strict=True)
    ]
    for a, b in zip(looks.draw_sheets(blank), looks.draw_sheets(other), strict=True):
        assert a.tobytes() == b.tobytes() and not a.info


def test_crop_is_a_square_inside_the_photo():
    for box in ((0, 0, 10, 10), (280, 90, 300, 200), (0, 0, 300, 200)):
        x0, y0, x1, y1 = looks.crop_around(box, (300, 200))
        assert x1 - x0 == y1 - y0 >= looks.MIN_CROP
        assert x0 >= 0 and y0 >= 0 and x1 <= 300 and y1 <= 200


def test_tally_counts_our_wins_and_refuses_missing_answers():
    keys = [
        Key(look=i, name="n", tool="add", against="pixel paste", ours="AB"[i % 2])
        for i in range(1, 5)
    ]
    rows = looks.tally_answers(keys, {"1": "B", "2": "A", "3": "B", "4": "B"})
    assert rows[-1][:3] == ["all", "4", "75%"]
    with pytest.raises(ValueError, match="look 4"):
        looks.tally_answers(keys, {"1": "B", "2": "A", "3": "B"})


def test_key_is_written_outside_the_folder(tmp_path, found):
    folder = tmp_path / "looks"
    looks.write_looks(folder, found)
    assert {path.suffix for path in folder.iterdir()} == {".png"}
    assert looks.key_path(folder).is_file()
