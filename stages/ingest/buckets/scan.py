"""Turn the objects below a prefix of a bucket into entries of the source list, fetching those that
are not here yet."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath

from stages.engine.codes import FetchCode, RejectCode
from stages.engine.storage.digests import Digests
from stages.engine.storage.s3 import PROTOCOL, Object
from stages.engine.storage.source_list import Problem, Source
from stages.engine.temporaries import remove_leftovers
from stages.engine.workspace import Workspace
from stages.ingest.buckets.address import BucketPrefix
from stages.ingest.buckets.documents import update_documents
from stages.ingest.buckets.fetch import Fetcher
from stages.ingest.buckets.listing import Listing, list_prefix, open_client
from stages.ingest.buckets.mirror import Mirror
from stages.ingest.buckets.records import Records
from stages.ingest.buckets.settings import load_bucket_settings
from stages.ingest.codes import IngestAside, IngestCode
from stages.ingest.licences import Licences, PhotoRights
from stages.ingest.sources import ScanError
from stages.ingest.walk import REFUSED

Progress = Callable[[int, int], None]
"""Called with the number of objects that are fetched and the number of all to fetch."""


@dataclass
class BucketScan:
    """What a scan of a prefix found."""

    entries: list[Source] = field(default_factory=list)
    """Of photos in the order in which a folder is walked, then of names that cannot be used. Those
    of purged photos have their digest and no copy."""
    kept: list[str] = field(default_factory=list)
    """Messages on objects that have changed and cannot be fetched; the copies stay as they were."""
    unfetched: list[str] = field(default_factory=list)
    """Keys of the photos and sidecars that the next scan tries to fetch again."""
    skipped: list[str] = field(default_factory=list)
    """Messages on sidecars that cannot be used."""
    foreign: int = 0
    """Number of JSON files of other programs beside photos."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Suffix to the count of objects that are of no interest."""


def scan_bucket(
    address: BucketPrefix,
    workspace: Workspace,
    batch: str,
    digests: Digests,
    purged: Collection[str] = (),
    progress: Progress = lambda done, count: None,
) -> BucketScan:
    """Fetch what is new or has changed below a prefix, and describe each photo.

    An object that cannot be used has a problem with the reason, and never stops the rest. Objects
    that are no longer in the bucket are not looked at: their entries and copies stay.

    Args:
        address: the prefix.
        workspace: the checkout.
        batch: name of this delivery.
        digests: of the copies.
        purged: digests of photos that must not be kept.
        progress: told how far it is.

    Raises:
        ScanError: there are no photos, more than may be fetched, or none that can be fetched; a
            ledger cannot be fetched or is malformed.
        FactoryError: the bucket cannot be used, or section ``buckets`` of factory.toml is wrong.
        OSError: a copy cannot be written (full disk).
    """
    mirror, settings = Mirror.of(workspace), load_bucket_settings(workspace)
    remove_leftovers(mirror.temporaries())
    client = open_client(address)
    listing = list_prefix(client, address, settings)
    if not listing.photos and not listing.unsafe:
        others = ", ".join(f"{n} {name}" for name, n in sorted(listing.ignored.items()))
        raise ScanError(
            f"{address}: no photos (JPEG, PNG, WebP, HEIC, AVIF) below it, only: {others}"
            if others
            else f"{address}: nothing is below it; give the prefix that the photos are below"
        )
    with closing(Records(mirror.database)) as records:
        fetcher = Fetcher(
            address, client, mirror, records, settings, digests, frozenset(purged)
        )  # fmt: skip
        result = BucketScan(skipped=listing.skipped, ignored=listing.ignored)
        problems = _fetch_photos(fetcher, listing, result, progress)
        used = [each for each in listing.photos if _is_used(fetcher, each)]
        result.skipped += update_documents(fetcher, listing, used)
        result.unfetched = fetcher.failed
    licences = Licences(mirror.path(address.bucket, address.prefix), mirror.show)
    result.entries += _make_entries(fetcher, listing, problems, licences, batch)
    result.skipped += licences.skipped.values()
    result.foreign = len(licences.foreign)
    return result


def _is_used(fetcher: Fetcher, photo: Object) -> bool:
    content = fetcher.contents.get(photo.key)
    return content is not None and content.sha256 not in fetcher.purged


def _fetch_photos(
    fetcher: Fetcher, listing: Listing, result: BucketScan, progress: Progress
) -> dict[str, Problem]:
    """Fetch the photos that are not here; return the problems of those without content, by key."""
    problems = {
        each.key: problem
        for each in listing.photos
        if (problem := _refuse(each, fetcher.settings.max_bytes))
    }
    todo = [
        each for each in listing.photos if each.key not in problems and not fetcher.is_here(each)
    ]
    _require_room(fetcher, todo)
    failed: dict[str, Problem] = {}
    for done, (each, reason) in enumerate(fetcher.fetch(todo), start=1):
        if reason and fetcher.has_earlier_copy(each):
            result.kept.append(f"{each.key} {reason}")
        elif reason:
            failed[each.key] = Problem(code=FetchCode.NOT_FETCHED, message=reason)
        progress(done, len(todo))
    if failed and not fetcher.contents:
        key, problem = min(failed.items())
        raise ScanError(
            f"{fetcher.address}: none of its photos could be fetched; {key} {problem.message}; "
            "the credentials need s3:GetObject"
        )
    return problems | failed


def _refuse(photo: Object, max_bytes: int) -> Problem | None:
    """Return why a photo is not to be fetched, as far as the listing tells."""
    if PurePosixPath(photo.key).suffix.lower() in REFUSED:
        return _problem(
            IngestAside.UNSUPPORTED_FORMAT,
            "is a GIF, BMP or TIFF file, which is not fetched: save it as PNG or JPEG",
        )
    if photo.size == 0:
        return _problem(IngestCode.EMPTY, "has no bytes: copy it again")
    if photo.size > max_bytes:
        return _problem(
            IngestCode.TOO_LARGE,
            f"has {photo.size:,} bytes; at most {max_bytes:,} are fetched (`max_bytes` in "
            "factory.toml, section buckets)",
        )
    return None


def _problem(code: RejectCode, message: str) -> Problem:
    return Problem(code=code, message=message)


def _require_room(fetcher: Fetcher, todo: Sequence[Object]) -> None:
    """Refuse a download that is larger than allowed, or than the space on the disk.

    Raises:
        ScanError: gives the numbers.
    """
    size, limit = sum(each.size for each in todo), fetcher.settings.max_total_bytes
    what = f"{fetcher.address}: {len(todo):,} photos with {size:,} bytes would be fetched"
    if size > limit:
        raise ScanError(
            f"{what}; a scan fetches at most {limit:,} (`max_total_bytes` in factory.toml, section "
            "buckets)"
        )
    free = shutil.disk_usage(fetcher.mirror.folder).free
    if size > free:
        raise ScanError(
            f"{what} to {fetcher.mirror.folder}, whose disk has {free:,} bytes free: free some "
            "space, or give a longer prefix"
        )


def _make_entries(
    fetcher: Fetcher,
    listing: Listing,
    problems: dict[str, Problem],
    licences: Licences,
    batch: str,
) -> Iterator[Source]:
    bucket, nothing = fetcher.address.bucket, PhotoRights()
    for each in listing.photos:
        problem, content = problems.get(each.key), fetcher.contents.get(each.key)
        used = _is_used(fetcher, each)
        yield Source(
            path=fetcher.mirror.listed_path(bucket, each.key),
            bytes=content.size if content else 0,
            sha256=content.sha256 if content else None,
            batch=batch,
            problem=problem,
            **asdict(licences.of(fetcher.mirror.path(bucket, each.key)) if used else nothing),
        )
    for name, fault in listing.unsafe:
        yield Source(
            path=f"{PROTOCOL}{bucket}/{name}", bytes=0, sha256=None, batch=batch,
            problem=_problem(
                FetchCode.NOT_ALLOWED, f"has a name that no file can have: it {fault}; rename it"
            ),
            **asdict(nothing),
        )  # fmt: skip
