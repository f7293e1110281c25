"""Read published records and stages' documents of this version and of those that can be converted,
and refuse others."""

from __future__ import annotations

import json
from typing import Any

from stages.engine.workspace import FactoryError
from stages.records.documents import SCHEMA_VERSION

READABLE = (2, SCHEMA_VERSION)
"""Schema versions that can be read. Documents of version 2 lack fields that have defaults."""
UNKNOWN = "unknown"
_NO_USAGE = {"requests": 0, "input_tokens": 0, "output_tokens": 0, "cost": 0.0, "unpriced": 0}
_UNREVIEWED = {
    "pixels_sha256": UNKNOWN,
    "verdict_by": "judge",
    "judge_verdict": "ok",
    "accepted_by": "",
    "rejected_by": "",
}


class OtherSchema(FactoryError):
    """A record, document or manifest is of another schema version."""


def check_version(version: object, where: str) -> None:
    """Check the schema version of a record, document or row of a manifest.

    Args:
        version: its ``schema_version``; None if it has none.
        where: what it belongs to, for the message.

    Raises:
        OtherSchema: it is a version that cannot be read.
    """
    if version not in READABLE:
        found = "no schema version" if version is None else f"schema version {version}"
        raise OtherSchema(
            f"{where} has {found}, and this version of flawfactory reads "
            f"{' and '.join(map(str, READABLE))}: build it again with `flawfactory build`"
        )


def read_record(data: bytes, where: str) -> dict[str, Any]:
    """Parse a record or document and check its version.

    Raises:
        FactoryError: its version cannot be read.
        ValueError: it is not JSON.
    """
    try:
        record = json.loads(data)
    except RecursionError as error:
        raise ValueError(f"{where}: the record is nested too deeply") from error
    check_version(record.get("schema_version"), where)
    return record


def convert_record(record: dict[str, Any]) -> dict[str, Any]:
    """Convert a published record of any version in `READABLE` to the present one.

    What version 2 did not record is ``unknown``: code and params of the stages, the models'
    weights, the seed, the digest of each flaw's pixels. Calls to models are 0, and no person has
    reviewed a flaw.
    """
    if record.get("schema_version") != 2:
        return record
    models = [
        {
            "stage": model["stage"],
            "role": model["name"],
            "back_end": model["revision"].partition(":")[0],
            "revision": model["revision"],
            "options": "{}",
            **dict.fromkeys(("weights", "source", "sha256"), UNKNOWN),
        }
        for model in record["models"]
    ]
    return {
        **record,
        "schema_version": SCHEMA_VERSION,
        "seed": UNKNOWN,
        "stages": [{"stage": UNKNOWN, "code_sha256": UNKNOWN, "params": "{}"}],
        "models": models,
        "flaws": [{**_UNREVIEWED, **flaw} for flaw in record["flaws"]],
        "code_sha256": UNKNOWN,
        "calls": {"photo": _NO_USAGE, "pair": _NO_USAGE, "questions": "[]"},
    }
