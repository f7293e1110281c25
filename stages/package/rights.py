"""Check whether licences allow a data set of altered photos to be passed on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

UNKNOWN = "unknown"
HUB = frozenset(Path(__file__).with_name("hub_licences.txt").read_text("utf-8").split())
"""Licence names of Hugging Face's cards (hub-docs, repositories-licenses), without ``unknown``,
``other`` and ``cc``, which does not say which Creative Commons licence it is."""
_NO_DERIVATIVES = re.compile(r"\bcc-by(-nc)?-nd\b", re.IGNORECASE)


def hub_name(licence: str) -> str | None:
    """Return the licence's name in the header of a card, or None."""
    return licence.lower() if licence.lower() in HUB else None


def find_problem(licence: str) -> str | None:
    """Return why a data set with photos of this licence must not be passed on, or None if it may.

    Only SPDX identifiers, expressions of them and the hub's names are recognised: free text of a
    ledger ("MIT (package); photographers not named") must be read by a person first.
    """
    if licence.lower() == UNKNOWN:
        return "no licence is given"
    try:
        known = "licenseref-" not in canonicalize_license_expression(licence).lower()
    except InvalidLicenseExpression:
        known = hub_name(licence) is not None
    if not known:
        return "not an SPDX identifier"
    if _NO_DERIVATIVES.search(licence):
        return "allows no altered copies"
    return None


def find_problems(licences: Iterable[str]) -> list[tuple[str, int, str]]:
    """Return licence, count and reason of those that must not be passed on, most frequent first."""
    counts = Counter(licences)
    found = [(name, count, why) for name, count in counts.items() if (why := find_problem(name))]
    return sorted(found, key=lambda item: (-item[1], item[0]))
