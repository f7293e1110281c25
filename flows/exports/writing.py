"""Write an export into a new folder: all of it, or nothing that looks finished."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.engine.workspace import FactoryError


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`, and rename it to `path` at the end of the block.

    When the block raises, the folder is removed and `path` does not exist.

    Raises:
        FactoryError: `path` exists and is not an empty folder, or cannot be written.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FactoryError(f"{path} exists and is not empty: name a new folder")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise FactoryError(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield temporary
        if path.is_dir():
            path.rmdir()
        temporary.replace(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
