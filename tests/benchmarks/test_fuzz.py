"""Every parser keeps its promises on made-up and damaged input, the same each time; the benchmark
runs the same targets for as long as one likes, with new input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.fuzz.__main__ import Tally, take_turn
from benchmarks.fuzz.targets import Target, targets


@pytest.mark.parametrize("name", targets())
def test_a_parser_keeps_its_promises(name):
    @settings(max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(targets()[name].strategy)
    def run(data):
        targets()[name].check(data)

    run()


def test_a_broken_promise_is_the_finding():
    def check(data):
        if len(data) > 3:
            raise KeyError("not promised")

    tally = Tally()
    take_turn(Target(targets()["exif"].strategy, check), tally, number=1, examples=50)
    assert tally.failure.startswith("KeyError: 'not promised'") and "data=b" in tally.failure
    sound = Tally()
    take_turn(Target(targets()["exif"].strategy, len), sound, number=1, examples=5)
    assert (sound.examples, sound.failure) == (5, "")


@pytest.mark.slow
def test_the_program_writes_its_record(tmp_path):
    command = [sys.executable, "-m", "benchmarks.fuzz", "--minutes", "0.001", "--seed", "3",
               "--targets", "exif", "--record", str(tmp_path / "fuzz.json")]  # fmt: skip
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0 and "peak memory" in done.stdout, done.stderr
    record = json.loads((tmp_path / "fuzz.json").read_bytes())
    assert record["seed"] == 3 and record["targets"]["exif"]["examples"] == 100
