"""What ingest sees of damage, and how much memory it takes.

    python -m benchmarks.ingest damage [--shards FOLDER] [--photos 700] [--formats JPEG WebP ...]
    python -m benchmarks.ingest memory [--side 10000] [FILE ...]

``damage``: photos of this checkout, and of the training shards where a folder of them is given, are
encoded anew, and one, four or twenty bytes of their image data changed. Counted are sound files
that are refused, and of the damaged ones that can be told from the sound by eye (more than 5 % of
the pixels differ by over 24 levels) those that are refused. Interrupted, it prints what it has.

``memory``: peak of a process that decodes one file, for the files named or for pictures of
`side` x `side` pixels made for it.
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.quality.photos import in_checkout
from stages.engine.stage import RejectPhoto
from stages.engine.workspace import Workspace
from stages.ingest.damage import look_for_damage
from stages.ingest.decode import Limits, decode
from stages.ingest.stage import IngestParams

FLIPS = (1, 4, 20)
SHORT_SIDE = 384
_HEADER = 60
"""Bytes at the start that are left whole."""
# getrusage's peak would be the parent's where that is larger.
_PEAK = """
import re, sys
from pathlib import Path
from stages.ingest.decode import Limits, decode
decode(Path(sys.argv[1]).read_bytes(), Limits(*map(int, sys.argv[2:])))
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


def encoders(rng: random.Random) -> dict[str, Callable[[Image.Image], bytes]]:
    """Name to a function that writes a photo as cameras and tools do."""

    def write(kind: str, image: Image.Image, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    def jpeg(image: Image.Image) -> bytes:
        quality, sampling = rng.choice([60, 75, 85, 92, 95]), rng.choice([0, 1, 2])
        progressive = rng.random() < 0.3
        return write("JPEG", image, quality=quality, subsampling=sampling, progressive=progressive)

    return {
        "JPEG": jpeg,
        "PNG": lambda image: write("PNG", image),
        "WebP": lambda image: write("WEBP", image, quality=rng.choice([50, 75, 80, 90])),
        "WebP lossless": lambda image: write("WEBP", image, lossless=True, method=0),
        "AVIF": lambda image: write("AVIF", image, quality=60, speed=9),
    }


def photos(shards: Path | None) -> Iterator[Image.Image]:
    """Photos of the checkout, then of the shards, as small as the latter's."""
    for name in in_checkout():
        image = Image.open(Workspace.find().root / name).convert("RGB")
        scale = min(1.0, SHORT_SIDE / min(image.size))
        yield image.resize((round(image.width * scale), round(image.height * scale)))
    for shard in sorted(shards.glob("*.tar")) if shards else ():
        with tarfile.open(shard) as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.name.endswith(".webp") else None
                if stream:
                    yield Image.open(stream, formats=["WEBP"]).convert("RGB")


def limits() -> tuple[int, int, int]:
    """Ingest's defaults."""
    params = IngestParams()
    return params.max_pixels, params.min_side, params.max_side


def look(data: bytes) -> np.ndarray | None:
    """The photo as ingest hands it on; None when it is refused."""
    try:
        values = np.asarray(decode(data, Limits(*limits())).image)
        look_for_damage(values)
    except RejectPhoto:
        return None
    return values.astype(np.int16)


def count(name: str, data: bytes, rng: random.Random, counts: Counter[str]) -> None:
    """Add one photo's outcome, sound and damaged."""
    sound = look(data)
    counts[f"{name} sound"] += 1
    if sound is None:
        counts[f"{name} refused"] += 1
        return
    start = data.index(b"\xff\xda") + 14 if name == "JPEG" else _HEADER
    start = data.index(b"mdat") + 4 if name == "AVIF" else start
    for flips in FLIPS:
        changed = bytearray(data)
        for _ in range(flips):
            changed[rng.randrange(start, len(data) - 2)] = rng.randrange(256)
        broken = look(bytes(changed))
        caught = broken is None
        seen = caught or (np.abs(broken - sound).max(axis=-1) > 24).mean() > 0.05
        counts[f"{name} {flips} seen"] += bool(seen)
        counts[f"{name} {flips} caught"] += caught


def damage(shards: Path | None, most: int, formats: list[str]) -> Table:
    """Detection and false alarms by format."""
    rng, counts = random.Random(0), Counter[str]()  # noqa: S311 - which bytes are changed
    kinds = {name: encode for name, encode in encoders(rng).items() if name in formats}
    with suppress(KeyboardInterrupt):
        for number, image in enumerate(photos(shards)):
            if number == most:
                break
            for name, encode in kinds.items():
                count(name, encode(image), rng, counts)
    table = Table(title="damage: refused of the visibly damaged, by bytes changed")
    for column in ("format", "sound", "refused though sound", *map(str, FLIPS)):
        table.add_column(column, justify="right")
    for name in kinds:
        found = [f"{counts[f'{name} {n} caught']}/{counts[f'{name} {n} seen']}" for n in FLIPS]
        table.add_row(name, str(counts[f"{name} sound"]), str(counts[f"{name} refused"]), *found)
    return table


def large_pictures(side: int, folder: Path) -> Iterator[Path]:
    """One file of each kind that is costly in its own way."""
    coarse = np.random.default_rng(0).integers(0, 256, (side // 50 + 2,) * 2 + (3,), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    grey = image.getchannel("R")
    kinds: dict[str, tuple[Callable[[], Image.Image], dict[str, Any]]] = {
        "rgb.png": (lambda: image, {"compress_level": 1}),
        "rgba.png": (lambda: Image.merge("RGBA", [grey] * 4), {"compress_level": 1}),
        "sixteen bits.png": (lambda: grey.convert("I;16"), {"compress_level": 1}),
        "baseline.jpg": (lambda: image, {}),
        "progressive.jpg": (lambda: image, {"progressive": True, "subsampling": 0}),
        "cmyk.jpg": (lambda: image.convert("CMYK"), {}),
        "lossy.webp": (lambda: image, {"method": 0}),
        "speed 10.avif": (lambda: image, {"speed": 10}),
    }
    for name, (make, options) in kinds.items():
        make().save(folder / name, **options)
        yield folder / name


def memory(files: list[Path], side: int) -> Table:
    """Peak of a process of its own for each file."""
    table = Table(title="peak memory of a worker")
    for column in ("file", "MB on disk", "MB peak"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as scratch, suppress(KeyboardInterrupt):
        for path in files or large_pictures(side, Path(scratch)):
            command = [sys.executable, "-c", _PEAK, str(path), *map(str, limits())]
            run = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            table.add_row(path.name, f"{path.stat().st_size / 1e6:.1f}", run.stdout.strip())
    return table


def main() -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(description="Damage that ingest sees, memory that it takes.")
    what = parser.add_subparsers(dest="what", required=True)
    seen = what.add_parser("damage")
    seen.add_argument("--shards", type=Path)
    seen.add_argument("--photos", type=int, default=700)
    names = list(encoders(random.Random()))  # noqa: S311 - for the names alone
    seen.add_argument("--formats", nargs="+", choices=names, default=names)
    taken = what.add_parser("memory")
    taken.add_argument("--side", type=int, default=10_000)
    taken.add_argument("files", nargs="*", type=Path)
    given = parser.parse_args()
    if given.what == "damage":
        Console().print(damage(given.shards, given.photos, given.formats))
    else:
        Console().print(memory(given.files, given.side))


if __name__ == "__main__":
    main()
