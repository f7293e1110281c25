"""Compare file formats for the published pictures: size, time to write and to read, exactness.

    python -m benchmarks.picture_formats [--package data/package] [--pairs 24]

Encodes the pictures of pairs again as PNG and as lossless WebP with several efforts; `package` is
the setting of `package.image_format: webp`. Times are milliseconds of processor time a picture, the
less of two passes, with one thread; "exact" says whether Pillow and opencv both give back every
pixel. When interrupted, prints what it has.
"""

from __future__ import annotations

import argparse
import heapq
import io
import os
import time
from collections.abc import Callable, Iterator
from itertools import chain, starmap
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.meter import read_cpu_model
from benchmarks.stopping import UntilStopped
from stages.engine.storage.shard import read_samples
from stages.engine.workspace import FactoryError
from stages.package.members import MASKS, PICTURES, get_picture
from stages.records.images import write_webp
from stages.records.seeding import seed_for

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def encoder(format: str, **options: Any) -> Callable[[Pixels], bytes]:
    """Return a function that encodes pixels."""

    def encode(pixels: Pixels) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, format, **options)
        return file.getvalue()

    return encode


def _webp(method: int, quality: int) -> Callable[[Pixels], bytes]:
    return encoder("WEBP", lossless=True, method=method, quality=quality)


ENCODERS: dict[str, Callable[[Pixels], bytes]] = {
    "png": encoder("PNG"),
    "png, level 9": encoder("PNG", compress_level=9),
    "webp, method 0": _webp(0, 0),
    "webp, method 2, effort 20 (package)": write_webp,
    "webp, method 4, effort 20": _webp(4, 20),
    "webp, method 4, effort 80": _webp(4, 80),
}


class Row(NamedTuple):
    """The figures of one kind of member in one format."""

    member: str
    format: str
    kilobytes: float
    write: float
    pillow: float
    opencv: float
    exact: bool


def read_pillow(data: bytes) -> Pixels:
    """Decode with Pillow."""
    return np.asarray(Image.open(io.BytesIO(data), formats=["PNG", "WEBP"]))


def read_opencv(data: bytes) -> Pixels:
    """Decode with opencv; colours are put into the order RGB."""
    found = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    return found[..., ::-1] if found.ndim == 3 else found


def measure(member: str, pictures: list[Pixels]) -> Iterator[Row]:
    """Yield a row for each format."""
    for name, encode in ENCODERS.items():
        files = [encode(pixels) for pixels in pictures]
        exact = all(_is_exact(data, pixels) for data, pixels in zip(files, pictures, strict=True))
        times = _time(encode, pictures), _time(read_pillow, files), _time(read_opencv, files)
        yield Row(member, name, sum(map(len, files)) / len(files) / 1e3, *times, exact)


def _is_exact(data: bytes, pixels: Pixels) -> bool:
    for found in (read_pillow(data), read_opencv(data)):
        grey = found.ndim == 3 and pixels.ndim == 2  # WebP stores grey as RGB
        if not np.array_equal(found[..., 0] if grey else found, pixels):
            return False
    return True


def _time(call: Callable[[Any], Any], items: list[Any]) -> float:
    passes = []
    for _ in range(2):
        start = time.process_time()
        for item in items:
            call(item)
        passes.append(time.process_time() - start)
    return min(passes) / len(items) * 1e3


def read_pictures(package: Path, pairs: int) -> dict[str, list[Pixels]]:
    """Read the pictures of pairs drawn by lot, by kind.

    Raises:
        FactoryError: the data set has no shards.
    """
    shards = sorted(package.glob("*.tar"))
    if not shards:
        raise FactoryError(f"no shard in {package}: run `flawfactory build` first")
    drawn = heapq.nsmallest(pairs, _read_samples(shards), lambda item: seed_for(0, item[0]))
    return {
        name: [read_pillow(get_picture(members, name)) for _, members in drawn]
        for name in (*PICTURES, *MASKS)
    }


def _read_samples(shards: list[Path]) -> Iterator[tuple[str, dict[str, bytes]]]:
    for shard in shards:
        with shard.open("rb") as file:
            yield from read_samples(file)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=Path("data/package"))
    parser.add_argument("--pairs", type=int, default=24)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    found = read_pictures(given.package, given.pairs)
    table = Table(title=f"{read_cpu_model()}, {os.cpu_count()} cores, {given.pairs} pairs")
    for name in ("member", "format", "kB", "write ms", "Pillow ms", "opencv ms", "exact"):
        table.add_column(name, justify="left" if name in ("member", "format") else "right")
    rows = UntilStopped(chain.from_iterable(starmap(measure, found.items())))
    for row in rows:
        numbers = (f"{value:.1f}" for value in row[2:6])
        table.add_row(row.member, row.format, *numbers, "yes" if row.exact else "NO")
    Console().print(table)
    rows.exit_if_stopped()


if __name__ == "__main__":
    main()
