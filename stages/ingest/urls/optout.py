"""Honour what the owners of pictures say about their use: robots.txt and response headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from protego import Protego

from stages.ingest.urls.settings import AGENT

MAX_ROBOTS = 512 * 1024
"""Maximum bytes of a robots.txt that are read: RFC 9309 asks for at least 500 KiB."""
MAX_DELAY = 60.0
"""Maximum ``Crawl-delay`` that is waited for, in seconds."""
_GROUP = re.compile(r"\s*user(?:-|\s*)agent\b\s*:?([^#]*)", re.IGNORECASE)
"""A line that names a robot, as liberally as protego reads it."""
_RESERVED = frozenset({"noai", "noimageai"})
_WITH_VALUE = frozenset(
    {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
)
"""Directives that contain a colon; any other word before a colon names a robot."""


class Rules:
    """The rules of one host's robots.txt for the factory."""

    def __init__(self, text: str = "") -> None:
        """Parse the file; an empty one allows everything."""
        lines = text.removeprefix("\ufeff").splitlines()
        self._parsed = Protego.parse("\n".join(map(_join_others, lines)))

    def allows(self, url: str) -> bool:
        """Return whether the URL may be fetched."""
        return self._parsed.can_fetch(url, AGENT)

    @property
    def delay(self) -> float:
        """Seconds to leave between two requests."""
        asked = self._parsed.crawl_delay(AGENT) or 0.0
        return min(asked, MAX_DELAY) if asked > 0 else 0.0  # neither below 0 nor NaN


def _join_others(line: str) -> str:
    """Give all other robots one name.

    protego keeps the rules of a group for each robot that the group names: half a megabyte of names
    and rules would become gigabytes.
    """
    if not (named := _GROUP.match(line)):
        return line
    name = named[1].strip().lower()
    return f"User-agent: {name if name in (AGENT, '*') else 'other'}"


def find_reservation(headers: Mapping[str, Iterable[str]]) -> str | None:
    """Return the header that forbids training on the response, or None.

    ``X-Robots-Tag`` with ``noai`` or ``noimageai``, for everybody or for the factory by name, and
    ``TDM-Reservation: 1`` (the W3C community group's protocol for the EU's directive 2019/790).

    Args:
        headers: names in lower case to all values.
    """
    for value in headers.get("x-robots-tag", ()):
        name, colon, rest = value.partition(":")
        name = name.strip().lower()
        directives = value
        if colon and "," not in name and name not in _WITH_VALUE:
            if name not in (AGENT, "*"):
                continue
            directives = rest
        words = {word.strip().lower() for word in directives.split(",")}
        if found := sorted(words & _RESERVED):
            return f"X-Robots-Tag: {found[0]}"
    if any(value.strip() == "1" for value in headers.get("tdm-reservation", ())):
        return "TDM-Reservation: 1"
    return None
