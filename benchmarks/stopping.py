"""Stop a measurement early and still print what has been measured so far."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
STOPPED = 130
"""Exit status of a shell command that Ctrl-C ended."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class UntilStopped(Generic[T]):
    """Iterate over `items` until they end, or until Ctrl-C or SIGTERM arrives.

    The signals are handled while the next item is made, so the work has to be done in making the
    items, not in the loop over them.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._items = items
        self.stopped = False

    def __iter__(self) -> Iterator[T]:
        # SIGINT needs a handler too: commands that a script starts in the background ignore it.
        before = {n: signal.signal(n, signal.default_int_handler) for n in _SIGNALS}
        try:
            yield from self._items
        except KeyboardInterrupt:
            self.stopped = True
            print("stopped: the figures cover what was measured so far", file=sys.stderr)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def exit_if_stopped(self) -> None:
        """Exit with status `STOPPED` if the measurement was stopped; call it after printing."""
        if self.stopped:
            sys.exit(STOPPED)
