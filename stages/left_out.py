"""Sources that the code digest of a stage leaves out, with the reasons."""

from __future__ import annotations

_RUN = (
    "runs stages; FORMAT_VERSION in stages/engine/format.py covers what a stage receives and how "
    "its results are stored"
)
_CHOICE = "chooses back ends: name, options and module of the chosen one are in the key"
_OPTIONS = "base of all options: their values and the back end's own module are in the key"
_TOOLS = "lists and loads tools: those that a stage uses are in the key as plugins, in their order"
_WEIGHTS = "finds weights: their digests are in the key"
_CARD = "describes the data set beside its shards; shapes no pair"
_TRANSPORT = "decides how, when and at what price a request is sent; changes no request or answer"

LEFT_OUT: dict[str, str] = {
    "stages/__init__.py": "the list of stages",
    "stages/__main__.py": "starts a stage",
    "stages/catalogue.py": "finds stages and reads params; params are in the key",
    "stages/left_out.py": "this list",
    "stages/tools/__init__.py": _TOOLS,
    "stages/*/plots.py": "counts finished rows for `dvc plots`",
    "stages/engine/*": _RUN,
    "stages/models/registry/*": _CHOICE,
    "stages/models/profiles.yaml": _CHOICE,
    "stages/models/options.py": _OPTIONS,
    "stages/models/weights/*": _WEIGHTS,
    "stages/package/attribution.py": _CARD,
    "stages/package/card.py": _CARD,
    "stages/package/croissant.py": _CARD,
    "stages/package/croissant_context.json": _CARD,
    "stages/package/hub_licences.txt": _CARD,
    "stages/package/markdown.py": _CARD,
    "stages/package/rights.py": _CARD,
    "stages/package/terms.py": _CARD,
    "stages/models/chat/cache.py": _TRANSPORT,
    "stages/models/chat/ledger.py": _TRANSPORT,
    "stages/models/chat/limits.py": _TRANSPORT,
    "stages/models/chat/retries.py": _TRANSPORT,
    "stages/models/chat/settings.py": _TRANSPORT,
}
"""Path in the checkout (``*`` stands for any characters, including ``/``) to reason. A module that
is imported only by these is left out too."""
