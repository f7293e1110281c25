"""Keep the copies of sidecars and ledgers as they are in the bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from stages.engine.storage.s3 import Object
from stages.ingest.buckets.fetch import Fetcher
from stages.ingest.buckets.listing import Listing, is_ledger
from stages.ingest.licences import LEDGER, sidecar_names
from stages.ingest.sources import ScanError


def update_documents(fetcher: Fetcher, listing: Listing, used: Iterable[Object]) -> list[str]:
    """Fetch the sidecars of the photos in `used` and the ledgers; remove copies of others, because
    what the bucket no longer says about a photo does not hold any more.

    Returns:
        Messages on sidecars that cannot be fetched.

    Raises:
        ScanError: a ledger cannot be fetched: it applies to a whole folder.
        FactoryError: the bucket does not answer any more.
    """
    wanted = {
        key: listing.documents[key]
        for key in (*_sidecars(used), *_ledgers(listing.photos))
        if key in listing.documents
    }
    address, mirror = fetcher.address, fetcher.mirror
    for key in {*_sidecars(listing.photos), *_ledgers(listing.photos)} - wanted.keys():
        if key.startswith(address.start):
            mirror.remove(address.bucket, key)
    todo = [wanted[key] for key in sorted(wanted) if not fetcher.is_here(wanted[key])]
    failed = [(each.key, reason, each) for each, reason in fetcher.fetch(todo) if reason]
    return [_leave_out(fetcher, each, reason) for _, reason, each in sorted(failed)]


def _leave_out(fetcher: Fetcher, document: Object, reason: str) -> str:
    """Return the message on a document that cannot be fetched; its earlier version stays."""
    if fetcher.has_earlier_copy(document):
        return f"{document.key} {reason}; its earlier version applies"
    if is_ledger(document.key):
        raise ScanError(f"{fetcher.address}: {document.key} {reason}")
    fetcher.mirror.remove(fetcher.address.bucket, document.key)  # a copy of unknown age
    return f"{document.key} {reason}"


def _sidecars(photos: Iterable[Object]) -> Iterator[str]:
    for photo in photos:
        folder, slash, name = photo.key.rpartition("/")
        yield from (f"{folder}{slash}{sidecar}" for sidecar in sidecar_names(name))


def _ledgers(photos: Sequence[Object]) -> Iterator[str]:
    folders = {PurePosixPath(photo.key).parent for photo in photos}
    paths = {path for folder in folders for path in (folder, *folder.parents)}
    yield from ((path / LEDGER).as_posix() for path in paths)
