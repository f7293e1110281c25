import json

from stages.engine.names import paths, readable
from stages.engine.stage import Reject

SHA = "00112233445566aa" + "0" * 48


def test_a_photo_is_called_by_its_first_file(tmp_path):
    listed = [{"path": "a b.jpg", "sha256": SHA}, {"path": "copy.jpg", "sha256": SHA},
              {"path": "unread.jpg", "sha256": None}]  # fmt: skip
    (tmp_path / "list").write_text("".join(json.dumps(entry) + "\n" for entry in listed))
    unread = Reject("f" * 16, None, "unreadable", "no", {"path": "unread.jpg"})
    found = paths(tmp_path / "list", [unread, Reject("e" * 16, None, "odd", "no")])
    assert found == {SHA[:16]: "a b.jpg", "f" * 16: "unread.jpg"}
    assert readable(SHA[:16], found) == "a b.jpg"
    assert readable(f"{SHA[:16]}-v3", found) == "a b.jpg (v3)"


def test_without_a_list_keys_must_do(tmp_path):
    assert paths(tmp_path / "none", []) == {}
    assert readable("00ff-v1", {}) == "00ff (v1)"
