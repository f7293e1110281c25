from stages.engine.gates.names import paths, readable
from stages.engine.stage import Reject
from stages.engine.storage.source_list import Source, write_list

SHA = "00112233445566aa" + "0" * 48


def source(path, sha256, **more):
    words = {"bytes": 1, "licence": "MIT", "origin": "me", "batch": "b"}
    return Source(path=path, sha256=sha256, **words, **more)


def test_a_photo_is_called_by_its_first_file(tmp_path):
    unread = source("unread.jpg", None, folder="Pictures")
    write_list(tmp_path / "list", [source("a b.jpg", SHA), source("copy.jpg", SHA), unread])
    twin = Reject(f"{SHA[:16]}#1", None, "duplicate", "no", {"line": 1})
    found = paths(tmp_path / "list", [twin, Reject("e" * 16, None, "odd", "no")])
    assert found == {
        SHA[:16]: "a b.jpg",
        f"{SHA[:16]}#1": "copy.jpg",
        unread.key: "Pictures/unread.jpg",
    }
    assert readable(SHA[:16], found) == "a b.jpg"
    assert readable(f"{SHA[:16]}-v3", found) == "a b.jpg (v3)"


def test_without_a_list_keys_must_do(tmp_path):
    assert paths(tmp_path / "none", []) == {}
    (tmp_path / "half" / "photos").mkdir(parents=True)
    assert paths(tmp_path / "half", []) == {}
    assert readable("00ff-v1", {}) == "00ff (v1)"
