from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.erasure.photo import Photo
from flows.erasure.purge import PurgePlan, lock_outputs, purge
from flows.sources import HASHES, track_source_list
from stages.engine.storage.source_list import parts, read_list
from stages.engine.workspace import Workspace
from stages.ingest.sources import withdraw

from .conftest import Factory


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def gc(*options: str) -> Result:
    return run("gc", *options)


def search(folders: list[Path], needles: dict[str, bytes]) -> dict[str, set[str]]:
    """Map each needle to the files that contain it; tables are compressed and therefore parsed."""
    found: dict[str, set[str]] = {}
    for path in (p for folder in folders for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        if content.startswith(b"PAR1"):
            content = str(pq.read_table(path).to_pylist()).encode()
        for name, needle in needles.items():
            if needle in content:
                found.setdefault(name, set()).add(path.relative_to(folders[0].parent).as_posix())
    return found


@pytest.mark.slow
def test_a_purge_leaves_nothing_of_the_photo_on_the_disk(factory: Factory) -> None:
    kept, gone = factory.add_photo("kept.png", 1), factory.add_photo("gone.png", 2)
    factory.build("v1")
    pictures = {n: data for n, data in factory.members().items() if gone.key in n}
    assert {n.split("/")[0] for n in pictures} == {"ingest", "perceive", "package"}
    factory.dvc("push")
    needles = {
        **pictures,
        **factory.leave_traces(gone, pictures[f"ingest/{gone.key}.photo.png"]),
        "file": (factory.photos / gone.path).read_bytes(),
        "path": gone.path.encode(),
        "evidence": gone.key[::-1].encode(),
    }
    withdraw(factory.workspace, gone.key, "she asked")
    track_source_list(factory.workspace)
    seen = run("verify")
    assert seen.exit_code == 1 and f"contains {gone.key}, which was withdrawn" in seen.output
    factory.build("v2")
    proof = run("verify")
    assert proof.exit_code == 0 and "no output contains one of 1 withdrawn" in proof.output
    disk = [factory.root, factory.prefect]
    before = search(disk, needles)
    assert before.keys() == needles.keys()

    counted = gc("--purge", gone.key)
    assert counted.exit_code == 0, counted.output
    assert search(disk, needles) == before
    done = gc("--purge", gone.key, "--yes")
    assert done.exit_code == 0, done.output
    assert search(disk, needles) == {}

    words = done.output
    assert gone.path in words and (factory.photos / gone.path).exists()
    for remains in ("git's v1", "git tag -d v1", "dvc gc --workspace --cloud --remote shelf"):
        assert remains in words
    factory.dvc("repro")
    assert {n.split("/")[1][:16] for n in factory.members()} == {kept.key}
    assert search(disk, needles) == {}
    assert gc("--purge", gone.key, "--yes").exit_code == 0  # nothing is left to do

    factory.scan()
    words = parts(factory.workspace.sources / "words")
    assert not any(gone.path.encode() in part.read_bytes() for part in words)
    assert [e.path for e in read_list(factory.workspace.sources)] == [kept.path, ""]


def test_a_photo_in_use_is_not_purged(factory: Factory) -> None:
    photo = factory.add_photo("one.png", 1)
    refused = gc("--purge", photo.name, "--yes")
    assert refused.exit_code == 2
    assert f"flawfactory withdraw {photo.key}" in refused.output
    assert "no photo of the source list" in gc("--purge", "nobody.png").output


def test_a_purge_refuses_to_run_beside_a_build_or_dvc(factory: Factory) -> None:
    photo = factory.add_photo("one.png", 1)
    withdraw(factory.workspace, photo.key, "she asked")
    factory.workspace.reports.mkdir(parents=True)
    with (factory.workspace.reports / "build.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused = gc("--purge", photo.key, "--yes")
    assert refused.exit_code == 2 and "a build is running" in refused.output
    with lock_outputs(factory.workspace):  # as a running DVC command does
        refused = gc("--purge", photo.key, "--yes")
    assert refused.exit_code == 2 and "a DVC command is running" in refused.output
    assert read_list(factory.workspace.sources)[0].path == photo.path


def test_the_digests_that_scans_keep_do_not_name_the_photo_or_its_sidecars(tmp_path: Path) -> None:
    """Scans of buckets hash the copies of sidecars too."""
    workspace, folder = Workspace(tmp_path), tmp_path / "photos"
    hashes = workspace.data / HASHES
    hashes.parent.mkdir(parents=True)
    names = ("her.jpg", "her.jpg.flawfactory.json", "her.json", "his.jpg")
    hashes.write_text(json.dumps({str(folder / name): [1, "digest"] for name in names}))
    photo = Photo("0" * 16, "0" * 64, (), (folder / "her.jpg",))
    purge(workspace, PurgePlan([photo], [], {}, {}, []))
    assert list(json.loads(hashes.read_bytes())) == [str(folder / "his.jpg")]
