"""The questions as template files: front matter with a version, then `system` and `user`.

``${slot}`` takes a fact. Who changes a template raises its version; the digest tells even if not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

import yaml

from stages.engine.files import sha256

_FOLDER = Path(__file__).parent
_MARKS = ("---\n", "\n# system\n", "\n# user\n")


@dataclass(frozen=True)
class Prompt:
    """One question's template."""

    name: str
    version: int
    system: str
    user: str
    digest: str
    """First 12 hex digits of the file's sha256."""

    @property
    def id(self) -> str:
        """``verdict 1 0123456789ab``: what records and the cache know it by."""
        return f"{self.name} {self.version} {self.digest}"

    def fill(self, facts: dict[str, str]) -> str:
        """`user` with its slots filled.

        Raises:
            KeyError: a slot has no fact.
        """
        return Template(self.user).substitute(facts)


@cache
def load(name: str) -> Prompt:
    """The template ``<name>.md``.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it lacks its front matter or one of its two sections.
    """
    data = (_FOLDER / f"{name}.md").read_bytes()
    _, front, rest = data.decode().split(_MARKS[0], 2)
    head, system = rest.split(_MARKS[1], 1)
    system, user = system.split(_MARKS[2], 1)
    if head.strip():
        raise ValueError(f"{name}.md: words before its section `system`")
    version = int(yaml.safe_load(front)["version"])
    return Prompt(name, version, system.strip(), user.strip(), sha256(data)[:12])


def revision(*names: str) -> str:
    """Names, versions and digests of templates."""
    return ", ".join(load(name).id for name in names)
