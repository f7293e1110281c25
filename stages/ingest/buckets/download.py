"""Download objects as they were listed, several at a time, in the event loop of the client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from typing import Any, BinaryIO, TypeVar

from stages.engine.storage.s3 import S3, Object, describe

_ATTEMPTS = 3
"""Requests for an object whose answer breaks off; the client itself repeats unanswered ones."""
_BLOCK = 1 << 18
_T = TypeVar("_T")
_Item = TypeVar("_Item")


class DownloadError(Exception):
    """An object that cannot be fetched; the message is one line."""


class _BrokenOff(Exception):
    """An answer that ended early."""


def run_ahead(
    client: S3,
    function: Callable[[_Item], Coroutine[Any, Any, _T]],
    items: Iterable[_Item],
    ahead: int,
) -> Generator[tuple[_Item, _T], None, None]:
    """Yield items with the results of `function` in the order in which they are done.

    Args:
        client: runs the coroutines.
        function: makes the coroutine of an item.
        items: read as coroutines end.
        ahead: number of coroutines that run at a time; they are cancelled when the generator is
            closed.
    """
    loop, left = client.files.loop, iter(items)
    running: dict[Future[_T], _Item] = {}
    try:
        while True:
            for item in islice(left, ahead - len(running)):
                running[asyncio.run_coroutine_threadsafe(function(item), loop)] = item
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(done), done.result()
    finally:
        for future in running:
            future.cancel()


async def download(client: S3, bucket: str, found: Object, file: BinaryIO, seconds: float) -> None:
    """Write an object's content to a file; call it by `run_ahead`.

    Args:
        client: of the server.
        bucket: its name.
        found: the object as it was listed.
        file: is overwritten.
        seconds: maximum time.

    Raises:
        DownloadError: the object is gone, differs from the listing, or cannot be read.
        OSError: the file cannot be written.
    """
    try:
        async with asyncio.timeout(seconds):
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    await _copy(client, bucket, found, file)
                    return
                except _BrokenOff as error:
                    if attempt == _ATTEMPTS:
                        raise DownloadError(f"the answer broke off: {error}") from error
                await asyncio.sleep(attempt)
    except TimeoutError as error:
        raise DownloadError(f"took more than {seconds:g} seconds") from error


async def _copy(client: S3, bucket: str, found: Object, file: BinaryIO) -> None:
    unchanged = {"IfMatch": f'"{found.etag}"'} if found.etag else {}
    try:
        answer = await client.files._call_s3(
            "get_object", Bucket=bucket, Key=found.key, **unchanged
        )
    except Exception as error:
        raise DownloadError(_describe_refusal(error)) from error
    file.seek(0)
    file.truncate()
    async with answer["Body"] as body:
        while block := await _read(body):
            if file.tell() + len(block) > found.size:
                raise DownloadError("it has become larger since it was listed")
            file.write(block)
    if file.tell() < found.size:
        raise _BrokenOff(f"{file.tell():,} of {found.size:,} bytes were sent")


async def _read(body: Any) -> bytes:
    try:
        return await body.read(_BLOCK)
    except Exception as error:
        raise _BrokenOff(describe(error)) from error


def _describe_refusal(error: Exception) -> str:
    """Say in one line why the server did not send an object."""
    answer = getattr(error.__cause__, "response", {})
    if answer.get("Error", {}).get("Code") in ("PreconditionFailed", "412"):
        return "it was replaced since it was listed; scan again"
    if isinstance(error, FileNotFoundError):
        return "it was removed since it was listed"
    return describe(error)
