import io
import tarfile

import pytest

from stages.engine.files import sha256
from stages.engine.storage.shard import Member, read_member, read_shard, write_samples, write_shard

SAMPLES = [
    ("00ff", {"v0.mask.png": b"\x00\x01mask", "photo.png": b"photo", "json": b'{"a":1}'}),
    ("00aa", {"json": b"{}"}),
]


def test_the_same_samples_give_the_same_bytes(tmp_path):
    one, two = io.BytesIO(), io.BytesIO()
    write_samples(one, SAMPLES)
    write_samples(two, [(key, dict(reversed(members.items()))) for key, members in SAMPLES])
    assert one.getvalue() == two.getvalue()


def test_headers_contain_no_time_and_no_owner(tmp_path):
    write_shard(tmp_path / "s.tar", SAMPLES)
    blob = (tmp_path / "s.tar").read_bytes()
    assert blob[257:265] == b"ustar\x0000"
    with tarfile.open(tmp_path / "s.tar") as tar:
        infos = tar.getmembers()
    assert [i.name for i in infos] == [
        "00ff.json", "00ff.photo.png", "00ff.v0.mask.png", "00aa.json",
    ]  # fmt: skip
    for info in infos:
        assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")


@pytest.mark.parametrize("key", ["a.b", "a/b"])
def test_keys_with_a_dot_or_a_slash_are_refused(key):
    with pytest.raises(ValueError, match="invalid"):
        write_samples(io.BytesIO(), [(key, {})])


def test_repeated_keys_are_refused():
    with pytest.raises(ValueError, match="repeated"):
        write_samples(io.BytesIO(), [("a", {"json": b""}), ("a", {"json": b""})])


def test_single_members_are_read_by_offset(tmp_path):
    index = write_shard(tmp_path / "s.tar", SAMPLES)
    for key, members in SAMPLES:
        assert {n: read_member(tmp_path / "s.tar", m) for n, m in index[key].items()} == members


@pytest.mark.parametrize("damage", ["flip", "truncate"])
def test_a_damaged_member_is_an_error(tmp_path, damage):
    path = tmp_path / "s.tar"
    member = write_shard(path, SAMPLES)["00ff"]["photo.png"]
    blob = bytearray(path.read_bytes())
    blob[member.offset] ^= 1
    path.write_bytes(bytes(blob) if damage == "flip" else blob[: member.offset + 2])
    with pytest.raises(ValueError, match="damaged"):
        read_member(path, member)


def test_an_entry_that_is_no_regular_file_is_an_error():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
        link = tarfile.TarInfo("evil")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    buffer.seek(0)
    entries = read_shard(buffer)
    assert next(entries) == ("empty", b"")
    with pytest.raises(ValueError, match="evil is not a regular file"):
        next(entries)


def test_webdataset_reads_the_shards(tmp_path):
    import webdataset as wds

    write_shard(tmp_path / "s.tar", SAMPLES)
    data = wds.WebDataset(str(tmp_path / "s.tar"), shardshuffle=False)
    found = [(s["__key__"], {k: v for k, v in s.items() if not k.startswith("__")}) for s in data]
    assert found == SAMPLES


def test_the_index_holds_digests():
    index = write_samples(io.BytesIO(), SAMPLES)
    assert index["00aa"]["json"].sha256 == sha256(b"{}")
    assert isinstance(index["00aa"]["json"], Member)
