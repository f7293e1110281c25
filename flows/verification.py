"""Check outputs and DVC's cached copies of them against dvc.lock, file by file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from flows.cache import LISTING, Hash, ObjectCache, folder_digest, md5
from flows.repository import locked_stages
from stages.engine.storage.digests import Digests
from stages.engine.workspace import FactoryError, Workspace

ABSENT = "is not here"
"""Problem of an output that is missing as a whole: not damaged, but not pulled."""
_SEEN = Path(".cache") / "outputs.json"


@dataclass(frozen=True)
class Finding:
    """A damaged, missing or additional file."""

    stage: str
    path: Path
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclass(frozen=True)
class LockedOutput:
    """An output's entry in dvc.lock."""

    stage: str
    path: Path
    digest: str
    """md5; a folder's ends in ``.dir``."""


def locked_outputs(workspace: Workspace) -> Iterator[LockedOutput]:
    """Yield the outputs of every stage that ran.

    Raises:
        FactoryError: nothing was built yet.
    """
    stages = locked_stages(workspace.root)
    if not stages:
        raise FactoryError("nothing was built here yet: run `flawfactory build` first")
    for name, stage in stages.items():
        for out in stage.get("outs", []):
            yield LockedOutput(name, workspace.root / out["path"], out["md5"])


def hash_files(folder: Path, digest: Hash = md5) -> dict[str, str]:
    """Hash every file below a folder; return relative path to md5."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    with ThreadPoolExecutor() as pool:  # hashing releases the GIL
        digests = pool.map(digest, paths)
    return {p.relative_to(folder).as_posix(): d for p, d in zip(paths, digests, strict=True)}


def _compare(
    out: LockedOutput, there: dict[str, str], expected: dict[str, str]
) -> Iterator[Finding]:
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


def _check_output(
    out: LockedOutput, cache: Callable[[], ObjectCache], digest: Hash
) -> list[Finding]:
    if not out.digest.endswith(LISTING):
        if not out.path.is_file():
            return [Finding(out.stage, out.path, "missing")]
        changed = digest(out.path) != out.digest
        return [Finding(out.stage, out.path, "its bytes changed since the build")] * changed
    if not out.path.exists():
        return [Finding(out.stage, out.path, ABSENT)]
    there = hash_files(out.path, digest)
    if folder_digest(there) == out.digest:
        return []
    expected = cache().listing(out.digest)
    if expected is None:
        return [Finding(out.stage, out.path, "is not what dvc.lock says")]
    return list(_compare(out, there, expected))


def verify_outputs(workspace: Workspace) -> list[Finding]:
    """Find the missing, additional and changed files of all outputs; read every byte.

    Raises:
        FactoryError: nothing was built yet.
    """
    outputs = locked_outputs(workspace)
    return [
        f for out in outputs for f in _check_output(out, lambda: ObjectCache.of(workspace), md5)
    ]


def verify_cache(workspace: Workspace) -> list[Finding]:
    """Find the damaged cached objects of the version in dvc.lock; read every byte.

    An object that is not cached does not count as damaged.

    Raises:
        FactoryError: nothing was built yet.
    """
    cache = ObjectCache.of(workspace)
    return [f for out in locked_outputs(workspace) for f in _check_copies(out, cache, md5)]


def _check_copies(out: LockedOutput, cache: ObjectCache, digest: Hash) -> Iterator[Finding]:
    listing = cache.listing(out.digest) if out.digest.endswith(LISTING) else {}
    objects = {out.digest: out.path}
    objects |= {digest: out.path / name for name, digest in (listing or {}).items()}
    with ThreadPoolExecutor() as pool:
        damaged = list(pool.map(lambda object_: cache.is_damaged(object_, digest), objects))
    for (object_, path), bad in zip(objects.items(), damaged, strict=True):
        if bad:
            problem = f"the cached copy of {path} is damaged"
            yield Finding(out.stage, cache.path(object_), problem)


def find_damaged_outputs(workspace: Workspace, trusted: Collection[str]) -> list[Finding]:
    """Find damage in the outputs of the stages `trusted`, which DVC takes to be up to date.

    A file is hashed when it is new in the workspace (DVC links files from its cache without reading
    them) or when its size, inode or times changed, and not again. A missing output does not count
    as damaged.
    """
    return _find_damage(
        workspace,
        trusted,
        lambda out, seen: (
            _check_output(out, lambda: ObjectCache.of(workspace), seen) if out.path.exists() else []
        ),
    )


def find_damaged_copies(workspace: Workspace, stage: str) -> list[Finding]:
    """Find damage in DVC's cached copies of a stage's output.

    Each object is hashed once, as in `find_damaged_outputs`. Running a stage again replaces its
    output, but not a damaged cached copy of the same bytes.
    """
    cache = ObjectCache.of(workspace)
    return _find_damage(workspace, [stage], lambda out, seen: _check_copies(out, cache, seen))


def _find_damage(
    workspace: Workspace,
    stages: Collection[str],
    check: Callable[[LockedOutput, Hash], Iterable[Finding]],
) -> list[Finding]:
    if not locked_stages(workspace.root):
        return []
    seen = Digests(workspace.data / _SEEN, "md5")
    outputs = [out for out in locked_outputs(workspace) if out.stage in stages]
    found = [finding for out in outputs for finding in check(out, seen.of)]
    seen.save(keep=True)
    return found
