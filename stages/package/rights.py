"""Which licences let a data set of altered photos be passed on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

UNKNOWN = "unknown"
HUB = frozenset(Path(__file__).with_name("hub_licences.txt").read_text("utf-8").split())
"""What Hugging Face's cards may name (hub-docs, repositories-licenses), without ``unknown``,
``other`` and ``cc``, which leaves open which of the Creative Commons licences it is."""
_NO_DERIVATIVES = re.compile(r"\bcc-by(-nc)?-nd\b", re.IGNORECASE)


def hub_name(licence: str) -> str | None:
    """How the header of a card names this licence, where it can."""
    return licence.lower() if licence.lower() in HUB else None


def problem(licence: str) -> str | None:
    """Why a data set with this licence's photos must not be passed on; None where it may be.

    Only SPDX identifiers, expressions of them and the hub's names are understood: a ledger's free
    words ("MIT (package); photographers not named") are for a person to read first.
    """
    if licence.lower() == UNKNOWN:
        return "nobody named a licence"
    try:
        known = "licenseref-" not in canonicalize_license_expression(licence).lower()
    except InvalidLicenseExpression:
        known = hub_name(licence) is not None
    if not known:
        return "not an SPDX identifier"
    if _NO_DERIVATIVES.search(licence):
        return "allows no altered copies"
    return None


def problems(licences: Iterable[str]) -> list[tuple[str, int, str]]:
    """Licence, how often and why not, of those that must not be passed on; most frequent first."""
    counts = Counter(licences)
    found = [(name, count, why) for name, count in counts.items() if (why := problem(name))]
    return sorted(found, key=lambda item: (-item[1], item[0]))
