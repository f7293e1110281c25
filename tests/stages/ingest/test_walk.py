from __future__ import annotations

import inspect
import os
import sys

from stages.ingest.walk import Walk


def names(root):
    walk = Walk(root)
    return [path.relative_to(root).as_posix() for path, error in walk if error is None], walk


def test_order_is_files_first_then_folders_by_name(tmp_path):
    for name in [
        "b/z.jpe",
        "b/a.avif",
        "b/y.HEIC",
        "ä.webp",
        "Z.JFIF",
        "a b/c d.jpg",
        "a.jpg",
        "b.gif",
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found, _ = names(tmp_path)
    assert found == [
        "Z.JFIF",
        "a.jpg",
        "b.gif",
        "ä.webp",
        "a b/c d.jpg",
        "b/a.avif",
        "b/y.HEIC",
        "b/z.jpe",
    ]


def test_ignored_files_are_counted(tmp_path):
    for name in ["a.jpg", "._a.jpg", "notes.txt", "more.TXT", "README"]:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "b.jpg").write_bytes(b"x")
    found, walk = names(tmp_path)
    assert found == ["a.jpg"]
    assert walk.ignored == {"hidden": 2, ".txt": 2, "no suffix": 1}


def test_links_to_files_are_listed_and_links_to_folders_not_followed(tmp_path):
    (tmp_path / "sub.jpg").mkdir()
    (tmp_path / "sub.jpg" / "a.jpg").write_bytes(b"x")
    (tmp_path / "round.jpg").symlink_to(tmp_path)
    (tmp_path / "file.jpg").symlink_to(tmp_path / "sub.jpg" / "a.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    found, walk = names(tmp_path)
    assert found == ["file.jpg", "loop.jpg", "sub.jpg/a.jpg"]
    assert walk.ignored == {"folder link": 1}


def test_unreadable_folder_is_reported_and_the_walk_continues(tmp_path, monkeypatch):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jpg").write_bytes(b"x")
    real = os.scandir

    def scandir(path):
        if path == tmp_path / "a":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(Walk(tmp_path))
    assert [path for path, _ in found] == [tmp_path / "a", tmp_path / "b" / "x.jpg"]
    assert isinstance(found[0][1], PermissionError) and found[1][1] is None


def test_deep_nesting_needs_no_recursion(tmp_path):
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(150):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        found, _ = names(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert len(found) == 1 and found[0].count("/") == 150
