"""Check the files beside the shards: their digests in ``croissant.json``, and the provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from pydantic import ValidationError

from flows.published.location import MAX_TABLE_BYTES, Location
from flows.published.manifest import Manifest
from stages.engine.files import parse_json
from stages.engine.workspace import FactoryError
from stages.package.croissant import CROISSANT, FILES
from stages.package.provenance import PROVENANCE, ProvenanceFile

Problem = tuple[str, str]
"""File and what is wrong with it."""
_MAX_BYTES = 2**26
_BLOCK = 2**20


def check_described(location: Location, manifest: Manifest) -> Iterator[Problem]:
    """Check the files of a data set whose records are of a version that has them; older data sets
    have none."""
    rows = [row for promise in manifest.pairs.values() for row in promise.flaws]
    if not rows or "code_sha256" not in rows[0]:
        return
    try:
        yield from _check_digests(location)
    except FactoryError as error:
        yield CROISSANT, str(error)
    except (ValueError, KeyError, TypeError) as error:
        yield CROISSANT, f"is no description of the files: {type(error).__name__}"
    try:
        found = ProvenanceFile.model_validate_json(location.read(PROVENANCE, _MAX_BYTES))
    except FactoryError as error:
        yield PROVENANCE, str(error)
        return
    except ValidationError as error:
        yield PROVENANCE, f"is not as docs/format.md describes it: {error.errors()[0]['msg']}"
        return
    for name in ("code_sha256", "params_sha256"):
        if others := {row[name] for row in rows} - {getattr(found, name)}:
            yield PROVENANCE, f"its {name} is not that of the pairs ({min(others)})"


def _check_digests(location: Location) -> Iterator[Problem]:
    content: Any = parse_json(location.read(CROISSANT, _MAX_BYTES))
    digests = {
        entry["contentUrl"]: entry["sha256"]
        for entry in content["distribution"]
        if entry["@type"] == "cr:FileObject"
    }
    for name in FILES:
        if name not in digests:
            yield CROISSANT, f"does not describe {name}"
            continue
        with suppress(FactoryError), location.open(name) as file:  # missing: said elsewhere
            if _hash(file) != digests[name]:
                yield name, f"its sha256 is not the one that {CROISSANT} lists"


def _hash(file: IO[bytes]) -> str:
    """Return the sha256 of a file, or of its first `MAX_TABLE_BYTES` if it is larger."""
    digest, left = hashlib.sha256(), MAX_TABLE_BYTES
    while left and (block := file.read(min(left, _BLOCK))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()
