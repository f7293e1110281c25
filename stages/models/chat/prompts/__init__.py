"""Prompts as template files: front matter with a version, then sections `system` and `user`.

``${slot}`` is replaced by a fact. Raise the version when you change a template; the digest in the
prompt's id changes in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

import yaml

from stages.engine.files import sha256

_FOLDER = Path(__file__).parent
_SEPARATORS = ("---\n", "\n# system\n", "\n# user\n")


@dataclass(frozen=True)
class Prompt:
    """Template of one question."""

    name: str
    version: int
    system: str
    user: str
    digest: str
    """First 12 hex digits of the file's sha256."""

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
def load(name: str) -> Prompt:
    """Load the template ``<name>.md``.

    Raises:
        FileNotFoundError: there is no such template.
        ValueError: front matter or one of the two sections is missing.
    """
    data = (_FOLDER / f"{name}.md").read_bytes()
    _, front, rest = data.decode().split(_SEPARATORS[0], 2)
    head, system = rest.split(_SEPARATORS[1], 1)
    system, user = system.split(_SEPARATORS[2], 1)
    if head.strip():
        raise ValueError(f"{name}.md: text before the section `system`")
    version = int(yaml.safe_load(front)["version"])
    return Prompt(name, version, system.strip(), user.strip(), sha256(data)[:12])


def revision(*names: str) -> str:
    """Return names, versions and digests of templates."""
    return ", ".join(load(name).id for name in names)
