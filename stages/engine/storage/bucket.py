"""A store in an S3-compatible bucket, through fsspec.

Credentials, region and the address of a server other than Amazon's come from where every S3 client
takes them: the environment (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` ...), ``~/.aws`` or the
machine's role. None is ever in factory.toml.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from stages.engine.storage.store import Result, Store
from stages.engine.workspace import FactoryError

PROTOCOL = "s3://"
_KEY = re.compile("[0-9a-f]{64}")
_REQUESTS = 32
"""Maximum number of requests at the same time that only ask for sizes and existence."""
_READ_AHEAD = 8
"""Maximum number of blobs in memory while they are read in order."""
_T = TypeVar("_T")


class BucketStore(Store):
    """Immutable results below a prefix of a bucket. Objects appear whole or not at all."""

    def __init__(self, url: str) -> None:
        super().__init__(Path(url.removeprefix(PROTOCOL).strip("/")))
        self.url = url.rstrip("/")

    def __str__(self) -> str:
        return self.url

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root, "url": self.url}

    @cached_property
    def _files(self) -> Any:
        """The file system. Each process opens its own."""
        try:
            import fsspec

            # Other machines write to the bucket too, so a listing must not be remembered.
            return fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
        except ImportError as error:
            message = f"the store {self} needs s3fs: pip install 'flawfactory[s3]'"
            raise FactoryError(message) from error

    def _object(self, key: str) -> str:
        return self.path(key).as_posix()

    def _ask(self, does: str, request: Callable[..., _T], *arguments: Any) -> _T:
        """Send a request.

        Raises:
            FileNotFoundError: there is no such object or bucket.
            FactoryError: any other failure; the client's exceptions have no common base.
        """
        try:
            return request(*arguments)
        except FileNotFoundError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise FactoryError(f"cannot {does} the store {self}: {reason}") from error

    def _write(self, key: str, blob: bytes) -> None:
        try:
            self._ask("write to", self._files.pipe_file, self._object(key), blob)
        except FileNotFoundError as error:
            raise FactoryError(f"cannot write to the store {self}: no such bucket") from error

    def _read(self, key: str) -> bytes | None:
        try:
            return self._ask("read", self._files.cat_file, self._object(key))
        except FileNotFoundError:
            return None

    def _stat(self, key: str) -> int | None:
        """Return the size of a blob in bytes; None if there is none."""
        try:
            return self._ask("read", self._files.info, self._object(key))["size"]
        except FileNotFoundError:
            return None

    def has(self, key: str) -> bool:
        """See `Store.has`."""
        return self._stat(key) is not None

    def find_missing(self, keys: Iterable[str]) -> set[str]:
        """See `Store.find_missing`."""
        known = list(keys)
        sizes = _map_ahead(self._stat, known, _REQUESTS)
        return {key for key, size in zip(known, sizes, strict=True) if size is None}

    def read(self, keys: Iterable[str]) -> Iterator[Result | None]:
        """See `Store.read`."""
        return _map_ahead(self.get, keys, _READ_AHEAD)

    def keys(self) -> Iterator[str]:
        """See `Store.keys`."""
        try:
            found = self._ask("list", self._files.find, self.root.as_posix())
        except FileNotFoundError:
            return
        # `gc` removes what is listed here: a bucket may hold objects that are no results.
        for name in sorted(found):
            key = Path(name).name
            if _KEY.fullmatch(key) and name == self._object(key):
                yield key

    def size(self, keys: Iterable[str]) -> int:
        """See `Store.size`."""
        return sum(size or 0 for size in _map_ahead(self._stat, keys, _REQUESTS))

    def remove(self, key: str) -> None:
        """See `Store.remove`."""
        try:
            self._ask("remove a result from", self._files.rm_file, self._object(key))
        except FileNotFoundError:
            return

    def temporaries(self) -> Iterator[Path]:
        """Yield nothing: a bucket shows no unfinished objects."""
        return iter(())

    def leftovers(self, seconds: float) -> list[Path]:
        """Return nothing: a bucket shows no unfinished objects."""
        return []


def _map_ahead(function: Callable[[str], _T], keys: Iterable[str], ahead: int) -> Iterator[_T]:
    """Yield ``function(key)`` in order, computed by `ahead` threads; `ahead` results are held at
    most."""
    left = iter(keys)
    with ThreadPoolExecutor(ahead) as pool:
        waiting: deque[Future[_T]] = deque()
        try:
            for key in left:
                waiting.append(pool.submit(function, key))
                if len(waiting) == ahead:
                    break
            while waiting:
                done = waiting.popleft().result()
                waiting.extend(pool.submit(function, key) for key in islice(left, 1))
                yield done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
