import base64
import json
import math

import numpy as np
import pytest

from flows.gallery.index import Codes, Parts, encode, make_card, make_record, script
from flows.gallery.items import Flaw, Item

DTYPES = {"u1": np.uint8, "u2": np.uint16, "u4": np.uint32, "f4": np.float32}


def flaw(name="v0", **changes):
    fields = {
        "id": name, "label": "extra left hand", "tool": "add", "kernel": "ring", "entity": "person",
        "part": "left hand", "other": "", "positional": False, "judge": "features",
        "text": "There is a second left hand.", "box": (1, 2, 3, 4), "area": 0.01,
        "scores": {"lpips_real": 0.123456789, "size": 0.0}, "pixels": "0" * 64,
    }  # fmt: skip
    return Flaw(**fields | changes)


def item(*flaws, **changes):
    fields = {
        "id": "0" * 16 + "-p0", "photo": "0" * 16, "flaws": list(flaws or (flaw(),)), "width": 100,
        "height": 80, "box": (1, 2, 3, 4), "region": (0, 0, 9, 9), "pictures": ("a", "b"),
        "overall": "The whole is flawed.", "file": "IMG.JPG",
    }  # fmt: skip
    return Item(**fields | changes)


def decode(column):
    dtype, text = column
    return np.frombuffer(base64.b64decode(text), DTYPES[dtype])


@pytest.mark.parametrize(
    ("values", "dtype"), [([0, 255], "u1"), ([256], "u2"), ([65536, 1], "u4"), ([], "u1")]
)
def test_integers_take_as_few_bytes_as_the_largest_needs(values, dtype):
    encoded = encode(values, "u")
    assert encoded[0] == dtype and decode(encoded).tolist() == values


def test_floats_keep_nan():
    values = decode(encode([0.5, math.nan], "f"))
    assert values[0] == 0.5 and math.isnan(values[1])


def test_names_cannot_end_the_script():
    text = script("cards", 3, ["</script><!-- \u2028\u2029 é"]).decode("ascii")
    assert "<" not in text and text.startswith('GALLERY.receive("cards",3,')
    assert json.loads(text.removeprefix('GALLERY.receive("cards",3,')[:-3])[0].endswith(" é")


def test_numbers_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError):
        script("cards", 0, math.nan)


def test_parts_are_cut_at_their_length_and_those_of_a_longer_page_removed(tmp_path):
    for count, files in ((401, ["0.js", "1.js", "2.js"]), (3, ["0.js"]), (0, [])):
        parts = Parts(tmp_path, "rejects")
        for number in range(count):
            parts.add(number)
        parts.close()
        assert sorted(path.name for path in (tmp_path / "rejects").glob("*")) == files


def test_a_card_of_one_flaw_names_its_part_and_one_of_several_their_labels():
    assert make_card(item())[2:4] == ["person · left hand", "There is a second left hand."]
    several = item(flaw(), flaw("v1", label="left leg fused", positional=True))
    assert make_card(several)[2:5] == [
        "extra left hand, left leg fused", "The whole is flawed.", 1,
    ]  # fmt: skip


def test_a_record_has_scores_by_number_with_five_digits():
    names = Codes()
    record = make_record(item(), names)
    assert record["flaws"][0]["scores"] == [[0, 0.12346], [1, 0.0]]
    assert names.names() == ["lpips_real", "size"]


def test_a_search_finds_words_of_flaw_record_and_file():
    words = item().words()
    for word in ("second left hand", "whole is flawed", "img.jpg", "ring", "0000-p0"):
        assert word in words


def test_lpips_is_the_one_to_the_control_if_there_is_one():
    assert flaw(scores={"lpips_real": 0.1, "lpips_control": 0.2}).lpips == 0.2
    assert flaw(scores={"lpips_real": 0.1}).lpips == 0.1
    assert math.isnan(flaw(scores={}).lpips)
