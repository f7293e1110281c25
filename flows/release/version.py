"""The release's name in params.yaml."""

from __future__ import annotations

import re
from typing import Any

import yaml

from flows.reasons import PARAMS
from stages.engine.workspace import FactoryError

_SECTION = re.compile(r"^package:[ \t]*(?:#.*)?\n(?P<body>(?:[ \t]+.*\n|[ \t]*\n|#.*\n)*)", re.M)
_KEY = re.compile(r"^(?P<indent>[ \t]+)[^\s#]", re.M)


def read_version(text: str) -> str:
    """Return `package.version` of the text of a params.yaml; empty if there is none."""
    try:
        section = (yaml.safe_load(text) or {}).get("package") or {}
    except (yaml.YAMLError, AttributeError):
        return ""
    return str(section.get("version", "")) if isinstance(section, dict) else ""


def set_version(text: str, version: str) -> str:
    """Return the text of a params.yaml with another `package.version`; nothing else changes.

    Raises:
        FactoryError: the section is not written as a block, so that a line cannot be replaced.
    """
    text = text if text.endswith("\n") or not text else f"{text}\n"
    changed = _replace(text, _quote(version))
    expected: dict[str, Any] = yaml.safe_load(text) or {}
    expected = {**expected, "package": {**(expected.get("package") or {}), "version": version}}
    if changed is None or yaml.safe_load(changed) != expected:
        raise FactoryError(
            f"{PARAMS}: section package cannot be edited: write `version: {version}` into it, "
            "build and commit"
        )
    return changed


def _quote(version: str) -> str:
    """Return a YAML scalar as `dvc exp run -S` writes it, so that it leaves the line as it is."""
    return yaml.safe_dump(version, allow_unicode=True, width=1000).splitlines()[0]


def _replace(text: str, value: str) -> str | None:
    section = _SECTION.search(text)
    if section is None:
        has_section = re.search(r"^package\s*:", text, re.M)
        return None if has_section else f"{text}\npackage:\n  version: {value}\n"
    key = _KEY.search(section["body"])
    indent = key["indent"] if key else "  "
    start, end = section.span("body")
    line = re.compile(rf"^{indent}version:[ \t]*(?:\"[^\"\n]*\"|'[^'\n]*'|[^#\s]*)", re.M)
    written = f"{indent}version: {value}"
    body, count = line.subn(lambda _: written, section["body"], count=1)
    return text[:start] + (body if count else f"{written}\n{body}") + text[end:]
