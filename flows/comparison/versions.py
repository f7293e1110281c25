"""Read the tables of a version: the workspace, a folder, or a git revision through DVC."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import ValidationError

from flows.records import check_version
from flows.repository import LOCK, UnusableCheckout, translate_errors
from stages.engine.storage.tables import MANIFEST, METRICS
from stages.engine.workspace import FactoryError, Workspace
from stages.package.provenance import PROVENANCE, ProvenanceFile

PACKAGE = "package"
_MAX_PROVENANCE = 2**26


class Files(Protocol):
    """The files of a version, by their paths in the data folder (``package/manifest.parquet``)."""

    def open(self, path: str) -> IO[bytes] | None:
        """Open a file; None if the version does not have it.

        Raises:
            FactoryError: the version has it, but it is not here or damaged.
        """
        ...

    def lock(self) -> Mapping[str, Any]:
        """Return the stages' entries of the version's dvc.lock; empty if it is not known."""
        ...


@dataclass(frozen=True)
class Version:
    """One version of the data set."""

    name: str
    files: Files

    def manifest(self) -> pq.ParquetFile:
        """Open the manifest of the packaged pairs.

        Raises:
            FactoryError: there is none, or it is of another schema version.
        """
        table = self.table(PACKAGE, MANIFEST)
        if table is None:
            raise FactoryError(
                f"{self.name} has no package/{MANIFEST}: run `flawfactory build` or `dvc pull "
                "data/package`"
            )
        if table.metadata.num_rows:
            names = [name for name in table.schema_arrow.names if name == "schema_version"]
            rows = next(table.iter_batches(1, columns=names)).to_pylist() if names else [{}]
            check_version(rows[0].get("schema_version"), f"the manifest of {self.name}")
        return table

    def table(self, stage: str, name: str) -> pq.ParquetFile | None:
        """Open a table of a stage; None if the version does not have it.

        Raises:
            FactoryError: it is damaged.
        """
        file = self.files.open(f"{stage}/{name}")
        try:
            return None if file is None else pq.ParquetFile(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise FactoryError(f"{stage}/{name} of {self.name} is damaged: {error}") from error

    def provenance(self) -> dict[str, Any]:
        """Return the content of provenance.json; empty if the version has none that can be read."""
        file = self.files.open(f"{PACKAGE}/{PROVENANCE}")
        if file is None:
            return {}
        with file:
            try:
                return ProvenanceFile.model_validate_json(file.read(_MAX_PROVENANCE)).model_dump()
            except ValidationError:
                return {}

    def metrics(self, stage: str) -> dict[str, Any]:
        """Return the numbers of a stage's metrics.json; empty if the version does not have it."""
        file = self.files.open(f"{stage}/{METRICS}")
        if file is None:
            return {}
        with file:
            return json.load(file)


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

    def lock(self) -> Mapping[str, Any]:
        """Return the stages of the checkout's dvc.lock."""
        if self.root is None or not (self.root / LOCK).is_file():
            return {}
        return _read_lock((self.root / LOCK).read_bytes())


class RevisionFiles:
    """A git revision of the checkout; files come from DVC's cache, or from its remote."""

    def __init__(self, workspace: Workspace, revision: str) -> None:
        """Open the revision.

        Raises:
            FactoryError: there is no such revision.
        """
        from dvc.api import DVCFileSystem
        from dvc.exceptions import DvcException
        from scmrepo.exceptions import SCMError

        self._workspace, self._revision = workspace, revision
        try:
            with translate_errors(workspace):
                self._files = DVCFileSystem(str(workspace.root), rev=revision)
                self._files.ls("/")
        except UnusableCheckout:
            raise
        except (FactoryError, SCMError, DvcException, OSError) as error:
            raise FactoryError(
                f"{revision} is neither a folder nor a git revision of this checkout "
                f"({error}); in a shallow clone, `git fetch --unshallow --tags` brings the others"
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
            raise FactoryError(
                f"DVC no longer has {place} of {self._revision}: `dvc fetch --run-cache` or `dvc "
                f"pull` from a remote that keeps it ({error})"
            ) from error
        if digest and hashlib.md5(data, usedforsecurity=False).hexdigest() != digest:
            raise UnusableCheckout(
                f"{place} of {self._revision} is damaged in DVC's cache: remove {digest[2:]} from "
                "it, then `dvc fetch` that revision"
            )
        return pa.BufferReader(data)

    def lock(self) -> Mapping[str, Any]:
        """Return the stages of the revision's dvc.lock."""
        if not self._files.exists(LOCK.as_posix()):
            return {}
        return _read_lock(cast(bytes, self._files.read_bytes(LOCK.as_posix())))


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
        root = folder.parent if folder.name == "data" and not packaged else None
        return Version(name, FolderFiles(folder, packaged, root))
    if workspace is None:
        raise FactoryError(f"{name} is no folder, and this is no flawfactory checkout")
    return Version(name, RevisionFiles(workspace, name))
