"""Name and date of the release in params.yaml."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from flows.reasons import PARAMS
from stages.engine.workspace import FactoryError

_SECTION = re.compile(r"^package:[ \t]*(?:#.*)?\n(?P<body>(?:[ \t]+.*\n|[ \t]*\n|#.*\n)*)", re.M)
_KEY = re.compile(r"^(?P<indent>[ \t]+)[^\s#]", re.M)


@dataclass(frozen=True)
class Name:
    """Name and date of a release; empty if there is none."""

    version: str
    published: str
    """ISO date."""


def read_name(text: str) -> Name:
    """Return `package.version` and `package.published` of the text of a params.yaml."""
    try:
        section = (yaml.safe_load(text) or {}).get("package") or {}
    except (yaml.YAMLError, AttributeError):
        section = {}
    if not isinstance(section, dict):
        return Name("", "")
    return Name(str(section.get("version") or ""), str(section.get("published") or ""))


def set_name(text: str, name: Name) -> str:
    """Return the text of a params.yaml with another name and date; nothing else changes.

    Raises:
        FactoryError: the section is not written as a block, so that lines cannot be replaced.
    """
    text = text if text.endswith("\n") or not text else f"{text}\n"
    changed: str | None = text
    expected: dict[str, Any] = yaml.safe_load(text) or {}
    section = expected.get("package") or {}
    for key, value in reversed(asdict(name).items()):
        if changed is not None and section.get(key) != value:
            changed = _replace(changed, key, _quote(value))
    expected = {**expected, "package": {**section, **asdict(name)}}
    if changed is None or _load(changed) != expected:
        raise FactoryError(
            f"{PARAMS}: section package cannot be edited: write `version: {name.version}` and "
            f'`published: "{name.published}"` into it, build and commit'
        )
    return changed


def _quote(value: str) -> str:
    """Return a YAML scalar as `dvc exp run -S` writes it, so that it leaves the line as it is."""
    return yaml.safe_dump(value, allow_unicode=True, width=1000).splitlines()[0]


def _load(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _replace(text: str, key: str, value: str) -> str | None:
    section = _SECTION.search(text)
    if section is None:
        has_section = re.search(r"^package\s*:", text, re.M)
        return None if has_section else f"{text}\npackage:\n  {key}: {value}\n"
    first = _KEY.search(section["body"])
    indent = first["indent"] if first else "  "
    start, end = section.span("body")
    line = re.compile(rf"^{indent}{key}:[ \t]*(?:\"[^\"\n]*\"|'[^'\n]*'|[^#\s]*)", re.M)
    written = f"{indent}{key}: {value}"
    body, count = line.subn(lambda _: written, section["body"], count=1)
    return text[:start] + (body if count else f"{written}\n{body}") + text[end:]
