"""Checking outputs against dvc.lock, file by file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from stages.engine.workspace import FactoryError, Workspace


@dataclass(frozen=True)
class Finding:
    """A file that is not what it should be."""

    path: Path
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _locked_outputs(workspace: Workspace) -> Iterator[tuple[Path, str]]:
    try:
        lock = yaml.safe_load((workspace.root / "dvc.lock").read_text())
    except OSError as error:
        raise FactoryError("no dvc.lock yet: run `flawfactory build` first") from error
    for stage in lock["stages"].values():
        for out in stage.get("outs", []):
            yield workspace.root / out["path"], out["md5"]


def _files(folder: Path) -> dict[str, str]:
    """Relative path to md5 of every file below a folder."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): _md5(p) for p in paths}


def folder_digest(files: dict[str, str]) -> str:
    """DVC's digest of a folder: the md5 of its listing, with the suffix ``.dir``."""
    listing = [{"md5": digest, "relpath": name} for name, digest in sorted(files.items())]
    text = json.dumps(listing, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"


def _listed(workspace: Workspace, digest: str) -> dict[str, str] | None:
    """What DVC's cache says a folder holds; None when the cache does not have the listing."""
    from dvc.repo import Repo

    with Repo(str(workspace.root)) as repo:
        path = Path(repo.cache.local.oid_to_path(digest))
    try:
        return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}
    except (OSError, ValueError, KeyError):
        return None


def _compare(folder: Path, there: dict[str, str], expected: dict[str, str]) -> Iterator[Finding]:
    for name in sorted(expected.keys() | there.keys()):
        if name not in there:
            yield Finding(folder / name, "missing")
        elif name not in expected:
            yield Finding(folder / name, "not part of the output")
        elif there[name] != expected[name]:
            yield Finding(folder / name, "its bytes changed since the build")


def verify_outputs(workspace: Workspace) -> list[Finding]:
    """Every file of every locked output that is missing, added or changed.

    Raises:
        FactoryError: nothing was built yet.
    """
    findings: list[Finding] = []
    for folder, digest in _locked_outputs(workspace):
        there = _files(folder)
        if folder_digest(there) == digest:
            continue
        expected = _listed(workspace, digest)
        if expected is None:
            findings.append(Finding(folder, "is not what dvc.lock says"))
        else:
            findings += _compare(folder, there, expected)
    return findings
