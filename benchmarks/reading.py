"""Measure how fast the published pairs are read, against the same files in a folder.

    python -m benchmarks.reading [--package data/package] [--pairs 96] [--rounds 3]

Copies pairs into a folder of single files and into shards (`--shards`), and reads both with the
readers of docs/reading.md in a DataLoader of one and of two workers: pictures a second, with all
six pictures of a pair decoded, and without decoding; and a second of processor time, which other
work on the machine disturbs least. In brackets the ratio to the folder. The readers take turns; the
figure is the best of the rounds. Files are in the page cache: a network or a disk would favour the
shards. When interrupted, prints what it has.
"""

from __future__ import annotations

import argparse
import io
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

os.environ["WDS_SECURE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import datasets
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info
from webdataset.compat import WebDataset

from benchmarks.meter import read_cpu_model
from benchmarks.stopping import UntilStopped
from stages.engine.storage.shard import read_samples, write_shard
from stages.engine.workspace import FactoryError

WORKERS = (1, 2)
BASELINE = "single files"
Members = dict[str, bytes]
Use = Callable[[Members], int]
"""Takes a pair's members and returns the number of its pictures."""


def decode(members: Members) -> int:
    """Decode all pictures of a pair."""
    pictures = [data for name, data in members.items() if name.endswith((".png", ".webp"))]
    for data in pictures:
        np.asarray(Image.open(io.BytesIO(data), formats=["PNG", "WEBP"]))
    return len(pictures)


def count(members: Members) -> int:
    """Count the pictures of a pair without decoding them."""
    return sum(name.endswith((".png", ".webp")) for name in members)


KINDS: dict[str, Use] = {"decoded": decode, "not decoded": count}


class Folder(Dataset):
    """Single files: ``<pair>.<member>``."""

    def __init__(self, folder: Path, use: Use) -> None:
        self.use = use
        self.pairs: dict[str, list[Path]] = {}
        for path in sorted(folder.iterdir()):
            self.pairs.setdefault(path.name.partition(".")[0], []).append(path)
        self.keys = list(self.pairs)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.keys)

    def __getitem__(self, number: int) -> int:
        """Read a pair."""
        paths = self.pairs[self.keys[number]]
        return self.use({p.name.partition(".")[2]: p.read_bytes() for p in paths})


class Places(Dataset):
    """Shards, one read a pair by its place."""

    def __init__(self, places: list[tuple[Path, int, int]], use: Use) -> None:
        self.places, self.use = places, use

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.places)

    def __getitem__(self, number: int) -> int:
        """Read a pair."""
        path, start, stop = self.places[number]
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(stop - start)
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            return self.use({i.name.partition(".")[2]: _extract(tar, i) for i in tar})


class Loop(IterableDataset):
    """Shards, read forwards with `tarfile`; each worker has its own."""

    def __init__(self, shards: list[Path], use: Use) -> None:
        self.shards, self.use = shards, use

    def __iter__(self) -> Iterator[int]:
        """Read the worker's pairs."""
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for path in self.shards[first::step]:
            members: Members = {}
            last = ""
            with tarfile.open(path, "r|") as tar:
                for info in tar:
                    key, _, name = info.name.partition(".")
                    if key != last and members:
                        yield self.use(members)
                        members = {}
                    members[name], last = _extract(tar, info), key
            if members:
                yield self.use(members)


def _extract(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    content = tar.extractfile(info)
    return content.read() if content else b""


def read_stream(shards: list[Path], use: Use) -> Any:
    """Return webdataset's pipeline."""
    urls = list(map(str, shards))
    return WebDataset(urls, shardshuffle=False, empty_check=False).map(use)


def read_hugging_face(shards: list[Path], use: Use) -> Any:
    """Return the pipeline of `datasets`, streaming."""
    files = list(map(str, shards))
    pairs: Any = datasets.load_dataset(
        "webdataset", data_files=files, split="train", streaming=True
    )
    if use is count:
        return pairs.decode(False).map(_count_columns, remove_columns=pairs.column_names)
    return pairs.map(_decode_columns, remove_columns=pairs.column_names)


def _count_columns(pair: dict[str, Any]) -> dict[str, int]:
    return {"pictures": count(pair)}


def _decode_columns(pair: dict[str, Any]) -> dict[str, int]:
    pictures = [value for value in pair.values() if isinstance(value, Image.Image)]
    for picture in pictures:
        np.asarray(picture)
    return {"pictures": len(pictures)}


def write_copies(package: Path, pairs: int, shards: int, folder: Path) -> list[Path]:
    """Write pairs of a data set as single files and as shards; return the shards.

    Raises:
        FactoryError: the data set has no shards.
    """
    samples = list(islice(_read_package(package), pairs))
    (folder / "files").mkdir()
    for key, members in samples:
        for name, data in members.items():
            (folder / "files" / f"{key}.{name}").write_bytes(data)
    size = -(-len(samples) // shards)
    paths = [folder / f"train-{number:05d}.tar" for number in range(-(-len(samples) // size))]
    for number, path in enumerate(paths):
        write_shard(path, samples[number * size : (number + 1) * size])
    return paths


def _read_package(package: Path) -> Iterator[tuple[str, Members]]:
    found = sorted(package.glob("*.tar"))
    if not found:
        raise FactoryError(f"no shard in {package}: run `flawfactory build` first")
    for path in found:
        with path.open("rb") as file:
            yield from read_samples(file)


def find_places(shards: list[Path]) -> list[tuple[Path, int, int]]:
    """Return the place of each pair, as the manifest gives it."""
    places: dict[str, tuple[Path, int, int]] = {}
    for path in shards:
        with tarfile.open(path) as tar:
            for info in tar:
                key = info.name.partition(".")[0]
                start = places[key][1] if key in places else info.offset
                places[key] = path, start, info.offset_data + -(-info.size // 512) * 512
    return list(places.values())


def make_readers(folder: Path, shards: list[Path], use: Use) -> dict[str, Any]:
    """Return the readers' data sets by name; the baseline first."""
    return {
        BASELINE: Folder(folder / "files", use),
        "tarfile": Loop(shards, use),
        "webdataset": read_stream(shards, use),
        "datasets, streaming": read_hugging_face(shards, use),
        "by place, in order": Places(find_places(shards), use),
        "by place, at random": Places(find_places(shards), use),
    }


class Rates(NamedTuple):
    """Pictures a second."""

    wall: float
    """After the first pair, so without the time to start the workers."""
    cpu: float
    """Per second of processor time of all processes."""


def measure(name: str, pairs: Any, workers: int) -> Rates:
    """Read all pairs once."""
    before = sum(os.times()[:4])
    shuffle = True if name.endswith("random") else None
    found = iter(DataLoader(pairs, batch_size=None, num_workers=workers, shuffle=shuffle))
    first = _number(next(found))
    start = time.perf_counter()
    pictures = sum(map(_number, found))
    wall = time.perf_counter() - start
    del found  # ends the workers, whose time counts from then on
    return Rates(pictures / wall, (first + pictures) / max(sum(os.times()[:4]) - before, 0.01))


def _number(item: Any) -> int:
    return int(item["pictures"] if isinstance(item, dict) else item)


Figures = dict[tuple[str, str, int], Rates]
"""What is read how, by how many workers, to the best of the rounds."""


def run(
    folder: Path, shards: list[Path], rounds: int
) -> Iterator[tuple[tuple[str, str, int], Rates]]:
    """Yield the figures of each round; the readers take turns."""
    for _ in range(rounds):
        for kind, use in KINDS.items():
            for workers in WORKERS:
                for name, pairs in make_readers(folder, shards, use).items():
                    yield (kind, name, workers), measure(name, pairs, workers)


def make_tables(best: Figures) -> Iterator[Table]:
    """Make a table of decoded pictures, and one of undecoded."""
    for kind in KINDS:
        table = Table(title=f"pictures a second, {kind}")
        for column in ("reader", "1 worker", "2 workers", "by processor time"):
            table.add_column(column, justify="left" if column == "reader" else "right")
        for name in dict.fromkeys(name for of_kind, name, _ in best if of_kind == kind):
            cells = [_make_cell(best, kind, name, workers, "wall") for workers in WORKERS]
            table.add_row(name, *cells, _make_cell(best, kind, name, 1, "cpu"))
        yield table


def _make_cell(best: Figures, kind: str, name: str, workers: int, field: str) -> str:
    """Return a rate, and its ratio to the baseline."""
    rates = (best.get((kind, reader, workers)) for reader in (name, BASELINE))
    rate, base = (getattr(found, field) if found else 0 for found in rates)
    return f"{rate:,.0f} ({rate / base:.2f})" if rate and base else ""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=Path("data/package"))
    parser.add_argument("--pairs", type=int, default=96)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    best: Figures = {}
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shards = write_copies(given.package, given.pairs, given.shards, folder)
        figures = UntilStopped(run(folder, shards, given.rounds))
        for key, rates in figures:
            known = best.get(key, rates)
            best[key] = Rates(*map(max, rates, known))
    load = os.getloadavg()[0]
    print(f"{read_cpu_model()}, {os.cpu_count()} cores, load {load:.1f}, {len(shards)} shards")
    for table in make_tables(best):
        Console().print(table)
    figures.exit_if_stopped()


if __name__ == "__main__":
    main()
