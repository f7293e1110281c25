"""Measure how well ingest detects damage, how much memory it takes, and how fast it groups photos.

    python -m benchmarks.ingest damage [--shards FOLDER] [--photos 700] [--formats JPEG WebP ...]
    python -m benchmarks.ingest memory [--side 10000] [FILE ...]
    python -m benchmarks.ingest groups [--photos 30000 100000 300000] [--distance 6]

``damage``: encodes photos of this checkout, and of the training shards where a folder of them is
given, and changes one, four or twenty bytes of their image data. Counts the undamaged files that
are refused, and how many of the visibly damaged ones are refused (visibly: more than 5 % of the
pixels differ by over 24 levels). When interrupted, it prints the counts so far.

``memory``: measures the peak of a process that decodes one file, for the given files or for
generated pictures of `side` x `side` pixels.

``groups``: times the search for near duplicates among random hashes, and among hashes of which a
quarter are near duplicates (tens within 4 bits) and a twentieth equal, as of black pictures.
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.quality.photos import list_checkout
from stages.engine.stage import RejectPhoto
from stages.engine.workspace import Workspace
from stages.ingest.damage import look_for_damage
from stages.ingest.decode import Limits, decode
from stages.ingest.near_duplicates import group_photos
from stages.ingest.stage import IngestParams

FLIPS = (1, 4, 20)
SHORT_SIDE = 384
_HEADER = 60
"""Bytes at the start that are not changed."""
# getrusage would report the parent's peak where that is larger.
_PEAK = """
import re, sys
from pathlib import Path
from stages.ingest.decode import Limits, decode
decode(Path(sys.argv[1]).read_bytes(), Limits(*map(int, sys.argv[2:])))
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


def make_encoders(rng: random.Random) -> dict[str, Callable[[Image.Image], bytes]]:
    """Map each format's name to a function that encodes a photo as cameras and tools do."""

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


def read_photos(shards: Path | None) -> Iterator[Image.Image]:
    """Yield the checkout's photos, reduced to the size of the shards', then the shards' photos."""
    for name in list_checkout():
        image = Image.open(Workspace.find().root / name).convert("RGB")
        scale = min(1.0, SHORT_SIDE / min(image.size))
        yield image.resize((round(image.width * scale), round(image.height * scale)))
    for shard in sorted(shards.glob("*.tar")) if shards else ():
        with tarfile.open(shard) as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.name.endswith(".webp") else None
                if stream:
                    yield Image.open(stream, formats=["WEBP"]).convert("RGB")


def default_limits() -> tuple[int, int, int]:
    """Return ingest's default limits."""
    params = IngestParams()
    return params.max_pixels, params.min_side, params.max_side


def decode_checked(data: bytes) -> np.ndarray | None:
    """Decode a photo as ingest does; None when it is refused."""
    try:
        values = np.asarray(decode(data, Limits(*default_limits())).image)
        look_for_damage(values)
    except RejectPhoto:
        return None
    return values.astype(np.int16)


def count_outcomes(name: str, data: bytes, rng: random.Random, counts: Counter[str]) -> None:
    """Count the outcomes of one photo, undamaged and damaged."""
    undamaged = decode_checked(data)
    counts[f"{name} undamaged"] += 1
    if undamaged is None:
        counts[f"{name} refused"] += 1
        return
    start = data.index(b"\xff\xda") + 14 if name == "JPEG" else _HEADER
    start = data.index(b"mdat") + 4 if name == "AVIF" else start
    for flips in FLIPS:
        changed = bytearray(data)
        for _ in range(flips):
            changed[rng.randrange(start, len(data) - 2)] = rng.randrange(256)
        damaged = decode_checked(bytes(changed))
        refused = damaged is None
        visible = refused or (np.abs(damaged - undamaged).max(axis=-1) > 24).mean() > 0.05
        counts[f"{name} {flips} visible"] += bool(visible)
        counts[f"{name} {flips} refused"] += refused


def measure_damage(shards: Path | None, max_photos: int, formats: list[str]) -> Table:
    """Make the table of detections and false alarms by format."""
    rng, counts = random.Random(0), Counter[str]()  # noqa: S311 - which bytes are changed
    kinds = {name: encode for name, encode in make_encoders(rng).items() if name in formats}
    with suppress(KeyboardInterrupt):
        for number, image in enumerate(read_photos(shards)):
            if number == max_photos:
                break
            for name, encode in kinds.items():
                count_outcomes(name, encode(image), rng, counts)
    table = Table(title="damage: refused out of visibly damaged, by bytes changed")
    for column in ("format", "undamaged", "of these refused", *map(str, FLIPS)):
        table.add_column(column, justify="right")
    for name in kinds:
        found = [f"{counts[f'{name} {n} refused']}/{counts[f'{name} {n} visible']}" for n in FLIPS]
        undamaged, refused = counts[f"{name} undamaged"], counts[f"{name} refused"]
        table.add_row(name, str(undamaged), str(refused), *found)
    return table


def write_large_pictures(side: int, folder: Path) -> Iterator[Path]:
    """Write one file of each format and mode that has its own memory cost."""
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


def measure_memory(files: list[Path], side: int) -> Table:
    """Make the table of peaks, each measured in a process of its own."""
    table = Table(title="peak memory of a worker")
    for column in ("file", "MB on disk", "MB peak"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as scratch, suppress(KeyboardInterrupt):
        for path in files or write_large_pictures(side, Path(scratch)):
            command = [sys.executable, "-c", _PEAK, str(path), *map(str, default_limits())]
            run = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            table.add_row(path.name, f"{path.stat().st_size / 1e6:.1f}", run.stdout.strip())
    return table


def make_hashes(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw perceptual hashes, ``(count,)`` of uint64, of photos of two kinds."""
    different = rng.integers(0, 2**64, count, dtype=np.uint64)
    similar = np.repeat(different[: count // 40], 10)
    for _ in range(4):
        bit = np.uint64(1) << rng.integers(0, 64, len(similar), dtype=np.uint64)
        similar ^= bit * (rng.random(len(similar)) < 0.5)
    black = np.zeros(count // 20, dtype=np.uint64)
    others = different[len(similar) + len(black) :]
    return {"random": different, "mixed": rng.permutation(np.concatenate([similar, black, others]))}


def measure_groups(counts: list[int], distance: int) -> Table:
    """Make the table of times of the search for near duplicates."""
    table = Table(title=f"near duplicates within {distance} bits")
    for column in ("hashes", "photos", "groups", "CPU seconds"):
        table.add_column(column, justify="right")
    with suppress(KeyboardInterrupt):
        for count in counts:
            for name, hashes in make_hashes(count, np.random.default_rng(0)).items():
                keys, texts = [str(n) for n in range(count)], [f"{h:016x}" for h in hashes]
                start = time.process_time()
                found = group_photos(keys, texts, distance)
                seconds = time.process_time() - start
                groups = len(set(found.values()))
                table.add_row(name, f"{count:,}", f"{groups:,}", f"{seconds:.2f}")
    return table


def main() -> None:
    """Print the table of the chosen command."""
    parser = argparse.ArgumentParser(description="Measure ingest.")
    commands = parser.add_subparsers(dest="command", required=True)
    damage = commands.add_parser("damage")
    damage.add_argument("--shards", type=Path)
    damage.add_argument("--photos", type=int, default=700)
    names = list(make_encoders(random.Random()))  # noqa: S311 - for the names alone
    damage.add_argument("--formats", nargs="+", choices=names, default=names)
    memory = commands.add_parser("memory")
    memory.add_argument("--side", type=int, default=10_000)
    memory.add_argument("files", nargs="*", type=Path)
    groups = commands.add_parser("groups")
    groups.add_argument("--photos", nargs="+", type=int, default=[30_000, 100_000, 300_000])
    groups.add_argument("--distance", type=int, default=IngestParams().near_duplicate_distance)
    args = parser.parse_args()
    if args.command == "damage":
        Console().print(measure_damage(args.shards, args.photos, args.formats))
    elif args.command == "groups":
        Console().print(measure_groups(args.photos, args.distance))
    else:
        Console().print(measure_memory(args.files, args.side))


if __name__ == "__main__":
    main()
