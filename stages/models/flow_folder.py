"""Where a flow model lies and what it is, told without loading anything."""

from __future__ import annotations

import hashlib
from pathlib import Path

from stages.models.digests import digest_of

_SNAPSHOT_FILES = ["*.json", "*.safetensors", "tokenizer*/*"]


def resolve(name: str | Path) -> Path:
    """A local folder as it is; anything else is a hub name and is fetched (safetensors only).

    Raises:
        FileNotFoundError: neither a folder nor a fetchable name.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(name), allow_patterns=_SNAPSHOT_FILES))
    except Exception as error:
        raise FileNotFoundError(
            f"no folder {str(name)!r}, and the model hub did not serve it: {error}"
        ) from error


def revision(name: str | Path) -> str:
    """sha256 over the folder's safetensors and configurations, by relative path."""
    folder, digest = resolve(name), hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in {".safetensors", ".json"}):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        digest.update(bytes.fromhex(digest_of(path)))
    return digest.hexdigest()
