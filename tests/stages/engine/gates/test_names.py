from stages.engine.gates.names import display_name, file_names
from stages.engine.stage import Reject
from stages.engine.storage.source_list import Source, write_list

SHA = "00112233445566aa" + "0" * 48


def source(path, sha256, **more):
    words = {"bytes": 1, "licence": "MIT", "origin": "me", "batch": "b"}
    return Source(path=path, sha256=sha256, **words, **more)


def test_a_photo_is_named_by_its_first_file(tmp_path):
    unread = source("unread.jpg", None, folder="Pictures")
    write_list(tmp_path / "list", [source("a b.jpg", SHA), source("copy.jpg", SHA), unread])
    twin = Reject(f"{SHA[:16]}#1", None, "duplicate", "no", {"line": 1})
    found = file_names(tmp_path / "list", [twin, Reject("e" * 16, None, "odd", "no")])
    assert found == {
        SHA[:16]: "a b.jpg",
        f"{SHA[:16]}#1": "copy.jpg",
        unread.key: "Pictures/unread.jpg",
    }
    assert display_name(SHA[:16], found) == "a b.jpg"
    assert display_name(f"{SHA[:16]}-v3", found) == "a b.jpg (v3)"


def test_without_a_list_photos_are_named_by_their_keys(tmp_path):
    assert file_names(tmp_path / "none", []) == {}
    (tmp_path / "half" / "photos").mkdir(parents=True)
    assert file_names(tmp_path / "half", []) == {}
    assert display_name("00ff-v1", {}) == "00ff (v1)"
