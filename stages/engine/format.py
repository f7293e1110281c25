"""The engine's share of every store key, bumped by hand.

Bump it when a change of the engine changes what a stage's `process` is given, what the engine's
masks and images make of it, or how its result is kept; not for a log line, or a hundred thousand
pairs would be computed again.
"""

FORMAT_VERSION = 1
