"""Prompts as template files: front matter with a version, then sections `system` and `user`.

A template lies beside the module that asks its question. ``${slot}`` is replaced by a fact. Its
examples, if it has any, lie in a folder of its name (``verdict/`` beside ``verdict.md``). Raise the
version when you change a template; the digest in the prompt's id changes in any case.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

import yaml

from stages.engine.files import sha256

_SEPARATORS = ("---\n", "\n# system\n", "\n# user\n")


@dataclass(frozen=True)
class Prompt:
    """Template of one question."""

    name: str
    version: int
    system: str
    user: str
    digest: str
    """First 12 hex digits of the sha256 of the file and of its examples' files."""

    @property
    def id(self) -> str:
        """Identifier in records and the cache: ``verdict 1 0123456789ab``."""
        return f"{self.name} {self.version} {self.digest}"

    def fill(self, facts: dict[str, str]) -> str:
        """Return `user` with its slots filled.

        Raises:
            KeyError: `facts` lacks a slot.
        """
        return Template(self.user).substitute(facts)


@cache
def load(path: Path) -> Prompt:
    """Load a template; its name is the file's: ``verdict`` for ``verdict.md``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: front matter or one of the two sections is missing.
    """
    data = path.read_bytes()
    _, front, rest = data.decode().split(_SEPARATORS[0], 2)
    head, system = rest.split(_SEPARATORS[1], 1)
    system, user = system.split(_SEPARATORS[2], 1)
    if head.strip():
        raise ValueError(f"{path.name}: text before the section `system`")
    version = int(yaml.safe_load(front)["version"])
    return Prompt(path.stem, version, system.strip(), user.strip(), _digest(path)[:12])


def _digest(path: Path) -> str:
    """Compute the sha256 of a template; with examples, that of the digests of all files."""
    examples = sorted(file for file in path.with_suffix("").glob("*") if file.is_file())
    digests = [sha256(file.read_bytes()) for file in (path, *examples)]
    return sha256("\n".join(digests).encode()) if examples else digests[0]


def ids(paths: Iterable[Path]) -> dict[str, str]:
    """Map the name of each template to its `Prompt.id`."""
    return {path.stem: load(path).id for path in paths}


def revision(*paths: Path) -> str:
    """Return names, versions and digests of templates."""
    return ", ".join(ids(paths).values())
