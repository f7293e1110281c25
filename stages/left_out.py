"""Sources that no stage's code digest covers, with the reason."""

from __future__ import annotations

_RUN = (
    "how a stage is run; what it is given and how its results are kept is covered by "
    "FORMAT_VERSION in stages/engine/format.py"
)
_CHOICE = "which back end is chosen: its name, options and module are in the key"
_OPTIONS = "what options have in common: their values are in the key, or a back end's own module"
_WEIGHTS = "where weights lie: their digests are in the key"
_TRANSPORT = "how, when and at what price a request is sent, not what is asked or answered"

LEFT_OUT: dict[str, str] = {
    "stages/__init__.py": "the list of stages",
    "stages/__main__.py": "starts a stage",
    "stages/catalogue.py": "finds stages and reads params, which are in the key",
    "stages/left_out.py": "this list",
    "stages/engine/*": _RUN,
    "stages/models/registry/*": _CHOICE,
    "stages/models/profiles.yaml": _CHOICE,
    "stages/models/options.py": _OPTIONS,
    "stages/models/weights/*": _WEIGHTS,
    "stages/models/chat/cache.py": _TRANSPORT,
    "stages/models/chat/ledger.py": _TRANSPORT,
    "stages/models/chat/limits.py": _TRANSPORT,
    "stages/models/chat/retries.py": _TRANSPORT,
    "stages/models/chat/settings.py": _TRANSPORT,
}
"""Paths in the checkout (``*`` stands for any characters, ``/`` among them) to the reason. What is
imported only from them is not covered either."""
