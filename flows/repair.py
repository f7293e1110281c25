"""Replace damaged files in outputs, and in DVC's cache, from which they would be restored.

The sources, in order: an intact copy in the output folder or the cache, the default remote, running
the stage again.
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
from flows.repository import translate_errors
from flows.retries import find_retries
from flows.verification import (
    LockedOutput,
    find_damaged_copies,
    find_damaged_outputs,
    hash_files,
    locked_outputs,
)
from stages import STAGES
from stages.engine.execution.progress import Progress
from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError, Workspace


def find_stale_or_damaged(workspace: Workspace) -> pipeline.StaleStages:
    """Find the stages that DVC reports as stale, those whose output is damaged, and those with
    photos to try again.

    Raises:
        FactoryError: as `pipeline.find_stale` does.
    """
    found = dict(pipeline.find_stale(workspace))
    for finding in find_damaged_outputs(workspace, set(STAGES) - found.keys()):
        found.setdefault(finding.stage, []).append(f"damaged: {finding}")
    for stage, lines in find_retries(workspace).items():
        found[stage] = found.get(stage, []) + lines
    return {name: found[name] for name in STAGES if name in found}


def run_stage(
    workspace: Workspace,
    stage: str,
    timeout_seconds: float,
    on_line: Callable[[str], None],
    on_progress: Callable[[Progress], None],
) -> int:
    """Run a stage as `pipeline.run_stage` does, then check its output and repair it if damaged.

    DVC restores files from its cache without reading them.

    Raises:
        FactoryError: the stage ran past the timeout, or its output is damaged even after it was
            made again.
    """
    for finding in find_damaged_outputs(workspace, [stage]):
        _remove(finding.path)  # DVC trusts a file whose size and time did not change
    code = pipeline.run_stage(workspace, stage, timeout_seconds, on_line, on_progress)
    if code != 0:
        return code
    found = find_damaged_outputs(workspace, [stage]) + find_damaged_copies(workspace, stage)
    if not found:
        return code
    for finding in found:
        on_line(f"replaced what is damaged in DVC's cache: {finding}")
    if repair(workspace, [stage]):
        code = pipeline.run_stage(workspace, stage, timeout_seconds, on_line, on_progress)
    if code == 0 and (found := find_damaged_outputs(workspace, [stage])):
        raise FactoryError(f"{found[0]}, even after it was made again: check the disk")
    return code


def repair(workspace: Workspace, stages: Collection[str]) -> list[str]:
    """Repair the outputs of `stages` and their cached copies; remove what is damaged.

    Returns:
        The stages of which no intact copy is left, in data order. Running them makes their outputs
        again, from the store unless it was cleared.
    """
    from dvc.repo import Repo

    with translate_errors(workspace), Repo(str(workspace.root)) as repo, _silence_dvc():
        left = {
            out.stage
            for out in list(locked_outputs(workspace))
            if out.stage in stages and not _repair_output(repo, out)
        }
    return [name for name in STAGES if name in left]


def _repair_output(repo: Any, out: LockedOutput) -> bool:
    """Repair one output; return False if the stage has to run again."""
    cache = ObjectCache(Path(repo.cache.local.path))
    cache.drop_damaged(out.digest)
    files = _expected_files(repo, cache, out)
    if files is None:  # without the listing, intact files cannot be identified
        _remove(out.path)
        return False
    for digest in files.values():
        cache.drop_damaged(digest)
    for path, digest in files.items():
        if _is_intact(path, digest):
            _add_to_cache(repo, cache, path, digest)
        else:
            _remove(path)
    _pull(repo, cache, [digest for digest in files.values() if not cache.has(digest)])
    if not all(cache.has(digest) for digest in files.values()):
        return False
    repo.checkout(targets=[str(out.path)], force=True)
    return True


def _expected_files(repo: Any, cache: ObjectCache, out: LockedOutput) -> dict[Path, str] | None:
    """Map the paths of an output's files to md5s; None if the listing is lost."""
    if not out.digest.endswith(LISTING):
        return {out.path: out.digest}
    listing = cache.listing(out.digest)
    if listing is None:
        listing = hash_files(out.path)
        if folder_digest(listing) == out.digest:
            write_atomically(cache.path(out.digest), listing_bytes(listing))
            repo.cache.local.protect(str(cache.path(out.digest)))
        else:
            _pull(repo, cache, [out.digest])
            listing = cache.listing(out.digest)
    return None if listing is None else {out.path / name: d for name, d in listing.items()}


def _is_intact(path: Path, digest: str) -> bool:
    return path.is_file() and md5(path) == digest


def _add_to_cache(repo: Any, cache: ObjectCache, path: Path, digest: str) -> None:
    """Add an intact file of an output to the cache again."""
    if not cache.has(digest):
        repo.cache.local.add(str(path), repo.cache.local.fs, digest)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # also a link whose object is gone


def _pull(repo: Any, cache: ObjectCache, digests: Iterable[str]) -> None:
    """Fetch objects from the default remote, if there is one, and drop those that are damaged."""
    from dvc_data.hashfile.hash_info import HashInfo

    wanted = {HashInfo("md5", digest) for digest in digests}
    if not wanted:
        return
    try:
        repo.cloud.pull(wanted)
    except Exception as error:  # no remote, unreachable, forbidden: try the next source
        logging.getLogger(__name__).info("no copy from a remote: %s", error)
    for info in wanted:  # DVC does not verify what a remote serves
        cache.drop_damaged(str(info.value))


@contextmanager
def _silence_dvc() -> Iterator[None]:
    """Silence DVC's warnings about missing objects, which are an expected outcome here."""
    logger = logging.getLogger("dvc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
