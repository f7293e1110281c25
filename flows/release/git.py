"""Run git in a checkout."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stages.engine.workspace import FactoryError


@dataclass(frozen=True)
class Git:
    """The git repository of a checkout; paths are relative to the checkout."""

    root: Path

    def run(self, *words: str) -> str:
        """Run a command and return its output.

        Raises:
            FactoryError: it failed; contains what git said.
        """
        done = self._call(*words)
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise FactoryError(f"git {words[0]}: {said or 'failed'}")
        return done.stdout.decode(errors="surrogateescape")

    def _call(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", str(self.root), *words]
        environment = {**os.environ, "LC_ALL": "C"}
        try:
            return subprocess.run(command, env=environment, capture_output=True)  # noqa: S603
        except FileNotFoundError as error:
            raise FactoryError("git is not installed") from error

    def changed_files(self) -> list[str]:
        """Return the files that differ from HEAD, and those that git neither tracks nor ignores."""
        prefix = self.run("rev-parse", "--show-prefix").strip()
        entries = self.run("status", "--porcelain", "-z", "--no-renames", "--", ".").split("\0")
        return [entry[3:].removeprefix(prefix) for entry in entries if entry]

    def tracks(self, path: str) -> bool:
        """Whether git tracks a file."""
        return self._call("ls-files", "--error-unmatch", "--", path).returncode == 0

    def is_repository(self) -> bool:
        """Whether the checkout is in a git repository."""
        return self._call("rev-parse", "--git-dir").returncode == 0

    def is_shallow(self) -> bool:
        """Whether history was cut off when the repository was cloned."""
        return self.run("rev-parse", "--is-shallow-repository").strip() == "true"

    def is_detached(self) -> bool:
        """Whether HEAD is on no branch."""
        return self._call("symbolic-ref", "-q", "HEAD").returncode != 0

    def commit_of(self, revision: str) -> str | None:
        """Return the commit of a revision; None if there is none."""
        done = self._call("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return done.stdout.decode().strip() or None

    def knows_committer(self) -> bool:
        """Whether git knows a name and an address for commits and tags."""
        return self._call("var", "GIT_COMMITTER_IDENT").returncode == 0

    def accepts_tag(self, name: str) -> bool:
        """Whether a name is valid for a tag."""
        valid = self._call("check-ref-format", f"refs/tags/{name}").returncode == 0
        return valid and not name.startswith("-") and name != "HEAD"

    def tags_of_history(self) -> list[str]:
        """Return the tags that HEAD's history contains, the newest first."""
        return self.run("tag", "--merged", "HEAD", "--sort=-creatordate").split()

    def read(self, revision: str, path: str) -> str | None:
        """Return a file's text at a revision; None if it is not there."""
        done = self._call("show", f"{revision}:./{path}")
        return None if done.returncode else done.stdout.decode(errors="replace")
