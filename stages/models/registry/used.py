"""Describe the models behind the roles of a profile, each pinned, for the published records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from stages.models.options import Options
from stages.models.registry.loading import options_argument, revision
from stages.models.registry.profiles import Profile, choice, find_backend


@dataclass(frozen=True)
class UsedModel:
    """One model, or one set of weights, of a back end. Holds no address and no path of a machine.

    A back end without weights, such as rules, is described once, with `weights` empty.
    """

    role: str
    back_end: str
    revision: str
    """What the store's keys contain: the back end and a digest of its options and models."""
    options: str
    """The back end's options as JSON text."""
    weights: str
    """Name in ``weights.toml``, folder, or the model's name at its endpoint."""
    source: str
    """Where the pinned weights come from, with version or commit; ``folder``; or ``endpoint``: the
    server decides what the name stands for."""
    sha256: str
    """Digest of the archive, file or folder; empty if the commit in `source` is the pin."""


def used_models(profile: Profile, *used: str) -> list[UsedModel]:
    """Describe the models of the roles `used`, and of the roles that they need. Loads no weights.

    Raises:
        RegistryError: no such profile, role or back end.
        WeightsError: weights are not pinned, or a branch was never fetched.
    """
    found: list[UsedModel] = []
    for role in used:
        found += [
            *_describe(role, profile),
            *used_models(profile, *find_backend(role, profile).needs),
        ]
    return list(dict.fromkeys(found))


def _describe(role: str, profile: Profile) -> list[UsedModel]:
    backend_class: Any = find_backend(role, profile).load()
    arguments = options_argument(role, profile)
    options = arguments.get("options")
    shared = {
        "role": role,
        "back_end": choice(role, profile).backend,
        "revision": revision(role, profile),
        "options": _public(options) if options else "{}",
    }
    pins = [*_folders(options), *_catalogued(backend_class, arguments)]
    if not pins and hasattr(backend_class, "ledger_name"):
        pins = [(backend_class.ledger_name(**arguments), "endpoint", "")]
    return [
        UsedModel(**shared, weights=name, source=source, sha256=digest)
        for name, source, digest in pins or [("", "", "")]
    ]


def _folders(options: Options | None) -> list[tuple[str, str, str]]:
    """Return name, source and digest of the folders that options name."""
    from stages.models.weights import hub

    values = options.model_dump().values() if options else ()
    return [
        (_without_place(value), "folder", hub.revision(value))
        for value in values
        if isinstance(value, str) and value and hub.local_folder(value)
    ]


def _catalogued(backend_class: Any, arguments: dict[str, Options]) -> list[tuple[str, str, str]]:
    """Return name, source and digest of the weights that the back end names."""
    from stages.models.weights import catalogue, hub

    found = []
    for name in backend_class.weights(**arguments) if hasattr(backend_class, "weights") else ():
        weights = catalogue.find(name)
        if isinstance(weights, hub.HubModel):
            pinned = [file.sha256 for file in weights.files]
            source = f"huggingface.co/{hub.revision(name)}"
            found.append((name, source, pinned[0] if len(pinned) == 1 else ""))
        else:
            found.append((name, weights.source, weights.sha256))
    return found


def _public(options: Options) -> str:
    """Return options as JSON text, without addresses and keys (``writeOnly``) and paths."""
    fields = type(options).model_fields
    secret = {
        n for n, field in fields.items() if (field.json_schema_extra or {}) == {"writeOnly": True}
    }
    values = options.model_dump(mode="json", exclude=secret, exclude_none=True)
    values = {n: _without_place(v) if isinstance(v, str) else v for n, v in values.items()}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _without_place(name: str) -> str:
    """Return the name of a folder without its place on this machine; relative ones are the
    checkout's."""
    path = PurePath(name)
    return path.name if path.is_absolute() or ".." in path.parts or name.startswith("~") else name
