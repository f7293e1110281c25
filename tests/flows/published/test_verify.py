import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from http_folder import serve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_set import KEYS, describe

from flows.published.location import Location
from flows.published.verify import verify_copy
from stages.engine.files import sha256
from stages.engine.storage.tables import read_table, write_table
from stages.engine.workspace import FactoryError
from stages.package.assemble import write_index
from stages.package.rows import manifest_columns

SHARD = "train-00000.tar"


def members(path: Path) -> dict[str, tuple[int, int]]:
    """Return the offset and size of each member's bytes."""
    with tarfile.open(path) as tar:
        return {info.name: (info.offset_data, info.size) for info in tar}


def places(path: Path) -> dict[str, list[int]]:
    """Return the range of each pair's bytes."""
    found: dict[str, list[int]] = {}
    with tarfile.open(path) as tar:
        for info in tar:
            stop = info.offset_data + -(-info.size // 512) * 512
            found.setdefault(info.name.split(".", 1)[0], [info.offset, stop])[1] = stop
    return found


def at(place: Sequence[int | None]) -> dict[str, int | None]:
    """Return the manifest's columns of a place."""
    return {"shard_start": place[0], "shard_stop": place[1]}


def rewrite(path: Path, change) -> None:
    """Rewrite a shard; `change(name, data)` returns the new bytes, or None to leave it out."""
    with tarfile.open(path) as tar:
        files = [(i.name, tar.extractfile(i).read()) for i in tar]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files:
            if (changed := change(name, data)) is not None:
                info = tarfile.TarInfo(name)
                info.size = len(changed)
                tar.addfile(info, io.BytesIO(changed))


def claim(folder: Path, columns: dict[str, dict]) -> None:
    """Change columns of the manifest's rows, by pair."""
    rows = read_table(folder / "manifest.parquet")
    write_table(
        folder / "manifest.parquet",
        [row | columns.get(row["pair"], {}) for row in rows],
        manifest_columns(),
    )
    describe(folder)


def replace_member(folder: Path, name: str, data: bytes) -> None:
    """Replace a member, and its digest and place in the manifest."""
    rewrite(folder / SHARD, lambda n, old: data if n == name else old)
    write_index(read_table(folder / "manifest.parquet"), folder)
    key, member = name.split(".", 1)
    columns = {pair: at(place) for pair, place in places(folder / SHARD).items()}
    columns[key][f"sha256.{member}"] = sha256(data)
    claim(folder, columns)


def test_a_photo_without_attribution_is_named(copy: Path) -> None:
    file = copy / "ATTRIBUTION.md"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if KEYS[5] not in line))
    describe(copy)
    assert [str(finding) for finding in verify_copy(str(copy))[1]] == [
        f"ATTRIBUTION.md: does not list photo {KEYS[5]}"
    ]
    file.unlink()
    assert [f.shard for f in verify_copy(str(copy))[1]] == ["ATTRIBUTION.md"]


def test_a_sound_copy_has_no_findings(original: Path) -> None:
    pairs = len({row["pair"] for row in read_table(original / "manifest.parquet")})
    seen = []
    assert verify_copy(str(original), report=lambda *n: seen.append(n)) == (pairs, [])
    assert seen[-1] == (pairs, pairs)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_any_flipped_byte_of_a_member_is_named(copy: Path, data: st.DataObject) -> None:
    path = copy / SHARD
    name, (start, size) = data.draw(st.sampled_from(sorted(members(path).items())))
    position = start + data.draw(st.integers(0, size - 1))
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    sound = path.read_bytes()
    path.write_bytes(bytes(content))
    _, findings = verify_copy(str(copy))
    path.write_bytes(sound)
    key, member = name.split(".", 1)
    assert [(f.shard, f.key, f.member) for f in findings] == [(SHARD, key, member)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_any_flipped_byte_of_a_shard_is_found(copy: Path, data: st.DataObject) -> None:
    path = copy / SHARD
    sound = path.read_bytes()
    content = bytearray(sound)
    content[data.draw(st.integers(0, len(sound) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(content))
    _, findings = verify_copy(str(copy))
    path.write_bytes(sound)
    assert findings and {f.shard for f in findings} == {SHARD}


def test_a_shard_that_is_missing_or_cut_short_is_named(copy: Path) -> None:
    path = copy / SHARD
    path.write_bytes(path.read_bytes()[:2000])
    (copy / "test-00001.tar").unlink(missing_ok=True)
    shards = {row["shard"] for row in read_table(copy / "manifest.parquet")}
    gone = {name for name in shards if not (copy / name).is_file()}
    _, findings = verify_copy(str(copy))
    assert {f.shard for f in findings} == {SHARD, *gone}


@pytest.mark.parametrize("kind", ["symlink", "path", "directory", "repeated", "many", "large"])
def test_a_hostile_shard_is_described_and_nothing_is_written(copy: Path, kind: str) -> None:
    path = copy / SHARD
    before = sorted(p for p in copy.parent.rglob("*"))
    with tarfile.open(path, "a", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("0000000000000000-p9.json")
        if kind == "symlink":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        elif kind == "path":
            info.name = "../../escaped.json"
        elif kind == "directory":
            info.type = tarfile.DIRTYPE
        elif kind == "repeated":
            info.name = next(iter(members(path)))
        for number in range(5000 if kind == "many" else 1):
            if kind == "many":
                info = tarfile.TarInfo(f"x{number}.json")
            tar.addfile(info)
    if kind == "large":  # the last header's size lies
        content = bytearray(path.read_bytes())
        offset = content.rindex(b"0000000000000000-p9.json")
        content[offset + 124 : offset + 136] = b"77777777777\0"
        header = content[offset : offset + 148] + b" " * 8 + content[offset + 156 : offset + 512]
        content[offset + 148 : offset + 156] = f"{sum(header):06o}\0 ".encode()
        path.write_bytes(bytes(content))
    _, findings = verify_copy(str(copy))
    assert findings and {f.shard for f in findings} == {SHARD}
    assert sorted(p for p in copy.parent.rglob("*")) == before


def test_records_and_pictures_are_checked_even_if_the_manifest_agrees(copy: Path) -> None:
    names = members(copy / SHARD)
    key = next(iter(names)).split(".", 1)[0]
    files = {}
    with tarfile.open(copy / SHARD) as tar:
        for info in tar:
            if info.name.startswith(key):
                files[info.name.split(".", 1)[1]] = tar.extractfile(info).read()
    record = json.loads(files["json"])
    spoiled = {
        "has schema version 1": ("json", record | {"schema_version": 1}),
        "Extra inputs are not permitted": ("json", record | {"surprise": 1}),
        "is the record of": ("json", record | {"pair": "0000000000000000-p7"}),
        "are not the manifest's": ("json", record | {"split": "test"}),
        "mask_box is": ("json", record | {"mask_box": [0, 0, 1, 1]}),
        "pixels outside `edit`": ("artifact.png", files["control.png"][:0] or None),
    }
    for words, (member, content) in spoiled.items():
        if member == "artifact.png":
            edited = _invert(files["artifact.png"])
        else:
            edited = json.dumps(content).encode()
        replace_member(copy, f"{key}.{member}", edited)
        _, findings = verify_copy(str(copy))
        replace_member(copy, f"{key}.{member}", files[member])
        assert any(words in f.problem for f in findings), (words, findings)
        assert {(f.key, f.member) for f in findings} == {(key, member)}
    assert verify_copy(str(copy))[1] == []


def _invert(png: bytes) -> bytes:
    from stages.records.images import read_png, write_png

    return write_png(255 - read_png(png))


def test_splits_index_and_card_are_compared_with_the_manifest(copy: Path) -> None:
    rows = read_table(copy / "manifest.parquet")
    first = rows[0]
    other = next(row for row in rows if row["split"] != first["split"])
    claim(copy, {other["pair"]: {"group": first["group"]}})
    card = copy / "README.md"
    card.write_text(card.read_text().replace("| train |", "| trains |"))
    index = json.loads((copy / "_info.json").read_bytes())
    index["splits"]["train"]["shard_lengths"][0] += 1
    (copy / "_info.json").write_text(json.dumps(index))
    describe(copy)
    found = {f.shard: f.problem for f in verify_copy(str(copy))[1]}
    assert first["group"] in found["manifest.parquet"]
    assert "says no number for train" in found["README.md"]
    assert "the manifest has" in found["_info.json"]


def test_a_missing_index_and_card_are_findings(copy: Path) -> None:
    (copy / "_info.json").unlink()
    (copy / "README.md").unlink()
    found = {f.shard for f in verify_copy(str(copy))[1]}
    assert {"_info.json", "README.md"} <= found


def test_one_shard_and_a_sample_of_the_pairs(copy: Path) -> None:
    every = {row["pair"]: row["shard"] for row in read_table(copy / "manifest.parquet")}
    inside = sum(shard == SHARD for shard in every.values())
    assert verify_copy(str(copy / SHARD)) == (inside, [])
    assert verify_copy(str(copy), sample=2) == (2, [])
    with pytest.raises(FactoryError, match="lists no shard"):
        verify_copy(str(copy / "train-99999.tar"))


@pytest.mark.parametrize("ranges", [True, False])
def test_a_url_is_verified_like_a_folder(copy: Path, ranges: bool) -> None:
    pairs = len({row["pair"] for row in read_table(copy / "manifest.parquet")})
    with serve(copy, ranges) as served:
        assert verify_copy(served.url) == (pairs, [])
        assert verify_copy(served.url, sample=5) == (5, [])
        (copy / SHARD).unlink()
        _, findings = verify_copy(served.url)
    assert {f.shard for f in findings} == {SHARD}


@pytest.mark.parametrize("ranges", [True, False])
def test_a_remote_shard_larger_than_a_block_is_read(tmp_path: Path, ranges: bool) -> None:
    content = bytes(range(256)) * 30_000
    (tmp_path / "train-00000.tar").write_bytes(content)
    with (
        serve(tmp_path, ranges) as served,
        Location(served.url).open("train-00000.tar") as file,
    ):
        assert b"".join(iter(lambda: file.read(2**20), b"")) == content


def test_of_a_sample_only_its_bytes_are_read(copy: Path) -> None:
    with serve(copy) as served:
        assert verify_copy(served.url, sample=2) == (2, [])
    rows = read_table(copy / "manifest.parquet")
    shards = sum(size for name, size in served.sent.items() if name.endswith(".tar"))
    assert shards <= 2 * max(row["shard_stop"] - row["shard_start"] for row in rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(data=st.data())
def test_damage_in_a_sample_is_named_like_that_in_all_pairs(copy: Path, data) -> None:
    path = copy / SHARD
    sound = path.read_bytes()
    start, size = data.draw(st.sampled_from(sorted(members(path).values())))
    content = bytearray(sound)
    content[start + data.draw(st.integers(0, size - 1))] ^= 1
    path.write_bytes(bytes(content))
    found = [verify_copy(str(copy), sample=sample)[1] for sample in (0, 1000)]
    path.write_bytes(sound)
    assert found[0] == found[1] != []


def test_pairs_that_are_not_where_the_manifest_says_are_found_and_named(copy: Path) -> None:
    rows = read_table(copy / "manifest.parquet")
    here = [row for row in rows if row["shard"] == SHARD]
    claim(copy, {here[0]["pair"]: at((here[-1]["shard_start"], here[-1]["shard_stop"]))})
    for sample in (0, 1000):
        found = verify_copy(str(copy), sample)[1]
        assert [(f.shard, f.key, f.problem) for f in found] == [
            (SHARD, here[0]["pair"], "is not at the bytes that the manifest lists")
        ]


@pytest.mark.parametrize("place", [(None, None), (None, 5), (5, 3), (-1, 3), (0, 2**62)])
def test_a_manifest_without_usable_places_is_enough(copy: Path, place: tuple) -> None:
    rows = read_table(copy / "manifest.parquet")
    claim(copy, {row["pair"]: at(place) for row in rows})
    for sample in (0, 3):
        assert verify_copy(str(copy), sample)[1] == []


def test_a_pair_missing_from_its_shard_is_missing_from_a_sample(copy: Path) -> None:
    key = next(iter(members(copy / SHARD))).split(".", 1)[0]
    rewrite(copy / SHARD, lambda name, data: None if name.startswith(key) else data)
    found = verify_copy(str(copy), sample=1000)[1]
    assert (SHARD, key, "is missing") in [(f.shard, f.key, f.problem) for f in found]


def test_without_a_manifest_there_is_nothing_to_verify_against(tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match=r"manifest\.parquet cannot be read"):
        verify_copy(str(tmp_path))
    (tmp_path / "manifest.parquet").write_bytes(b"not parquet")
    with pytest.raises(FactoryError, match="is damaged"):
        verify_copy(str(tmp_path))
    write_table(tmp_path / "manifest.parquet", [{"a": 1}], {"a": int})
    with pytest.raises(FactoryError, match="has no column"):
        verify_copy(str(tmp_path))
