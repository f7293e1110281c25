"""Fetch objects into their copies, several at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from stages.engine.files import sha256_file
from stages.engine.storage.digests import Digests
from stages.engine.storage.s3 import S3, Object
from stages.engine.temporaries import hold_temporary_file
from stages.ingest.buckets.address import BucketPrefix
from stages.ingest.buckets.download import DownloadError, download, run_ahead
from stages.ingest.buckets.listing import check_bucket
from stages.ingest.buckets.mirror import Mirror
from stages.ingest.buckets.records import Record, Records
from stages.ingest.buckets.settings import BucketSettings

_ASK_AGAIN = 5
"""Objects that fail in a row, after which the bucket is listed to see whether it still answers."""
_CLASHES = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY)


@dataclass
class Fetcher:
    """Fetches objects of one bucket, and knows what is here."""

    address: BucketPrefix
    client: S3
    mirror: Mirror
    records: Records
    settings: BucketSettings
    digests: Digests
    """Of the copies."""
    purged: frozenset[str]
    """Digests of photos that must not be kept."""
    contents: dict[str, Record] = field(default_factory=dict)
    """Key to what the object contains, as far as it is here or known to be purged."""
    failed: list[str] = field(default_factory=list)
    """Keys of the objects that could not be fetched; the next scan tries them again."""

    def is_here(self, found: Object) -> bool:
        """Whether an object needs no download: its content is here, or is known to be purged."""
        record = self.records.find(self.address.bucket, found.key)
        if record is None or not record.is_of(found):
            return False
        return self._take(found, record) or self._is_purged(found, record)

    def has_earlier_copy(self, found: Object) -> bool:
        """Whether content that the object had before is here; take it for its present one."""
        record = self.records.find(self.address.bucket, found.key)
        return record is not None and self._take(found, record)

    def _take(self, found: Object, record: Record) -> bool:
        if record.sha256 in self.purged:
            return False
        if self.mirror.is_intact(self.address.bucket, found.key, record, self.digests):
            self.contents[found.key] = record
            return True
        return False

    def _is_purged(self, found: Object, record: Record) -> bool:
        if record.sha256 not in self.purged:
            return False
        self.contents[found.key] = record
        return True

    def fetch(self, objects: Sequence[Object]) -> Iterator[tuple[Object, str | None]]:
        """Fetch objects; yield each, as soon as it is done, with the reason if it failed.

        Raises:
            FactoryError: the bucket does not answer any more.
            OSError: the disk is full, or cannot be written.
        """
        self.mirror.partial.mkdir(parents=True, exist_ok=True)
        failures, ahead = 0, self.settings.concurrency
        with closing(run_ahead(self.client, self._fetch, objects, ahead)) as results:
            for each, (digest, reason) in results:
                if digest:
                    record = Record(each.size, each.etag, digest)
                    self.records.note(self.address.bucket, each.key, record)
                    self.contents[each.key] = record
                else:
                    self.failed.append(each.key)
                failures = failures + 1 if reason else 0
                if failures and failures % _ASK_AGAIN == 0:
                    check_bucket(self.address)
                yield each, reason

    async def _fetch(self, found: Object) -> tuple[str | None, str | None]:
        """Fetch an object; return its sha256, or the reason why there is none."""
        bucket = self.address.bucket
        target = self.mirror.path(bucket, found.key)
        seconds = self.settings.timeout_seconds
        try:
            with hold_temporary_file(self.mirror.partial / "object") as (temporary, _):
                with temporary.open("r+b") as file:
                    await download(self.client, bucket, found, file, seconds)
                digest = sha256_file(temporary)
                if digest in self.purged:
                    self.mirror.remove(bucket, found.key)
                else:
                    _move(temporary, target)
        except DownloadError as error:
            return None, f"was not fetched: {error}"
        return digest, None


def _move(file: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
    except OSError as error:
        if error.errno not in _CLASHES:
            raise
        raise DownloadError(
            f"{error.filename2 or error.filename} is in its way, from an object that had this name "
            "before: remove it"
        ) from error
