"""Read published records and stages' documents of this version, and refuse those of others."""

from __future__ import annotations

import json
from typing import Any

from stages.engine.workspace import FactoryError
from stages.records.documents import SCHEMA_VERSION


class OtherSchema(FactoryError):
    """A record, document or manifest is of another schema version."""


def check_version(version: object, where: str) -> None:
    """Check the schema version of a record, document or row of a manifest.

    Args:
        version: its ``schema_version``; None if it has none.
        where: what it belongs to, for the message.

    Raises:
        OtherSchema: it is another version than this one.
    """
    if version != SCHEMA_VERSION:
        found = "no schema version" if version is None else f"schema version {version}"
        raise OtherSchema(
            f"{where} has {found}, and this version of flawfactory reads {SCHEMA_VERSION}: build "
            "it again with `flawfactory build`"
        )


def read_record(data: bytes, where: str) -> dict[str, Any]:
    """Parse a record or document and check its version.

    Raises:
        FactoryError: it is another version than this one.
    """
    record = json.loads(data)
    check_version(record.get("schema_version"), where)
    return record
