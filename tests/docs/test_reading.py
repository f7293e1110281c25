"""Run every Python block of docs/reading.md against a small data set, and count what it reads."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest
from published_set import write_set

from stages.package.members import ImageFormat
from stages.records.masks import bounding_box

PAGE = Path(__file__).parents[2] / "docs" / "reading.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NEEDS = {
    "A plain loop": ("One sample",),
    "webdataset": ("One sample",),
    "Hugging Face datasets": ("One sample",),
    "PyTorch": ("One sample", "A plain loop"),
    "From S3 or HTTP": ("One sample", "PyTorch"),
}
"""Sections whose names a section uses."""


def read_sections() -> dict[str, list[str]]:
    """Return the Python blocks of the page by the section of second level."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {name: blocks for name, text in sections.items() if (blocks := _BLOCK.findall(text))}


SECTIONS = read_sections()


def run(section: str, names: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run a section's blocks after those that it needs; return the names that they define."""
    names = {"__name__": "reading"} if names is None else names
    for needed in NEEDS.get(section, ()):
        if needed not in names:
            run(needed, names)
    webp = Path("data/package/manifest.parquet").read_bytes().count(b"sha256.real.webp")
    for block in SECTIONS[section]:
        if webp:
            block = block.replace('["artifact.png"]', '["artifact.webp"]')
        exec(compile(block, f"{PAGE.name}: {section}", "exec"), names)
    names[section] = True
    return names


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders by image format."""
    folder = tmp_path_factory.mktemp("checkouts")
    for image_format in get_args(ImageFormat):
        write_set(folder / image_format / "data" / "package", image_format=image_format)
    return folder


@pytest.fixture
def here(request: pytest.FixtureRequest, checkouts: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout as current folder, without the user's caches and network."""
    import datasets

    checkout = checkouts / getattr(request, "param", "png")
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("WDS_SECURE", "1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", checkout / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return checkout


def read_keys(split: str = "train", **wanted: object) -> Counter[str]:
    """Return the pairs of the manifest, each counted once."""
    rows = pq.read_table("data/package/manifest.parquet").to_pylist()
    wanted = {"split": split, **wanted}
    return Counter({r["pair"] for r in rows if all(r[n] == v for n, v in wanted.items())})


def count(batches: Iterable[list[dict]]) -> Counter[str]:
    return Counter(pair["key"] for batch in batches for pair in batch)


def first_shard() -> Iterator[str]:
    return (r["pair"] for r in pq.read_table("data/package/manifest.parquet").to_pylist()
            if r["shard"] == "train-00000.tar")  # fmt: skip


def test_every_section_with_code_is_run() -> None:
    assert set(SECTIONS) == {"One sample", *NEEDS}


@pytest.mark.parametrize("here", get_args(ImageFormat), indirect=True)
def test_the_plain_loop_reads_each_pair_with_its_types(here: Path) -> None:
    names = run("A plain loop")
    samples = list(names["read_shard"]("data/package/train-00000.tar"))
    pairs = [names["decode"](sample) for sample in samples]
    assert [pair["key"] for pair in pairs] == list(dict.fromkeys(first_shard()))
    for sample, pair in zip(samples, pairs, strict=True):
        height, width = pair["mask"].shape
        for name in ("real", "artifact", "control"):
            assert pair[name].shape == (height, width, 3) and pair[name].dtype == "uint8"
        assert pair["mask"].dtype == bool and ((pair["index"] > 0) == pair["mask"]).all()
        assert pair["boxes"].shape == (len(pair["texts"]), 4)
        for number, box in enumerate(pair["boxes"].tolist()):
            assert tuple(box) == bounding_box(pair["index"] == number + 1)
        record = names["parse"](sample)
        assert [flaw.text for flaw in record.flaws] == pair["texts"]
        assert [flaw.label for flaw in record.flaws] == pair["labels"]
        assert record.explanation.overall == pair["overall"]


@pytest.mark.slow
def test_webdataset_reads_every_pair_once_an_epoch(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run("webdataset")
    for workers, epochs in ((0, 1), (2, 2), (4, 1)):  # of which one has no shard
        loader = names["make_loader"]("train", batch=4, workers=workers)
        for _ in range(epochs):
            batches = list(loader)
            assert count(batches) == read_keys()
            assert {len(batch) for batch in batches[:-1]} == {4}
    found: Counter[str] = Counter()
    for rank in range(2):
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", str(rank))
        found += count(names["make_loader"]("train", batch=4, workers=2))
    assert found == read_keys()


@pytest.mark.slow
def test_webdataset_drawn_with_replacement_has_an_epoch_of_fixed_length(here: Path) -> None:
    names = run("webdataset")
    pairs = read_keys().total()
    for ranks in (1, 2):
        loader = names["make_endless_loader"]("train", batch=2, workers=2, ranks=ranks)
        drawn = count(loader)
        assert drawn.total() == pairs // (2 * ranks) * 2 and set(drawn) <= set(read_keys())


@pytest.mark.slow
@pytest.mark.parametrize("here", get_args(ImageFormat), indirect=True)
def test_datasets_reads_the_splits_streaming_and_not(here: Path) -> None:
    names = run("Hugging Face datasets")
    for split, part in names["pairs"].items():
        assert Counter(part["__key__"]) == read_keys(split)
    rows = pq.read_table("data/package/manifest.parquet", columns=["split"])
    assert set(names["pairs"]) == set(rows["split"].to_pylist()) != {"train"}
    stream = names["stream"]
    assert Counter(pair["__key__"] for pair in stream) == read_keys()
    assert names["pairs"]["train"].features == stream.features


@pytest.mark.slow
def test_torch_reads_every_pair_once_an_epoch(here: Path) -> None:
    names = run("PyTorch")
    for _ in range(2):
        assert count(names["loader"]) == read_keys()
    extra = [pair["key"] for pair in names["extra"]]
    assert Counter(extra) == read_keys(tool="add", part_kind="hand") != Counter()
    for workers in (0, 4):
        shards = names["Shards"]("data/package", "train")
        loader = names["DataLoader"](shards, 4, num_workers=workers, collate_fn=list)
        assert count(loader) == read_keys()


@pytest.fixture
def bucket(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The data set in a bucket of an S3 server on loopback."""
    import datasets
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "one",
        "AWS_SECRET_ACCESS_KEY": "two",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": host,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)  # true refuses loopback, too
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", here / "downloads")
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("my-bucket")
    files.put("data/package/", "my-bucket/pairs/", recursive=True)
    yield "s3://my-bucket/pairs"
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.slow
def test_a_bucket_is_read_and_verified(bucket: str) -> None:
    from flows.published.verify import verify_copy

    names = run("From S3 or HTTP")
    assert count([names["remote"]]) == read_keys()
    loader = names["DataLoader"](names["remote"], 4, num_workers=2, collate_fn=list)
    assert count(loader) == read_keys()
    assert Counter(names["downloaded"]["__key__"]) == read_keys()
    pairs = len(set(pq.read_table("data/package/manifest.parquet")["pair"].to_pylist()))
    assert verify_copy(bucket) == (pairs, [])
    assert verify_copy(bucket, sample=3) == (3, [])
