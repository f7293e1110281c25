"""Things that may differ between two versions besides their pairs: params, code, models ..."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CHANGE_NO_PAIR = frozenset({"gate", "licences", "published", "version"})
"""Params of stages that change no pair."""


@dataclass(frozen=True)
class Move:
    """One thing that differs between two versions."""

    kind: str
    """``param``, ``code``, ``prompt``, ``model``, ``photos`` or ``reviews``."""
    what: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        if self.kind == "reviews":
            return f"people's verdicts ({self.what}/)"
        name = self.what if self.kind == "param" else f"{self.kind} {self.what}"
        return f"{name}: {self.before} -> {self.after}" if self.before or self.after else name


Moves = Mapping[str, tuple[Move, ...]]
"""Stage to what moved in it."""


def compare_params(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Move]:
    """Compare sections of params.yaml, without `CHANGE_NO_PAIR`."""
    values = [_flatten(_without(found)) for found in (before, after)]
    for name in sorted(values[0].keys() | values[1].keys()):
        old, new = (str(found.get(name, "not set")) for found in values)
        if old != new:
            yield Move("param", name, old, new)


def _without(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {key: value for key, value in section.items() if key not in CHANGE_NO_PAIR}
        for name, section in sections.items()
        if isinstance(section, dict)
    }


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= _flatten(inner, f"{prefix}.{name}" if prefix else str(name))
    return found
