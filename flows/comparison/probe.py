"""Compare what two versions teach: the metrics of the probe (docs/usefulness.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from flows.comparison.versions import PACKAGE, Version
from stages.engine.storage.tables import MANIFEST

Number = Annotated[float, Field(allow_inf_nan=False)]
_MAX_BYTES = 2**20
_DIGITS = 16
"""Leading digits of digests that the probe records."""


class Interval(BaseModel):
    """A figure with its 95 % interval."""

    model_config = ConfigDict(frozen=True)

    value: Number
    low: Number
    high: Number

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.2f}-{self.high:.2f})"


class ProbeMetrics(BaseModel):
    """What the probe wrote; its figures are the fields that are intervals."""

    model_config = ConfigDict(frozen=True, extra="allow")

    data: str
    """Digest of the manifest of the version."""
    test: str
    """Digest of the pictures that it was measured on."""
    test_pairs: int

    def list_figures(self) -> dict[str, Interval]:
        """Return the figures by name."""
        found: dict[str, Interval] = {}
        for name, value in (self.__pydantic_extra__ or {}).items():
            if isinstance(value, dict):
                found[name] = TypeAdapter(Interval).validate_python(value)
        return found


ProbeRow = tuple[str, str, str, str]
"""Figure, before, after, difference."""


def compare_probes(before: Version, after: Version) -> list[ProbeRow]:
    """Compare the figures that both versions have; empty if one of them has no probe.

    Raises:
        FactoryError: a version's manifest is not here or damaged.
    """
    found = _read(before), _read(after)
    if found[0] is None or found[1] is None:
        return []
    current = [
        metrics.data == _digest_manifest(version)
        for version, metrics in ((before, found[0]), (after, found[1]))
    ]
    if not all(current):
        old, new = ("" if is_current else "of other pairs" for is_current in current)
        return [("probe", old, new, "run `dvc repro applications/dvc.yaml` there")]
    return list(_compare(found[0], found[1]))


def _compare(before: ProbeMetrics, after: ProbeMetrics) -> Iterator[ProbeRow]:
    if before.test != after.test:
        counts = f"{before.test_pairs} pairs", f"{after.test_pairs} pairs"
        yield "test pictures", *counts, "not the same: name one data set in probe.test for both"
    old, new = before.list_figures(), after.list_figures()
    for name in sorted(old.keys() & new.keys()):
        difference = new[name].value - old[name].value
        yield name.replace("_", " "), str(old[name]), str(new[name]), f"{difference:+.3f}"


def _read(version: Version) -> ProbeMetrics | None:
    """Read a version's metrics; None if it has none that can be read."""
    file = version.files.open_probe()
    if file is None:
        return None
    with file:
        try:
            found = ProbeMetrics.model_validate(json.loads(file.read(_MAX_BYTES)))
            found.list_figures()
        except (ValueError, ValidationError, RecursionError):
            return None
    return found


def _digest_manifest(version: Version) -> str:
    file = version.files.open(f"{PACKAGE}/{MANIFEST}")
    if file is None:
        return ""
    with file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]  # pyright: ignore
