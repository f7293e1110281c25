import json
from pathlib import Path

import pytest
from published_set import KEYS, write_set

from flows.published.verify import verify_copy
from stages.package.croissant import FILES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set", keys=KEYS[:2])


def findings(folder: Path) -> list[str]:
    return [str(finding) for finding in verify_copy(str(folder))[1]]


def test_a_sound_copy_has_no_findings(folder: Path) -> None:
    assert findings(folder) == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_flipped_byte_of_a_file_beside_the_shards_is_found(folder: Path, name: str) -> None:
    path = folder / name
    data = bytearray(path.read_bytes())
    # Of a manifest: the name of its writer, which no reader checks.
    place = data.index(b"parquet-cpp" if name.endswith(".parquet") else b"a")
    data[place] ^= 4
    path.write_bytes(bytes(data))
    assert any(line.startswith(f"{name}: its sha256 is not the one") for line in findings(folder))


def test_a_file_that_is_missing_is_named(folder: Path) -> None:
    (folder / "provenance.json").unlink()
    assert any(line.startswith("provenance.json: ") for line in findings(folder))
    (folder / "croissant.json").unlink()
    assert any("croissant.json cannot be read" in line for line in findings(folder))


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"distribution": 3}', '{"distribution": [1]}', "[" * 200_000],
    ids=["empty", "list", "object", "number", "numbers", "deep"],
)
def test_a_description_that_is_none_is_named(folder: Path, content: str) -> None:
    (folder / "croissant.json").write_text(content)
    assert any(line.startswith("croissant.json: is no description") for line in findings(folder))


def test_a_file_that_is_not_described_is_named(folder: Path) -> None:
    path = folder / "croissant.json"
    content = json.loads(path.read_bytes())
    content["distribution"] = [
        entry for entry in content["distribution"] if entry["@id"] != "manifest.parquet"
    ]
    path.write_text(json.dumps(content))
    assert findings(folder) == ["croissant.json: does not describe manifest.parquet"]


def test_the_provenance_of_another_data_set_is_found(folder: Path) -> None:
    path = folder / "provenance.json"
    path.write_text(path.read_text().replace("f" * 64, "e" * 64))
    assert any("its params_sha256 is not that of the pairs" in line for line in findings(folder))
