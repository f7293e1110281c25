"""Checking outputs against dvc.lock, file by file, and the cache that they come back from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from flows.cache import LISTING, Hash, ObjectCache, folder_digest, md5
from flows.repository import locked_stages
from stages.engine.storage.digests import Digests
from stages.engine.workspace import FactoryError, Workspace

AWAY = "is not here"
"""The problem of an output of which nothing is in the workspace: not damaged, not pulled."""
_SEEN = Path(".cache") / "outputs.json"


@dataclass(frozen=True)
class Finding:
    """A file that is not what it should be."""

    stage: str
    path: Path
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclass(frozen=True)
class Locked:
    """An output as dvc.lock has it."""

    stage: str
    path: Path
    digest: str
    """md5; that of a folder ends in ``.dir``."""


def locked_outputs(workspace: Workspace) -> Iterator[Locked]:
    """Every output of every stage that ran.

    Raises:
        FactoryError: nothing was built yet.
    """
    stages = locked_stages(workspace.root)
    if not stages:
        raise FactoryError("nothing was built here yet: run `flawfactory build` first")
    for name, stage in stages.items():
        for out in stage.get("outs", []):
            yield Locked(name, workspace.root / out["path"], out["md5"])


def files_in(folder: Path, digest: Hash = md5) -> dict[str, str]:
    """Relative path to md5 of every file below a folder."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    with ThreadPoolExecutor() as pool:  # hashing leaves Python's lock
        digests = pool.map(digest, paths)
    return {p.relative_to(folder).as_posix(): d for p, d in zip(paths, digests, strict=True)}


def _compare(out: Locked, there: dict[str, str], expected: dict[str, str]) -> Iterator[Finding]:
    for name in sorted(expected.keys() | there.keys()):
        if name not in there:
            problem = "missing"
        elif name not in expected:
            problem = "not part of the output"
        elif there[name] != expected[name]:
            problem = "its bytes changed since the build"
        else:
            continue
        yield Finding(out.stage, out.path / name, problem)


def _check(out: Locked, cache: Callable[[], ObjectCache], digest: Hash) -> list[Finding]:
    if not out.digest.endswith(LISTING):
        if not out.path.is_file():
            return [Finding(out.stage, out.path, "missing")]
        changed = digest(out.path) != out.digest
        return [Finding(out.stage, out.path, "its bytes changed since the build")] * changed
    if not out.path.exists():
        return [Finding(out.stage, out.path, AWAY)]
    there = files_in(out.path, digest)
    if folder_digest(there) == out.digest:
        return []
    expected = cache().listing(out.digest)
    if expected is None:
        return [Finding(out.stage, out.path, "is not what dvc.lock says")]
    return list(_compare(out, there, expected))


def verify_outputs(workspace: Workspace) -> list[Finding]:
    """Every file of every locked output that is missing, added or changed. Reads every byte.

    Raises:
        FactoryError: nothing was built yet.
    """
    outputs = locked_outputs(workspace)
    return [f for out in outputs for f in _check(out, lambda: ObjectCache.of(workspace), md5)]


def verify_cache(workspace: Workspace) -> list[Finding]:
    """Cached objects of this version (of dvc.lock) with other bytes than they should have. Reads
    every byte. What is not cached is no damage.

    Raises:
        FactoryError: nothing was built yet.
    """
    cache = ObjectCache.of(workspace)
    return [f for out in locked_outputs(workspace) for f in _check_copies(out, cache, md5)]


def _check_copies(out: Locked, cache: ObjectCache, digest: Hash) -> Iterator[Finding]:
    listing = cache.listing(out.digest) if out.digest.endswith(LISTING) else {}
    objects = {out.digest: out.path}
    objects |= {digest: out.path / name for name, digest in (listing or {}).items()}
    with ThreadPoolExecutor() as pool:
        damaged = list(pool.map(lambda object_: cache.damaged(object_, digest), objects))
    for (object_, path), bad in zip(objects.items(), damaged, strict=True):
        if bad:
            problem = f"the cached copy of {path} is damaged"
            yield Finding(out.stage, cache.path(object_), problem)


def damaged_outputs(workspace: Workspace, trusted: Collection[str]) -> list[Finding]:
    """Damage in outputs of the stages `trusted`, which DVC takes for up to date: a file is hashed
    when it is new here (DVC linked it from its cache unread) or its size, inode or times changed,
    and not again. An output that is not here at all is no damage."""
    return _damaged(
        workspace,
        trusted,
        lambda out, seen: (
            _check(out, lambda: ObjectCache.of(workspace), seen) if out.path.exists() else []
        ),
    )


def damaged_copies(workspace: Workspace, stage: str) -> list[Finding]:
    """Damage in what DVC's cache keeps of a stage's output; each object is hashed once, as above.
    A stage that ran anew mends its output, not the damaged copy that DVC has of the same bytes."""
    cache = ObjectCache.of(workspace)
    return _damaged(workspace, [stage], lambda out, seen: _check_copies(out, cache, seen))


def _damaged(
    workspace: Workspace,
    stages: Collection[str],
    check: Callable[[Locked, Hash], Iterable[Finding]],
) -> list[Finding]:
    if not locked_stages(workspace.root):
        return []
    seen = Digests(workspace.data / _SEEN, "md5")
    outputs = [out for out in locked_outputs(workspace) if out.stage in stages]
    found = [finding for out in outputs for finding in check(out, seen.of)]
    seen.save(keep=True)
    return found
