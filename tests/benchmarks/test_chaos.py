import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks.chaos.__main__ import make_table
from benchmarks.chaos.checkout import TOKEN, Checkout
from benchmarks.chaos.nulls import Halves, Still
from benchmarks.chaos.reference import SCAN, Part, Reference, copy_without
from benchmarks.chaos.trial import TARGETS, Kill, Outcome, draw, with_token
from flows.sources import HASHES


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    """A finished build of two stages, as far as files go."""
    checkout = Checkout(tmp_path / "reference")
    made = {
        SCAN: ["data/sources/photos/00000.jsonl"],
        "ingest": ["data/ingest/out", "data/.store/ab/1", ".dvc/cache/runs/ab/abc/def"],
        "perceive": ["data/perceive/out", "data/.store/cd/2", "data/.report/shown"],
    }
    for name in [name for names in made.values() for name in names]:
        (checkout.root / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.root / name).write_text(name)
    lock = {"stages": {"ingest": {}, "perceive": {}}}
    (checkout.root / "dvc.lock").write_text(yaml.safe_dump(lock))
    (checkout.folder / "photos").mkdir()
    parts = {
        name: Part(name, 10.0, 8.0, frozenset(f"checkout/{path}" for path in [*paths, *more]))
        for name, paths in made.items()
        for more in [["dvc.lock"] if name == "ingest" else []]
    }
    return Reference(checkout, parts, frozenset(checkout.files()), checkout.digests())


def test_a_copy_lacks_what_one_part_made_and_keeps_the_rest(
    reference: Reference, tmp_path: Path
) -> None:
    copy = copy_without(reference, "ingest", tmp_path / "trial")
    lacking = reference.files - copy.files()
    made = reference.parts["ingest"].made - {"checkout/dvc.lock"}
    assert lacking == made | {"checkout/data/.report/shown"}
    assert not (
        copy.root / ".dvc" / "cache" / "runs"
    ).exists()  # DVC fails on an empty folder of runs
    assert yaml.safe_load((copy.root / "dvc.lock").read_text()) == {"stages": {"perceive": {}}}
    assert {name for name in copy.digests() if "perceive" in name}


def test_the_cache_of_hashes_is_not_left_over_but_its_temporary_file_is(
    reference: Reference,
) -> None:
    cache = reference.checkout.root / "data" / HASHES
    cache.parent.mkdir()
    cache.touch()
    cache.with_suffix(".tmp").touch()
    left = reference.checkout.files() - reference.files
    assert left == {"checkout/data/.cache/hashes.tmp"}


def test_kills_take_turns_and_are_the_same_for_a_seed(reference: Reference) -> None:
    kills = [draw(number, "null", 3, reference) for number in range(60)]
    assert kills == [draw(number, "null", 3, reference) for number in range(60)]
    assert [kill.target for kill in kills[:3]] == list(TARGETS)
    assert {kill.part for kill in kills if kill.target == "flow"} == reference.parts.keys()
    assert SCAN not in {kill.part for kill in kills if kill.target != "flow"}
    assert all(0 <= kill.share < 1 for kill in kills)


@pytest.mark.parametrize(
    "worse",
    [{"hit": False}, {"resumed": False}, {"differing": ["dvc.lock"]}, {"repeated": 3},
     {"children": 1}, {"left": ["data/.x"]}],
)  # fmt: skip
def test_an_outcome_passes_only_if_all_of_it_is_good(worse: dict) -> None:
    kill = Kill(0, "null", "flow", "map", 0.5)
    good = {"hit": True, "resumed": True, "repeated": 2}
    assert Outcome(kill, **good).passed(workers=2)
    outcome = Outcome(kill, **{**good, **worse})
    assert not outcome.passed(workers=2)
    assert make_table([Outcome(kill, **good), outcome]).row_count == 1


def test_processes_are_found_by_the_token_that_they_inherit() -> None:
    environment = {**os.environ, TOKEN: "of this test"}
    command = [sys.executable, "-c", "print(1, flush=True); input()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        process.stdout.readline()
        assert [found.pid for found in with_token("of this test")] == [process.pid]
        process.communicate(b"\n")
    assert with_token("of this test") == []


def test_null_models_give_back_colours_and_two_parts() -> None:
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:16, 16:32] = (200, 100, 50)
    flow = Still()
    tokens = flow.encode(picture)
    assert tokens.shape == (1, 6, 64) and not flow.velocity(tokens, 0.5).any()
    assert np.allclose(flow.decode_whole(tokens[0], (2, 3))[0], picture, atol=0.01)
    crop = flow.decode_crop(tokens[0, 1:2], (1, 1), None, (0, 0, 16, 8))
    assert crop.shape == (16, 8, 3) and np.allclose(crop, (200, 100, 50), atol=0.01)
    (entity,) = Halves().perceive(picture)
    assert [part.name for part in entity.parts] == ["left half", "right half"]
