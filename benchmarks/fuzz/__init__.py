"""Feed damaged and made-up input to everything that parses.

    python -m benchmarks.fuzz --minutes 60
    python -m benchmarks.fuzz --minutes 5 --targets photo tar --record fuzz.json

The targets (`benchmarks.fuzz.targets`) take turns, a hundred examples each time, with new seeds
every time. A target fails if it raises anything but the errors that its parser promises, takes more
than 30 seconds of CPU time (or 10 minutes) for one example, or if the process grows beyond 1.5 GB.
A failing example is reduced by hypothesis and printed; its target stops. The test suite runs the
same targets with a few examples that are always the same.
"""
