"""Replacing damaged files: in outputs, and in DVC's cache, which would bring them back.

The order of sources: the whole copy in the output folder, the default remote, computing again.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows import pipeline
from flows.cache import LISTING, ObjectCache, folder_digest, listing_bytes, md5
from flows.repository import told_in_a_line
from flows.verification import Locked, damaged_copies, damaged_outputs, files_in, locked_outputs
from stages import STAGES
from stages.engine.execution.progress import Progress
from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError, Workspace


def stale_or_damaged(workspace: Workspace) -> pipeline.Stale:
    """What DVC calls stale, and stages whose output is damaged though DVC takes it for right.

    Raises:
        FactoryError: as `pipeline.stale` does.
    """
    found = dict(pipeline.stale(workspace))
    for finding in damaged_outputs(workspace, set(STAGES) - found.keys()):
        found.setdefault(finding.stage, []).append(f"damaged: {finding}")
    return {name: found[name] for name in STAGES if name in found}


def run_stage(
    workspace: Workspace,
    stage: str,
    timeout_seconds: float,
    on_line: Callable[[str], None],
    on_progress: Callable[[Progress], None],
) -> int:
    """`pipeline.run_stage`, its output checked: DVC brings files back from its cache unread.

    Raises:
        FactoryError: the stage ran past the timeout, or its output is damaged again and again.
    """
    for finding in damaged_outputs(workspace, [stage]):
        _remove(finding.path)  # DVC trusts a file whose size and time did not change
    code = pipeline.run_stage(workspace, stage, timeout_seconds, on_line, on_progress)
    if code != 0:
        return code
    found = damaged_outputs(workspace, [stage]) + damaged_copies(workspace, stage)
    if not found:
        return code
    for finding in found:
        on_line(f"damaged in DVC's cache, replaced: {finding}")
    if repair(workspace, [stage]):
        code = pipeline.run_stage(workspace, stage, timeout_seconds, on_line, on_progress)
    if code == 0 and (found := damaged_outputs(workspace, [stage])):
        raise FactoryError(f"{found[0]}, also after it was made anew: check the disk")
    return code


def repair(workspace: Workspace, stages: Collection[str]) -> list[str]:
    """Make the outputs of `stages` and their cached copies whole. What is damaged is removed.

    Returns:
        The stages of which no whole copy is left, in data order: running them computes what is
        missing (their results are in the store, if it was not cleared).
    """
    from dvc.repo import Repo

    with told_in_a_line(workspace), Repo(str(workspace.root)) as repo, _quiet():
        left = {
            out.stage
            for out in list(locked_outputs(workspace))
            if out.stage in stages and not _repaired(repo, out)
        }
    return [name for name in STAGES if name in left]


def _repaired(repo: Any, out: Locked) -> bool:
    """False when something can only be computed again."""
    cache = ObjectCache(Path(repo.cache.local.path))
    cache.drop_damaged(out.digest)
    files = _expected(repo, cache, out)
    if files is None:  # nobody can tell what is whole
        _remove(out.path)
        return False
    for digest in files.values():
        cache.drop_damaged(digest)
    for path, digest in files.items():
        if _is_whole(path, digest):
            _keep(repo, cache, path, digest)
        else:
            _remove(path)
    _pull(repo, cache, [digest for digest in files.values() if not cache.has(digest)])
    if not all(cache.has(digest) for digest in files.values()):
        return False
    repo.checkout(targets=[str(out.path)], force=True)
    return True


def _expected(repo: Any, cache: ObjectCache, out: Locked) -> dict[Path, str] | None:
    """Path to md5 of an output's files; None when the listing is lost."""
    if not out.digest.endswith(LISTING):
        return {out.path: out.digest}
    listing = cache.listing(out.digest)
    if listing is None:
        listing = files_in(out.path)
        if folder_digest(listing) == out.digest:
            write_atomically(cache.path(out.digest), listing_bytes(listing))
            repo.cache.local.protect(str(cache.path(out.digest)))
        else:
            _pull(repo, cache, [out.digest])
            listing = cache.listing(out.digest)
    return None if listing is None else {out.path / name: d for name, d in listing.items()}


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and md5(path) == digest


def _keep(repo: Any, cache: ObjectCache, path: Path, digest: str) -> None:
    """Put a whole file of an output back into the cache."""
    if not cache.has(digest):
        repo.cache.local.add(str(path), repo.cache.local.fs, digest)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # also a link whose object is gone


def _pull(repo: Any, cache: ObjectCache, digests: Iterable[str]) -> None:
    """Fetch objects from the default remote, if there is one that has them whole."""
    from dvc_data.hashfile.hash_info import HashInfo

    wanted = {HashInfo("md5", digest) for digest in digests}
    if not wanted:
        return
    try:
        repo.cloud.pull(wanted)
    except Exception as error:  # none, out of reach, not allowed: no source, whatever the reason
        logging.getLogger(__name__).info("no copy from a remote: %s", error)
    for info in wanted:  # DVC takes what a remote serves unread
        cache.drop_damaged(str(info.value))


@contextmanager
def _quiet() -> Iterator[None]:
    """DVC warns of objects that are nowhere; here that is an answer."""
    logger = logging.getLogger("dvc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
