"""The store: each photo's result, written as soon as it is computed.

The key is the digest of everything that the result depends on (`stages.engine.provenance`). A blob
is one line with the sha256 of the rest, then an uncompressed tar with ``output.json`` and the
members. It contains no pickle. Blobs are written once and never changed; a damaged blob is removed
when it is read, and computed again.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages.engine.faults import remedy_of
from stages.engine.files import canonical_json, sha256, write_atomically
from stages.engine.stage import Output, Reject
from stages.engine.storage import shard
from stages.engine.workspace import FactoryError

_HEADER = 65  # 64 hex digits and a newline
_OUTPUT = "output.json"


@dataclass(frozen=True)
class Result:
    """A stage's result for one photo."""

    document: dict[str, Any] | None
    """None: the whole photo was rejected, for the reason in `rejects`."""
    members: dict[str, bytes]
    rejects: list[Reject]

    @classmethod
    def of(cls, output: Output) -> Result:
        """Convert a stage's output."""
        document = output.document.model_dump(mode="json")
        return cls(document, dict(output.members), list(output.rejects))


class Store:
    """Immutable results below one folder, by key. Instances can be pickled."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def path(self, key: str) -> Path:
        """Return the path of the blob of `key`."""
        return self.root / key[:2] / key

    def has(self, key: str) -> bool:
        """Whether there is a blob; its bytes are checked when it is read."""
        return self.path(key).is_file()

    def find_missing(self, keys: Iterable[str]) -> set[str]:
        """Return those of `keys` that have no blob."""
        return {key for key in keys if not self.has(key)}

    def put(self, key: str, result: Result) -> None:
        """Store `result`, atomically: a killed worker leaves all of it or nothing.

        Raises:
            ValueError, TypeError: the document or a reject's evidence is not JSON (NaN is not).
            FactoryError: the store cannot be written (disk full, no permission).
        """
        output = {"document": result.document, "rejects": [asdict(r) for r in result.rejects]}
        buffer = io.BytesIO()
        files = {_OUTPUT: canonical_json(output)}
        files |= {f"members/{name}": data for name, data in result.members.items()}
        shard.write_samples(buffer, [("blob", files)])
        payload = buffer.getvalue()
        self._write(key, sha256(payload).encode() + b"\n" + payload)

    def _write(self, key: str, blob: bytes) -> None:
        try:
            write_atomically(self.path(key), blob)
        except OSError as error:
            words = (f"cannot write to the store {self}: {error.strerror}", remedy_of(error))
            raise FactoryError("; ".join(filter(None, words))) from error

    def _read(self, key: str) -> bytes | None:
        path = self.path(key)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            pass
        try:  # NFS remembers for a while that a file was missing; listing its folder ends that
            list(path.parent.iterdir())
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def get(self, key: str) -> Result | None:
        """Return the result of `key`; None if there is none, or if it was damaged and is removed
        now.

        Raises:
            FactoryError: the store cannot be reached.
        """
        blob = self._read(key)
        return None if blob is None else self._decode(key, blob)

    def read(self, keys: Iterable[str]) -> Iterator[Result | None]:
        """Yield what `get` returns for each key, in order."""
        yield from map(self.get, keys)

    def _decode(self, key: str, blob: bytes) -> Result | None:
        header, payload = blob[:_HEADER], blob[_HEADER:]
        if header != sha256(payload).encode() + b"\n":
            self.remove(key)
            return None
        files = {
            name.removeprefix("blob."): data for name, data in shard.read_shard(io.BytesIO(payload))
        }
        output = json.loads(files.pop(_OUTPUT))
        members = {name.removeprefix("members/"): data for name, data in files.items()}
        rejects = [Reject(**reject) for reject in output["rejects"]]
        return Result(output["document"], members, rejects)

    def keys(self) -> Iterator[str]:
        """Yield all keys, sorted."""
        yield from sorted(p.name for p in self.root.glob("??/*") if not p.name.startswith("."))

    def size(self, keys: Iterable[str]) -> int:
        """Return the total size of the blobs of `keys` in bytes; missing ones count 0."""
        return sum(self.path(key).stat().st_size for key in keys if self.has(key))

    def remove(self, key: str) -> None:
        """Remove a blob, if it is there."""
        self.path(key).unlink(missing_ok=True)

    def temporaries(self) -> Iterator[Path]:
        """Yield the temporary files, of results that are being written and of killed writers."""
        for folder in self.root.glob("??"):
            with os.scandir(folder) as entries:
                yield from [Path(entry.path) for entry in entries if entry.name.startswith(".")]

    def leftovers(self, seconds: float) -> list[Path]:
        """Return the temporary files that were not written to for `seconds`: their writers were
        killed."""
        before, found = time.time() - seconds, []
        for path in sorted(self.temporaries()):
            with suppress(FileNotFoundError):  # its writer has just renamed it
                found += [path] if path.stat().st_mtime < before else []
        return found
