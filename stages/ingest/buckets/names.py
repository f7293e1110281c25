"""Check the names of objects, which become names of files: whoever may write to the bucket chooses
them."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME = 255
"""Maximum bytes of one part of a name, as file systems have it."""
_VERSION = "?versionId="
"""The client takes this and what follows for a version of another object."""
_UNSAFE_PART = re.compile(r"(?:^|(?<=/))\.{1,2}(?=/|$)")


def find_fault(key: str) -> str | None:
    """Return why a name cannot become the path of a file below the bucket's folder; None if it can.

    Args:
        key: the object's name, without the bucket.
    """
    parts = key.split("/")
    if "" in parts:
        return "has an empty part ('//', or '/' at its beginning)"
    if "." in parts or ".." in parts:
        return "has a part '.' or '..'"
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in key):
        return "has control characters"
    if max(len(part.encode()) for part in parts) > MAX_NAME:
        return f"has a part of more than {MAX_NAME} bytes"
    if _VERSION in key:
        return f"contains '{_VERSION}'"
    return None


def escape(key: str) -> str:
    """Return a name with a fault as printable text without parts ``.`` and ``..``: the characters
    in question are percent-encoded, so that different names stay different."""
    key = key.replace("%", "%25")
    key = _UNSAFE_PART.sub(lambda found: "%2E" * len(found.group()), key)
    return "".join(c if c.isprintable() else _percent(c) for c in key)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def walk_order(key: str) -> list[tuple[bool, bytes]]:
    """Return the sort key that puts names in the order in which a folder is walked
    (`stages.ingest.walk`): the files of a folder, then its folders, compared as bytes."""
    *folders, name = (part.encode() for part in key.split("/"))
    return [*((True, folder) for folder in folders), (False, name)]
