"""Run the targets for a given time; see the package's docstring."""

from __future__ import annotations

import argparse
import datetime
import faulthandler
import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.fuzz import __doc__ as description
from benchmarks.fuzz.targets import Target, targets
from benchmarks.memory import read_peak
from benchmarks.stopping import UntilStopped

EXAMPLES = 100
"""Examples of one turn."""
_BUSY, _WAITING = 30.0, 600.0
"""Seconds of CPU time, and of any time, after which an example counts as a hang."""
_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much,
           HealthCheck.large_base_example)  # fmt: skip
"""Checks of hypothesis that are off: damaged input is large and slow to make."""
_MEMORY = 1500
"""Maximum resident memory in MB."""


@dataclass
class Tally:
    """What became of one target's examples."""

    examples: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    """CPU seconds of all examples with making them, and of the slowest one alone."""
    failure: str = ""


def take_turn(target: Target, tally: Tally, number: int, examples: int = EXAMPLES) -> None:
    """Run a target with new examples; update its tally.

    A hang ends the process with a traceback, since no exception reaches into a decoder.
    """
    faulthandler.register(signal.SIGPROF, chain=True)  # then its default: the process ends

    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, print_blob=True,
        suppress_health_check=_CHECKS, phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    @given(target.strategy)
    def run(data: object) -> None:
        faulthandler.dump_traceback_later(_WAITING, exit=True)
        signal.setitimer(signal.ITIMER_PROF, _BUSY)
        start = time.process_time()
        target.check(data)
        tally.examples += 1
        tally.slowest = max(tally.slowest, time.process_time() - start)

    start = time.process_time()
    try:
        run()
    except Exception as error:  # whatever a parser raises is the finding
        notes = "\n".join(getattr(error, "__notes__", []))
        tally.failure = f"{type(error).__name__}: {str(error)[:300]}\n{notes[:1000]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
        faulthandler.unregister(signal.SIGPROF)
        tally.seconds += time.process_time() - start


def run_for(seconds: float, names: list[str], first: int) -> Iterator[dict[str, Tally]]:
    """Yield the tallies after each turn until the time is up."""
    chosen = {name: target for name, target in targets().items() if name in names}
    tallies = {name: Tally() for name in chosen}
    end, number = time.monotonic() + seconds, first
    while time.monotonic() < end and not all(tally.failure for tally in tallies.values()):
        for name, target in chosen.items():
            if tallies[name].failure or time.monotonic() > end:
                continue
            take_turn(target, tallies[name], number)
            number += 1
            yield tallies


def main() -> None:
    """Run and print a line for each target; exit with 1 if one failed."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--targets", nargs="+", choices=sorted(targets()), default=list(targets()))
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() % 10**9, help="of the first turn"
    )
    parser.add_argument("--record", type=Path, help="file for the result as JSON")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    start, found = time.monotonic(), dict[str, Tally]()
    turns = UntilStopped(run_for(args.minutes * 60, args.targets, args.seed))
    for found in turns:
        if args.record:
            record = {
                "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
                "seed": args.seed,
                "minutes": round((time.monotonic() - start) / 60, 1),
                "cpu_minutes": round(time.process_time() / 60, 1),
                "peak_mb": read_peak() // 1024**2,
                "targets": {name: asdict(tally) for name, tally in found.items()},
            }
            args.record.write_text(json.dumps(record, indent=1) + "\n")
    for name, tally in found.items():
        print(f"{name:12} {tally.examples:9,} examples {tally.seconds:8.0f} s, slowest "
              f"{tally.slowest:6.2f} s  {'FAILED' if tally.failure else ''}")  # fmt: skip
    failures = {name: tally.failure for name, tally in found.items() if tally.failure}
    for name, failure in failures.items():
        print(f"\n{name}: {failure}", file=sys.stderr)
    print(f"peak memory: {read_peak() // 1024**2} MB")
    turns.exit_if_stopped()
    if failures or read_peak() // 1024**2 > _MEMORY:
        sys.exit(1)


if __name__ == "__main__":
    main()
