"""Every reader of shards says in one line what is wrong with a hostile one, writes nothing outside
its target and needs bounded memory."""

import io
import json
import os
import re
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exporting import export
from hostile_shards import KINDS, spoil

from applications.evaluation.readers import shards
from applications.evaluation.readers.form import Request
from flows.comparison.pictures import read_pairs
from flows.comparison.versions import open_version
from flows.contact_sheet import contact_sheet
from flows.gallery.render import render
from flows.published.verify import verify_copy
from stages.engine.storage.tables import read_table, write_table
from stages.engine.workspace import FactoryError, Workspace
from stages.package.rows import manifest_columns

SHARD = "train-00000.tar"
MAX_BYTES = 64 * 2**20
"""Memory that a reader may take: the fixture's shards have 0.2 MB."""


def list_files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def read_for_export(package: Path, target: Path) -> None:
    export("coco", package, target / "export")


def read_for_the_gallery(package: Path, target: Path) -> None:
    render(package.parent, target)


def read_for_the_contact_sheet(package: Path, target: Path) -> None:
    contact_sheet(Workspace(package.parents[1]), rows=100)


def read_for_the_comparison(package: Path, target: Path) -> None:
    rows = read_table(package / "manifest.parquet")
    last = max(row["pair"] for row in rows if row["shard"] in (SHARD, rows[0]["shard"]))
    list(read_pairs(open_version(None, str(package)), [last]))


def read_manifest_to_compare(package: Path, target: Path) -> None:
    open_version(None, str(package)).manifest()


def read_to_verify(package: Path, target: Path) -> None:
    verify_copy(str(package), sample=100)
    _, findings = verify_copy(str(package))
    if findings:
        assert {finding.shard for finding in findings} == {SHARD}
        raise FactoryError("\n".join(map(str, findings)))


def read_to_evaluate(package: Path, target: Path) -> None:
    shards.read(Request(package))


READERS = (read_for_export, read_to_evaluate, read_for_the_gallery, read_for_the_contact_sheet,
           read_for_the_comparison, read_to_verify)  # fmt: skip

UNREAD = {
    ("sample twice", read_for_the_comparison),  # stops when it has found its pairs
    ("many members", read_to_evaluate),  # says of each that it is not in the manifest
    ("many members", read_for_the_gallery),  # skips samples that the manifest does not list
    ("deeply nested record", read_for_the_contact_sheet),  # reads no records
}


@pytest.fixture
def package(original: Path, tmp_path: Path) -> Path:
    """A data folder's package whose files are links, but for the shard to spoil."""
    folder = tmp_path / "checkout" / "data" / "package"
    folder.mkdir(parents=True)
    for path in original.iterdir():
        if path.name == SHARD:
            (folder / SHARD).write_bytes(path.read_bytes())
        else:
            (folder / path.name).hardlink_to(path)
    return folder


@pytest.mark.parametrize(
    ("kind", "reader"),
    [
        pytest.param(kind, reader, id=f"{reader.__name__}-{kind}")
        for kind in KINDS
        for reader in READERS
        if (kind, reader) not in UNREAD
    ],
)
def test_a_hostile_shard_is_described(
    kind: str, reader: Callable[[Path, Path], None], package: Path, tmp_path: Path
) -> None:
    words = spoil(package / SHARD, kind)
    target = tmp_path / "target"
    target.mkdir()
    before = list_files(tmp_path)
    tracemalloc.start()
    with pytest.raises(FactoryError) as caught:
        reader(package, target)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert re.search(words, str(caught.value)) and SHARD in str(caught.value)
    assert peak < MAX_BYTES
    assert all(target in path.parents for path in list_files(tmp_path) - before)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("field", ["pair", "photo", "picture", "split"])
@pytest.mark.parametrize("name", ["coco", "yolo"])
def test_a_record_cannot_name_a_file_outside_the_export(
    name: str, field: str, package: Path, tmp_path: Path
) -> None:
    with tarfile.open(package / SHARD) as tar:
        files = [(info.name, tar.extractfile(info).read()) for info in tar]
    with tarfile.open(package / SHARD, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member, data in files:
            if member.endswith("json"):
                data = json.dumps(json.loads(data) | {field: "../../../escaped"}).encode()
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(FactoryError, match=f"{SHARD} is damaged"):
        export(name, package, tmp_path / "out" / "export")
    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_a_sound_shard_is_read(
    reader: Callable[[Path, Path], None], package: Path, tmp_path: Path
) -> None:
    reader(package, tmp_path / "target")


@pytest.mark.parametrize("name", ["../train-00000.tar", "/etc/passwd", "a/b.tar", ".tar", None])
def test_a_manifest_that_names_a_file_outside_the_folder_is_refused(
    name: str | None, package: Path, tmp_path: Path
) -> None:
    rows = [row | {"shard": name} for row in read_table(package / "manifest.parquet")]
    (package / "manifest.parquet").unlink()
    write_table(package / "manifest.parquet", rows, manifest_columns())
    for reader in (read_for_export, read_for_the_gallery, read_to_verify, read_for_the_comparison):
        with pytest.raises(FactoryError, match="not the name of a shard"):
            reader(package, tmp_path / "target")


def write_rows(path: Path, count: int) -> None:
    """Write a manifest of so many equal rows, which parquet stores once."""
    first = pq.read_table(path).slice(0, 1)
    path.unlink()
    pq.write_table(first.take(pa.array(np.zeros(count, np.int64))), path)


def write_text(path: Path) -> None:
    """Write a manifest with a long text in each row, which parquet stores once."""
    rows = pq.read_table(path)
    text = pa.array(["x" * 2**22] * len(rows))
    path.unlink()
    pq.write_table(rows.set_column(rows.schema.get_field_index("split"), "split", text), path)


def replace(write: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil_manifest(path: Path) -> None:
        path.unlink()
        write(path)

    return spoil_manifest


@pytest.mark.parametrize(
    ("spoil_manifest", "words"),
    [
        (replace(os.mkfifo), "manifest"),
        (replace(lambda path: path.symlink_to("/dev/zero")), "manifest"),
        (replace(lambda path: path.write_bytes(b"PAR1" * 100)), "is damaged"),
        (replace(Path.touch), "is damaged"),
        (replace(lambda path: pq.write_table(pa.table({"a": [1]}), path)), "no column"),
        (lambda path: write_rows(path, 100_000), "is damaged: 100000 rows"),
        (write_text, "is damaged: a text in column split has 4194304 bytes"),
    ],
    ids=["pipe", "device", "noise", "empty", "other columns", "many rows", "long text"],
)
def test_a_hostile_manifest_is_described(
    spoil_manifest: Callable[[Path], None], words: str, package: Path, tmp_path: Path
) -> None:
    spoil_manifest(package / "manifest.parquet")
    readers = [read_for_export, read_to_evaluate, read_to_verify, read_manifest_to_compare]
    if spoil_manifest is write_text:
        readers.pop()  # reads other columns
    for reader in readers:
        with pytest.raises(
            FactoryError, match=f"{words}|holds no data set|no revision|no schema version"
        ):
            reader(package, tmp_path / "target")


def test_a_file_that_hardly_ends_is_not_read_to_its_end(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.published.described.MAX_TABLE_BYTES", 2**20)
    for name in (SHARD, "provenance.json"):
        data = (package / name).read_bytes()
        (package / name).unlink()
        (package / name).write_bytes(data)
        os.truncate(package / name, 1 << 40)  # a hole: reading it would take minutes
    found = {(finding.shard, finding.problem) for finding in verify_copy(str(package))[1]}
    assert {name for name, problem in found if "its sha256 is not the one" in problem} == {
        SHARD, "provenance.json"
    }  # fmt: skip
