from dataclasses import replace

import pytest
from PIL import Image

from benchmarks.scale import run
from benchmarks.scale.__main__ import Size, describe_growth, fit_exponent, prepare, tabulate

SMALL = Size(
    photos=100, pairs=90, wall=20.0, stages={"ingest": 4.0, "map": 6.0},
    cpu={"engine": 1.0, "process": 2.0, "models": 0.5, "codecs": 0.5},
    flow_cpu=3.0, flow_codecs=1.0,
    peaks={"driver": 300_000_000, "worker": 200_000_000, "flow": 400_000_000},
    idle_wall=2.5, idle_cpu=2.0,
)  # fmt: skip
LARGE = replace(
    SMALL, photos=1000, cpu={kind: 20 * seconds for kind, seconds in SMALL.cpu.items()},
    peaks=SMALL.peaks | {"driver": 300_900_000},
)  # fmt: skip


def test_the_exponent_is_the_slope_between_sizes():
    assert fit_exponent([SMALL, LARGE]) == pytest.approx(1.301, abs=1e-3)
    first, second = describe_growth([SMALL, LARGE])
    assert "exponent 1.301" in first and "driver 1.00 kB, worker 0.00 kB" in first
    assert second.endswith("1.301") and describe_growth([SMALL]) == []


def test_tables_have_milliseconds_a_photo_and_megabytes():
    times, memory = tabulate([SMALL])
    cells = [next(iter(column.cells)) for column in times.columns]
    assert cells == ["100", "90", "100.0", "10.0", "20.0", "5.0", "5.0", "20.0", "10.0"]
    assert [next(iter(column.cells)) for column in memory.columns][1:4] == ["300", "200", "400"]


def test_photos_differ_and_have_one_variant_each(tmp_path):
    made = prepare(tmp_path / "x", 3)
    pictures = sorted((made.folder / "photos").rglob("*.png"))
    assert len({path.read_bytes() for path in pictures}) == 3
    assert Image.open(pictures[0]).size == (64, 64)


def test_inner_calls_are_not_counted_twice(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(run.time, "thread_time", lambda: float(next(clock)))
    monkeypatch.setattr(run, "_spent", {"models": 0.0, "process": 0.0})
    inner = run._metered(lambda: None, "models")
    run._metered(lambda: (inner(), inner()), "process")()
    assert run._spent == {"models": 2.0, "process": 3.0}
