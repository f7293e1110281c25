"""Read label files and find pictures, untrusted both."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from applications.evaluation.example import Problem
from applications.pictures import MAX_FILE_BYTES, read_file
from applications.protocols import Box
from stages.engine.workspace import FactoryError

MAX_LABEL_BYTES = 512 * 2**20
"""Maximum size of a label file."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""Suffixes of pictures when a folder is searched for ones without a label."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class BadLabel(ValueError):
    """An entry of a label file cannot be used; the message says why."""


def read_labels(path: Path) -> bytes:
    """Read a label file of at most `MAX_LABEL_BYTES`.

    Raises:
        FactoryError: it is missing, no regular file, or too large.
    """
    try:
        return read_file(path, MAX_LABEL_BYTES)
    except ValueError as error:
        raise FactoryError(f"{path} {error}") from error


def read_json(path: Path, kind: type[list] | type[dict]) -> Any:
    """Read a JSON file in UTF-8, or in UTF-16 with a byte order mark.

    Args:
        path: the file.
        kind: what its top level must be.

    Raises:
        FactoryError: it cannot be read, is not JSON, or is of another kind.
    """
    data = read_labels(path)
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        content = json.loads(data.decode(encoding))
    except (ValueError, RecursionError) as error:
        raise FactoryError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, kind):
        wanted = "a list" if kind is list else "an object"
        raise FactoryError(f"{path} holds a {type(content).__name__}, where {wanted} was expected")
    return content


class Pictures:
    """The pictures of a set, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: set[Path] = set()
        """Files that a label named."""

    def find(self, name: object) -> Callable[[], bytes] | Problem:
        """Return how to read the picture `name`, relative to the folder; a problem if it is not
        there.

        Raises:
            BadLabel: it is no name of a file in the folder.
        """
        if not isinstance(name, str) or not name:
            raise BadLabel("a file name was expected")
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or "\0" in name:
            raise BadLabel(f"the path {name!r} leaves the folder")
        path = self.folder / parts
        self.known.add(path)
        try:
            if not path.is_file():
                return Problem("missing picture", name)
        except OSError as error:  # such as a name that is too long
            raise BadLabel(f"the file cannot be opened: {error.strerror}") from error
        return partial(read_file, path, MAX_FILE_BYTES)

    def unlabelled(self, folders: Iterable[Path] = ()) -> Iterator[Problem]:
        """Yield pictures in `folders` (default: the folder itself) that no label named."""
        for folder in folders or [self.folder]:
            if not folder.is_dir():
                continue
            for path in sorted(folder.iterdir()):
                if path.suffix.lower() in SUFFIXES and path not in self.known:
                    yield Problem("unlabelled picture", path.relative_to(self.folder).as_posix())


def parse_box(numbers: object) -> Box:
    """Return four numbers as a box.

    Raises:
        BadLabel: they are no four finite numbers with x0 < x1 and y0 < y1.
    """
    x0, y0, x1, y1 = parse_numbers(numbers, 4)
    if not (x0 < x1 and y0 < y1):
        raise BadLabel(f"box {[x0, y0, x1, y1]} is empty: x0 < x1 and y0 < y1 are needed")
    return x0, y0, x1, y1


def parse_sized_box(numbers: object) -> Box:
    """Return x, y, width and height as a box. Raises like `parse_box`."""
    x, y, width, height = parse_numbers(numbers, 4)
    return parse_box([x, y, x + width, y + height])


def parse_numbers(numbers: object, count: int = 0) -> list[float]:
    """Return a list of finite numbers.

    Args:
        numbers: as read from JSON.
        count: how many there must be; 0 = any.

    Raises:
        BadLabel: they are none, or another number of them.
    """
    if not isinstance(numbers, Sequence) or isinstance(numbers, str):
        raise BadLabel(f"a list of numbers was expected, not {type(numbers).__name__}")
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise BadLabel("a list holds something that is no number")
    try:
        found = [float(n) for n in numbers]
    except OverflowError as error:
        raise BadLabel("a number is too large") from error
    if not all(map(math.isfinite, found)):
        raise BadLabel("a number is not finite")
    if count and len(found) != count:
        raise BadLabel(f"{count} numbers were expected, not {len(found)}")
    return found


def parse_text(value: object) -> str:
    """Return a text without surrounding space; empty for null.

    Raises:
        BadLabel: it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadLabel(f"a text was expected, not {type(value).__name__}")
    return value.strip()


def parse_list(value: object, what: str) -> list[Any]:
    """Return a list; empty for null.

    Raises:
        BadLabel: it is something else; the message names `what`.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadLabel(f"`{what}` is no list")
    return value


def parse_object(value: object, what: str) -> dict[str, Any]:
    """Return an object.

    Raises:
        BadLabel: it is something else; the message names `what`.
    """
    if not isinstance(value, dict):
        raise BadLabel(f"{what} is no object")
    return value
