"""The inspectors: one line each in `INSPECTORS`, chosen by name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from applications.params import read_section
from applications.protocols import Inspector
from stages.engine.section import Section
from stages.engine.workspace import FactoryError


@dataclass(frozen=True)
class BackEnd:
    """The class of an inspector, and the model of its section.

    Each is given as ``module:Name`` below this package and is imported on first use. The class is
    called with ``params``, its section, if it has one; without arguments otherwise.
    """

    class_path: str
    params: str = ""
    """Model of the section ``inspectors.<name>`` of applications/params.yaml; a `Section`."""


INSPECTORS: dict[str, BackEnd] = {
    "always-yes": BackEnd("baselines:AlwaysYes"),
    "never": BackEnd("baselines:Never"),
    "centre-box": BackEnd("baselines:CentreBox"),
    "whole-picture": BackEnd("baselines:WholePicture"),
    "compact": BackEnd("compact.inspector:CompactInspector", params="compact.params:CompactParams"),
    "chat": BackEnd("chat.inspector:ChatInspector", params="chat.params:ChatParams"),
    "vlm": BackEnd("vlm.inspector:VlmInspector", params="vlm.params:VlmParams"),
}
BASELINES = ("always-yes", "never", "centre-box", "whole-picture")
"""They look at nothing, and stand in every table."""


def load_inspector(name: str, params: Path | None = None) -> Inspector:
    """Create an inspector.

    Args:
        name: a key of `INSPECTORS`.
        params: the file with its section; default applications/params.yaml of this checkout.

    Raises:
        FactoryError: no such inspector, or its section is wrong, or what it needs is missing.
    """
    if name not in INSPECTORS:
        raise FactoryError(f"no inspector {name!r}: choose one of {', '.join(INSPECTORS)}")
    back_end = INSPECTORS[name]
    if not back_end.params:
        return _import(back_end.class_path)()
    model: type[Section] = _import(back_end.params)
    return _import(back_end.class_path)(params=read_section(("inspectors", name), model, params))


def _import(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
