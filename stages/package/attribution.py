"""Write ATTRIBUTION.md: who made the photos of a data set, under which licence, and what changed.

It gives what Creative Commons' licences ask for (title, creator, source, licence, changes) for
every published photo. It has no dates, so the same rows give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from stages.engine.storage.tables import select_columns
from stages.package.markdown import escape
from stages.package.rights import REFERENCE, UNKNOWN

FILE = "ATTRIBUTION.md"
HEADING = "# Attribution"
_COLUMNS = ("key", "licence", "title", "file_name", "creator", "origin")
_CHANGES = (
    "Every photo was turned upright, converted to sRGB, scaled down if it was large, and stripped "
    "of metadata; that copy is the member `real`. In `artifact` and `control` regions of it were "
    "rendered anew by a model (see README.md); `artifact` shows flaws that the photo does not "
    "have. The creators of the photos had no part in this and do not endorse it."
)
_CREATIVE_COMMONS = re.compile(r"CC-(BY(?:-NC)?(?:-ND|-SA)?)-(\d\.\d)(?:-([A-Z]{2,3}))?")
_PUBLIC_DOMAIN = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-PDM-1.0": "https://creativecommons.org/publicdomain/mark/1.0/",
}


def make_attribution(rows: Sequence[Mapping[str, Any]]) -> str:
    """Make the text of ATTRIBUTION.md from the manifest's rows, by licence and photo."""
    lines: dict[str, dict[str, str]] = {}
    for row in select_columns(rows, _COLUMNS):
        lines.setdefault(row["licence"], {})[row["key"]] = _line(row)
    parts = [f"{HEADING}\n\n{_CHANGES}\n"]
    for licence, found in sorted(lines.items()):
        links = "".join(f"\n{link}" for link in list_links(licence))
        ordered = "\n".join(found[key] for key in sorted(found))
        parts.append(f"## {escape(licence)}\n{links}\n\n{ordered}\n")
    return "\n".join(parts)


def _line(row: Mapping[str, Any]) -> str:
    words = [f"“{escape(row['title'] or row['file_name'])}”"]
    if row["creator"] != UNKNOWN:
        words.append(f"by {escape(row['creator'])}")
    words.append(
        "source not given" if row["origin"] == UNKNOWN else f"source: {escape(row['origin'])}"
    )
    return f"- `{row['key']}`: {', '.join(words)}"


def list_keys(text: str) -> set[str]:
    """Return the keys of the photos that an ATTRIBUTION.md lists."""
    return set(re.findall(r"^- `([0-9a-f]+)`: ", text, re.MULTILINE))


def list_links(licence: str) -> list[str]:
    """Return the addresses of the texts of an expression's licences; empty for unknown ones."""
    try:
        expression = canonicalize_license_expression(licence)
    except InvalidLicenseExpression:
        return []
    terms = re.sub(r" WITH \S+", "", expression)
    names = [name for name in re.findall(r"[^\s()]+", terms) if name not in ("AND", "OR")]
    return [_link(name) for name in dict.fromkeys(names) if not name.lower().startswith(REFERENCE)]


def _link(identifier: str) -> str:
    """Return Creative Commons' address of its own licences, and SPDX's of all others."""
    if match := _CREATIVE_COMMONS.fullmatch(identifier):
        kind, version, country = match.groups()
        port = f"{country.lower()}/" if country else ""
        return f"https://creativecommons.org/licenses/{kind.lower()}/{version}/{port}"
    known = _PUBLIC_DOMAIN.get(identifier)
    return known or f"https://spdx.org/licenses/{identifier.removesuffix('+')}.html"
