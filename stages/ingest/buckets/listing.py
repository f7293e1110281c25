"""List a prefix of a bucket, and choose from its objects what a scan of a folder would read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import PurePosixPath

from stages.engine.storage.s3 import S3, Object
from stages.engine.workspace import FactoryError
from stages.ingest.buckets.address import BucketPrefix
from stages.ingest.buckets.names import escape, find_fault, walk_order
from stages.ingest.buckets.settings import BucketSettings
from stages.ingest.licences import LEDGER, MAX_LEDGER, MAX_SIDECAR, SIDECAR
from stages.ingest.sources import ScanError
from stages.ingest.walk import ACCEPTED, REFUSED


@dataclass
class Listing:
    """The objects below a prefix that matter to a scan."""

    photos: list[Object] = field(default_factory=list)
    """In the order in which a folder is walked."""
    documents: dict[str, Object] = field(default_factory=dict)
    """JSON files and ledgers, by key."""
    unsafe: list[tuple[str, str]] = field(default_factory=list)
    """Printable names of photos that cannot become files, and the reasons."""
    skipped: list[str] = field(default_factory=list)
    """Messages on sidecars that are not fetched."""
    ignored: Counter[str] = field(default_factory=Counter)
    """As `stages.ingest.walk.Walk.ignored`."""


def open_client(address: BucketPrefix) -> S3:
    """Return a client whose messages name the prefix."""
    return S3(str(address))


def list_objects(s3: S3, address: BucketPrefix) -> Iterator[Object]:
    """Yield all objects below a prefix, in the order of their keys.

    Raises:
        FactoryError: the bucket does not exist or cannot be reached, or access is denied.
    """
    try:
        yield from s3.objects(address.bucket, address.start)
    except FileNotFoundError as error:
        raise FactoryError(
            f"{address}: there is no bucket {address.bucket}; check its name, and the server's "
            "address in AWS_ENDPOINT_URL"
        ) from error
    except FactoryError as error:
        if isinstance(error.__cause__, (ImportError, type(None))):
            raise
        raise FactoryError(
            f"{error}; check the network, AWS_ENDPOINT_URL and the credentials (environment or "
            "~/.aws), which need s3:ListBucket and s3:GetObject"
        ) from error


def check_bucket(address: BucketPrefix) -> None:
    """Check that a prefix can be listed.

    Raises:
        FactoryError: it cannot.
    """
    next(list_objects(open_client(address), address), None)


def is_ledger(key: str) -> bool:
    """Whether an object is a ledger of licences."""
    return key.rpartition("/")[2] == LEDGER


def snapshot_objects(address: BucketPrefix) -> str:
    """Return a digest of name, size and ETag of every photo and ledger below a prefix; fetch none.

    Raises:
        FactoryError: the bucket cannot be listed.
    """
    digest = sha256(f"{address}\0".encode())
    for each in list_objects(open_client(address), address):
        counts = _is_photo(each.key) or is_ledger(each.key)
        if counts and not _is_hidden(each.key[len(address.start) :]):
            digest.update(f"{each.key}\0{each.size}\0{each.etag}\0".encode(errors="replace"))
    return digest.hexdigest()


def list_prefix(s3: S3, address: BucketPrefix, settings: BucketSettings) -> Listing:
    """List the photos, sidecars and ledgers below a prefix; fetch nothing.

    Raises:
        ScanError: there are too many, or a ledger is too large.
        FactoryError: the bucket cannot be listed.
    """
    found = Listing()
    for each in list_objects(s3, address):
        relative = each.key[len(address.start) :]
        if not relative or relative.endswith("/"):  # what consoles make for an empty folder
            continue
        if _is_hidden(relative):
            found.ignored["hidden"] += 1
        elif not _is_photo(relative):
            suffix = _suffix(relative)
            if not is_ledger(relative):
                found.ignored[suffix or "no suffix"] += 1
            if is_ledger(relative) or suffix == ".json":
                _add_document(found, each, address)
        elif fault := find_fault(relative):
            found.unsafe.append((escape(each.key), fault))
        else:
            found.photos.append(each)
        if len(found.photos) + len(found.documents) + len(found.unsafe) > settings.max_objects:
            raise ScanError(
                f"{address}: has more than {settings.max_objects:,} photos and JSON files "
                "(`max_objects` in factory.toml, section buckets): give a longer prefix"
            )
    _leave_out_clashes(found)
    found.photos.sort(key=lambda each: walk_order(each.key))
    return found


def _add_document(found: Listing, each: Object, address: BucketPrefix) -> None:
    if find_fault(each.key[len(address.start) :]):
        return
    if is_ledger(each.key) and each.size > MAX_LEDGER:
        raise ScanError(
            f"{address}: {each.key} has {each.size:,} bytes; at most {MAX_LEDGER:,} are read"
        )
    if is_ledger(each.key) or each.size <= MAX_SIDECAR:
        found.documents[each.key] = each
    elif each.key.endswith(SIDECAR):
        found.skipped.append(
            f"{each.key} has {each.size:,} bytes; at most {MAX_SIDECAR:,} are read"
        )


def _leave_out_clashes(found: Listing) -> None:
    """Leave out what lies below an object: in a folder no name is both a file and a folder."""
    files = {each.key for each in found.photos}
    clashes: dict[str, str | None] = {}

    def find_file_above(folder: str) -> str | None:
        if folder not in clashes:
            above = folder.rpartition("/")[0]
            is_file = folder in files
            clashes[folder] = folder if is_file else find_file_above(above) if above else None
        return clashes[folder]

    kept = []
    for each in found.photos:
        folder = each.key.rpartition("/")[0]
        if folder and (file := find_file_above(folder)):
            fault = f"lies below {PurePosixPath(file).name}, which is an object itself"
            found.unsafe.append((escape(each.key), fault))
        else:
            kept.append(each)
    found.photos = kept
    for folder in clashes.keys() & found.documents.keys():
        del found.documents[folder]


def _suffix(key: str) -> str:
    return PurePosixPath(key.rpartition("/")[2]).suffix.lower()


def _is_photo(key: str) -> bool:
    return _suffix(key) in ACCEPTED | REFUSED


def _is_hidden(relative: str) -> bool:
    return any(part.startswith(".") and part.strip(".") for part in relative.split("/"))
