"""Read the tables of a version: the workspace, a folder, or a git revision through DVC."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import ValidationError

from flows.published.manifest import check_row_count
from flows.records import check_version
from flows.repository import LOCK, UnusableCheckout, translate_errors
from stages.engine.files import parse_json
from stages.engine.storage.tables import MANIFEST, METRICS
from stages.engine.workspace import FactoryError, Workspace
from stages.package.provenance import PROVENANCE, ProvenanceFile

PACKAGE = "package"
PROBE = Path("applications/metrics.json")
_MAX_JSON = 2**26
_NOT_HERE = (
    "is neither in DVC's cache nor in its remote: where that version was built, `dvc push "
    "--all-commits`; here, `dvc fetch --all-commits`"
)
_KEYS = frozenset({"pair", "variant", "key"})


class Table(pq.ParquetFile):
    """A parquet file whose errors are one line that names it."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._name = name
        with self._naming():
            self.size = file.seek(0, os.SEEK_END)
            file.seek(0)
            super().__init__(file)

    def read(self, *args: Any, **kwargs: Any) -> pa.Table:
        """Read columns.

        Raises:
            FactoryError: the file is damaged, or lacks one of the `columns`.
        """
        missing = sorted(set(kwargs.get("columns") or ()) - set(self.schema_arrow.names))
        if missing:
            raise FactoryError(f"{self._name} has no column {', '.join(missing)}")
        with self._naming():
            return super().read(*args, **kwargs)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            words = " ".join(str(error).split())
            raise FactoryError(
                f"{self._name} is damaged: {words[:200]}; `flawfactory verify` checks a checkout's "
                "data and published copies"
            ) from error


class Files(Protocol):
    """The files of a version, by their paths in the data folder (``package/manifest.parquet``)."""

    def open(self, path: str) -> IO[bytes] | None:
        """Open a file; None if the version does not have it.

        Raises:
            FactoryError: the version has it, but it is not here or damaged.
        """
        ...

    def open_probe(self) -> IO[bytes] | None:
        """Open the metrics of the probe; None if the version does not have them."""
        ...

    def lock(self) -> Mapping[str, Any]:
        """Return the stages' entries of the version's dvc.lock; empty if it is not known."""
        ...

    def explain_absence(self) -> str:
        """Say why there may be no manifest and what to type, as the end of a sentence."""
        ...


@dataclass(frozen=True)
class Version:
    """One version of the data set."""

    name: str
    files: Files

    def manifest(self) -> Table:
        """Open the manifest of the packaged pairs.

        Raises:
            FactoryError: there is none, or it is damaged, no manifest of a packaged data set, or of
                another schema version.
        """
        table = self.table(PACKAGE, MANIFEST)
        if table is None:
            raise FactoryError(f"{self.name} {self.files.explain_absence()}")
        check_row_count(table.metadata.num_rows, table.size, f"the manifest of {self.name}")
        if table.metadata.num_rows:
            found = set(table.schema_arrow.names)
            versions = [None]
            if "schema_version" in found:
                versions = table.read(columns=["schema_version"])["schema_version"].slice(0, 1)
                versions = versions.to_pylist()
            check_version(versions[0], f"the manifest of {self.name}")
            if missing := _KEYS - found:
                raise FactoryError(
                    f"the manifest of {self.name} has no column {', '.join(sorted(missing))}: it "
                    "is not that of a packaged data set"
                )
        return table

    def table(self, stage: str, name: str) -> Table | None:
        """Open a table of a stage; None if the version does not have it.

        Raises:
            FactoryError: it is damaged.
        """
        file = self.files.open(f"{stage}/{name}")
        return None if file is None else Table(file, f"{stage}/{name} of {self.name}")

    def provenance(self) -> dict[str, Any]:
        """Return the content of provenance.json; empty if the version has none that can be read."""
        file = self.files.open(f"{PACKAGE}/{PROVENANCE}")
        if file is None:
            return {}
        with file:
            try:
                return ProvenanceFile.model_validate_json(file.read(_MAX_JSON)).model_dump()
            except ValidationError:
                return {}

    def metrics(self, stage: str) -> dict[str, Any]:
        """Return the numbers of a stage's metrics.json; empty if the version does not have it."""
        file = self.files.open(f"{stage}/{METRICS}")
        if file is None:
            return {}
        try:
            with file:
                numbers = parse_json(file.read(_MAX_JSON))
        except ValueError as error:
            raise FactoryError(f"{stage}/{METRICS} of {self.name} is damaged: {error}") from error
        return numbers if isinstance(numbers, dict) else {}


@dataclass(frozen=True)
class FolderFiles:
    """A data folder, or a folder that holds only the packaged data set."""

    folder: Path
    only_package: bool
    root: Path | None
    """The checkout, if it is its data folder."""

    def open(self, path: str) -> IO[bytes] | None:
        """Open a file."""
        stage, _, name = path.partition("/")
        if self.only_package and stage != PACKAGE:
            return None
        place = self.folder / name if self.only_package else self.folder / path
        return place.open("rb") if place.is_file() else None

    def open_probe(self) -> IO[bytes] | None:
        """Open the metrics of the checkout's probe."""
        place = None if self.root is None else self.root / PROBE
        return place.open("rb") if place is not None and place.is_file() else None

    def lock(self) -> Mapping[str, Any]:
        """Return the stages of the checkout's dvc.lock."""
        if self.root is None or not (self.root / LOCK).is_file():
            return {}
        return _read_lock((self.root / LOCK).read_bytes())

    def explain_absence(self) -> str:
        """Say whether the data is not here yet, or the folder holds none."""
        if self.root is not None and (self.root / LOCK).is_file():
            return f"has no data/package/{MANIFEST}: `dvc pull` or `flawfactory build` brings it"
        if self.root is not None and (self.root / "dvc.yaml").is_file():
            return f"has no data/package/{MANIFEST} yet: run `flawfactory build`"
        return (
            f"is no data set: it holds neither {MANIFEST} nor package/{MANIFEST}; name a data "
            "folder, a packaged data set or a git revision"
        )


class RevisionFiles:
    """A git revision or a DVC experiment of the checkout; files come from DVC's cache or remote."""

    def __init__(self, workspace: Workspace, revision: str) -> None:
        """Open the revision.

        Raises:
            FactoryError: there is no such revision.
        """
        from dvc.api import DVCFileSystem
        from dvc.exceptions import DvcException
        from dvc.scm import SCM, resolve_rev
        from scmrepo.exceptions import SCMError

        self._workspace, self._revision = workspace, revision
        try:
            with translate_errors(workspace):
                with SCM(str(workspace.root)) as scm:
                    commit = resolve_rev(scm, revision)  # also of the name of an experiment
                self._files = DVCFileSystem(str(workspace.root), rev=commit)
                self._files.ls("/")
        except UnusableCheckout:
            raise
        except (FactoryError, SCMError, DvcException, OSError) as error:
            raise FactoryError(
                f"{revision} is neither a folder nor a git revision of this checkout "
                f"({' '.join(str(error).split())}): {_suggest_revisions(workspace.root)}"
            ) from error

    def open(self, path: str) -> IO[bytes] | None:
        """Open a file. Its md5 is checked for all but shards, since DVC does not check what it
        reads."""
        place = f"data/{path}"
        try:
            with translate_errors(self._workspace):
                if not self._files.exists(place):
                    return None
                if place.endswith(".tar"):
                    return cast("IO[bytes]", self._files.open(place, "rb"))
                data = cast(bytes, self._files.read_bytes(place))
                digest = self._files.info(place).get("md5")
        except UnusableCheckout:
            raise
        except (FactoryError, OSError) as error:
            raise FactoryError(f"{place} of {self._revision} {_NOT_HERE}") from error
        if digest and hashlib.md5(data, usedforsecurity=False).hexdigest() != digest:
            raise UnusableCheckout(
                f"{place} of {self._revision} is damaged in DVC's cache: remove {digest[2:]} from "
                "it, then `dvc fetch` that revision"
            )
        return pa.BufferReader(data)

    def open_probe(self) -> IO[bytes] | None:
        """Open the metrics of the revision's probe, which git keeps."""
        if not self._files.exists(PROBE.as_posix()):
            return None
        return pa.BufferReader(cast(bytes, self._files.read_bytes(PROBE.as_posix())))

    def lock(self) -> Mapping[str, Any]:
        """Return the stages of the revision's dvc.lock."""
        if not self._files.exists(LOCK.as_posix()):
            return {}
        return _read_lock(cast(bytes, self._files.read_bytes(LOCK.as_posix())))

    def explain_absence(self) -> str:
        """Say that the data is not here, or that the revision was committed without a build."""
        manifest = f"data/package/{MANIFEST}"
        if PACKAGE in self.lock() or self._files.exists(f"data/{PACKAGE}"):
            return f"names {manifest}, which {_NOT_HERE}"
        return (
            f"has no {manifest}, and its dvc.lock names none: commit dvc.lock after `flawfactory "
            "build`, or name another revision"
        )


def _suggest_revisions(root: Path) -> str:
    """Say how to get revisions that are not here, or see those that are."""
    if _is_shallow(root):
        return "this is a shallow clone, `git fetch --unshallow --tags` brings all revisions"
    return "`git tag` and `git log` list them, `git fetch --tags` brings those of the remote"


def _is_shallow(root: Path) -> bool:
    done = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"],  # noqa: S607
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() == "true"


def _read_lock(data: bytes) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(data)
    except yaml.YAMLError:
        return {}
    stages = content.get("stages") if isinstance(content, dict) else None
    return stages if isinstance(stages, dict) else {}


def open_version(workspace: Workspace | None, name: str | None) -> Version:
    """Open a version.

    Args:
        workspace: the checkout; None outside of one.
        name: a folder (a data folder, or a packaged data set), or a git revision of the checkout;
            None is the workspace's data folder.

    Raises:
        FactoryError: there is no such version.
    """
    if name is None:
        if workspace is None:
            raise FactoryError("name two folders, or run inside a flawfactory checkout")
        return Version("workspace", FolderFiles(workspace.data, False, workspace.root))
    folder = Path(name)
    if folder.is_dir():
        packaged = (folder / MANIFEST).is_file()
        if packaged and folder.name == PACKAGE and (folder.parent / "ingest").is_dir():
            folder, packaged = folder.parent, False
        root = folder.resolve().parent if folder.resolve().name == "data" and not packaged else None
        return Version(name, FolderFiles(folder, packaged, root))
    if workspace is None:
        raise FactoryError(f"{name} is no folder, and this is no flawfactory checkout")
    return Version(name, RevisionFiles(workspace, name))
