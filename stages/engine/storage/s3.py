"""Ask an S3-compatible server, through fsspec.

Credentials, region and the address of a server other than Amazon's come from where every S3 client
takes them: the environment (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` ...), ``~/.aws`` or the
machine's role. None is ever in factory.toml, in a URL or in a message.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from stages.engine.workspace import FactoryError

PROTOCOL = "s3://"
BUCKET_NAME = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
"""Regular expression of a bucket's name."""
_PAGE = 1000
"""Maximum number of objects that a server lists in one answer."""
_PAGE_SECONDS = 60.0
"""Time for a page of a listing, after which the client's own attempts to get it do not count."""
_USER = re.compile(r"(?<=//)[^/@\s]*@")
_MAX_REASON = 300
_T = TypeVar("_T")
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Object:
    """An object as a listing shows it."""

    key: str
    """Its name, without the bucket."""
    size: int
    """Bytes."""
    etag: str
    """Changes whenever the content does."""


class S3:
    """A client whose failures are one line. Each process, and each instance, opens its own."""

    def __init__(self, what: str) -> None:
        """Take what messages call the place that is asked, such as ``the store s3://a/b``."""
        self.what = what

    def __getstate__(self) -> dict[str, Any]:
        return {"what": self.what}

    @cached_property
    def files(self) -> Any:
        """The file system.

        Raises:
            FactoryError: s3fs is not installed.
        """
        try:
            import fsspec

            # Other machines write to the bucket too, so a listing must not be remembered.
            return fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
        except ImportError as error:
            message = f"{self.what} needs s3fs: pip install 'flawfactory[s3]'"
            raise FactoryError(message) from error

    def ask(self, does: str, request: Callable[..., _T], *values: Any, **more: Any) -> _T:
        """Send a request; `does` says what for, such as ``write to``.

        Raises:
            FileNotFoundError: there is no such object or bucket.
            FactoryError: any other failure; the client's exceptions have no common base.
        """
        try:
            return request(*values, **more)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise FactoryError(f"cannot {does} {self.what}: {describe(error)}") from error

    def list_page(self, bucket: str, prefix: str, after: str = "") -> tuple[list[Object], bool]:
        """Return the next objects in the order of their keys, and whether there are more.

        Args:
            bucket: its name.
            prefix: beginning of the keys to list.
            after: list keys that sort after this one.

        Raises:
            FileNotFoundError: there is no such bucket.
            FactoryError: any other failure.
        """
        answer = self.ask(
            "list", self.files.call_s3, "list_objects_v2", Bucket=bucket, Prefix=prefix,
            MaxKeys=_PAGE, timeout=_PAGE_SECONDS, **({"StartAfter": after} if after else {}),
        )  # fmt: skip
        found = [
            Object(each["Key"], int(each["Size"]), str(each.get("ETag", "")).strip('"'))
            for each in answer.get("Contents") or []
        ]
        more = bool(answer.get("IsTruncated"))
        if more and not (found and found[-1].key > after):  # else the listing would never end
            raise FactoryError(f"cannot list {self.what}: the server repeats a page of its listing")
        return found, more

    def objects(self, bucket: str, prefix: str) -> Iterator[Object]:
        """Yield all objects whose keys begin with `prefix`, in the order of their keys.

        Raises:
            FileNotFoundError: there is no such bucket.
            FactoryError: any other failure.
        """
        after, more = "", True
        while more:
            page, more = self.list_page(bucket, prefix, after)
            yield from page
            after = page[-1].key if page else after


def describe(error: BaseException) -> str:
    """Return an error as one short line without user names and passwords; its text may come from
    the server."""
    text = "".join(c if c.isprintable() else " " for c in str(error))
    nothing = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
    return _USER.sub("", " ".join(text.split()))[:_MAX_REASON] or nothing


def map_ahead(function: Callable[[_Item], _T], items: Iterable[_Item], ahead: int) -> Iterator[_T]:
    """Yield ``function(item)`` in order, computed by `ahead` threads; `ahead` results are held at
    most."""
    left = iter(items)
    with ThreadPoolExecutor(ahead) as pool:
        waiting: deque[Future[_T]] = deque()
        try:
            for item in left:
                waiting.append(pool.submit(function, item))
                if len(waiting) == ahead:
                    break
            while waiting:
                done = waiting.popleft().result()
                waiting.extend(pool.submit(function, item) for item in islice(left, 1))
                yield done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
