"""Measurements that can be stopped: what was measured so far is still printed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
STOPPED = 130
"""Exit status of a shell's command that Ctrl-C ended."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class UntilStopped(Generic[T]):
    """`items` until they end or Ctrl-C or SIGTERM comes while the next one is made.

    The work has to lie in making the items, not in what is done with them.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._items = items
        self.stopped = False

    def __iter__(self) -> Iterator[T]:
        # SIGINT too: a command that a script puts into the background starts with it ignored.
        before = {n: signal.signal(n, signal.default_int_handler) for n in _SIGNALS}
        try:
            yield from self._items
        except KeyboardInterrupt:
            self.stopped = True
            print("stopped: the figures are of what was measured so far", file=sys.stderr)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def leave(self) -> None:
        """End the process with `STOPPED` if it was stopped; after the last word."""
        if self.stopped:
            sys.exit(STOPPED)
