"""A store in an S3-compatible bucket."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stages.engine.storage.s3 import PROTOCOL, S3, map_ahead
from stages.engine.storage.store import Result, Store
from stages.engine.workspace import FactoryError

_KEY = re.compile("[0-9a-f]{64}")
_REQUESTS = 32
"""Maximum number of requests at the same time that only ask for sizes and existence."""
_READ_AHEAD = 8
"""Maximum number of blobs in memory while they are read in order."""
_WORTH_A_PAGE = 10
"""Number of results that a page of a listing has to tell about: it costs about as much time and
money as so many requests for single results."""


class BucketStore(Store):
    """Immutable results below a prefix of a bucket. Objects appear whole or not at all."""

    def __init__(self, url: str) -> None:
        super().__init__(Path(url.removeprefix(PROTOCOL).strip("/")))
        self.url = url.rstrip("/")
        self._s3 = S3(f"the store {self}")

    def __str__(self) -> str:
        return self.url

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root, "url": self.url, "_s3": self._s3}

    @property
    def _bucket(self) -> str:
        return self.root.parts[0]

    @property
    def _prefix(self) -> str:
        """The beginning of the names of all objects of the store."""
        return "".join(f"{part}/" for part in self.root.parts[1:])

    def _name(self, key: str) -> str:
        """Return the name of a result's object in the bucket."""
        return self.path(key).relative_to(self._bucket).as_posix()

    def _object(self, key: str) -> str:
        return self.path(key).as_posix()

    def _write(self, key: str, blob: bytes) -> None:
        try:
            self._s3.ask("write to", self._s3.files.pipe_file, self._object(key), blob)
        except FileNotFoundError as error:
            raise FactoryError(f"cannot write to the store {self}: no such bucket") from error

    def _read(self, key: str) -> bytes | None:
        try:  # one request; a client that fetches parts side by side first asks for the size
            request = self._s3.files.cat_file
            return self._s3.ask("read", request, self._object(key), max_concurrency=1)
        except FileNotFoundError:
            return None

    def _stat(self, key: str) -> int | None:
        """Return the size of a blob in bytes; None if there is none."""
        request, name = self._s3.files.call_s3, self._name(key)
        try:
            found = self._s3.ask("read", request, "head_object", Bucket=self._bucket, Key=name)
        except FileNotFoundError:
            return None
        return found["ContentLength"]

    def has(self, key: str) -> bool:
        """See `Store.has`."""
        return self._stat(key) is not None

    def find_missing(self, keys: Iterable[str]) -> set[str]:
        """See `Store.find_missing`. Sends at most a request a key, and where many keys lie close
        together one for up to a thousand results of the store."""
        asked = set(keys)
        return asked - self._sizes(asked).keys()

    def size(self, keys: Iterable[str]) -> int:
        """See `Store.size`."""
        return sum(self._sizes(set(keys)).values())

    def _sizes(self, keys: set[str]) -> dict[str, int]:
        """Return the sizes in bytes of those of `keys` that have a blob.

        A page of the listing is read from the first key on. While pages tell about many keys, the
        listing is read on, in several places at once; otherwise the keys are asked for one by one.
        """
        left, found = sorted(keys), dict[str, int]()
        told = 0
        if len(left) >= _WORTH_A_PAGE:
            told, found = self._read_page(left)
            left = left[told:]
        if told >= _WORTH_A_PAGE:
            length = max(told, -(-len(left) // _REQUESTS))
            chunks = [left[start : start + length] for start in range(0, len(left), length)]
            for sizes in map_ahead(self._list_sizes, chunks, _REQUESTS):
                found |= sizes
        else:
            sizes = zip(left, map_ahead(self._stat, left, _REQUESTS), strict=True)
            found |= {key: size for key, size in sizes if size is not None}
        return found

    def _list_sizes(self, keys: list[str]) -> dict[str, int]:
        """Return the sizes of those of the sorted `keys` that have a blob, read from listings."""
        found = dict[str, int]()
        while keys:
            told, sizes = self._read_page(keys)
            found |= sizes
            keys = keys[told:]
        return found

    def _read_page(self, keys: list[str]) -> tuple[int, dict[str, int]]:
        """Read the page of the listing that begins at the first of the sorted `keys`.

        Returns:
            How many of the keys it tells about, one at least, and the sizes of those with a blob.
        """
        try:
            page, more = self._s3.list_page(self._bucket, self._prefix, self._name(keys[0])[:-1])
        except FileNotFoundError:
            return len(keys), {}
        told = bisect_right(keys, page[-1].key, key=self._name) if more else len(keys)
        sizes = {each.key: each.size for each in page}
        names = {key: self._name(key) for key in keys[:told]}
        return told, {key: sizes[name] for key, name in names.items() if name in sizes}

    def read(self, keys: Iterable[str]) -> Iterator[Result | None]:
        """See `Store.read`."""
        return map_ahead(self.get, keys, _READ_AHEAD)

    def keys(self) -> Iterator[str]:
        """See `Store.keys`."""
        try:
            for each in self._s3.objects(self._bucket, self._prefix):
                key = each.key.rpartition("/")[2]
                # `gc` removes what is listed here: a bucket may hold objects that are no results.
                if _KEY.fullmatch(key) and each.key == self._name(key):
                    yield key
        except FileNotFoundError:
            return

    def remove(self, key: str) -> None:
        """See `Store.remove`."""
        try:
            self._s3.ask("remove a result from", self._s3.files.rm_file, self._object(key))
        except FileNotFoundError:
            return

    def temporaries(self) -> Iterator[Path]:
        """Yield nothing: a bucket shows no unfinished objects."""
        return iter(())

    def leftovers(self, seconds: float) -> list[Path]:
        """Return nothing: a bucket shows no unfinished objects."""
        return []
