"""The version of the engine that every store key contains, raised by hand.

Raise it when a change to the engine changes what `Stage.process` receives or how its result is
stored. Do not raise it for anything else, such as a log line: it recomputes every result.
"""

FORMAT_VERSION = 1
