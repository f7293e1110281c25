"""A labelled picture, as every reader gives it, whatever the benchmark it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from applications.protocols import Box, Heat
from stages.records.masks import Mask

Label = Literal["flawed", "clean", "unknown"]
"""``unknown``: nobody looked, or the annotators did not agree. Such pictures are counted and not
inspected."""
Role = Literal["artifact", "real", "control", "generated"]
"""What kind of picture it is: our flawed picture, our photo, our control (a photo through the same
autoencoder, without a flaw), or a picture of somebody else's generator."""
Size = tuple[int, int]
"""Width and height in pixels."""
Polygon = tuple[float, ...]
"""x0, y0, x1, y1, ... in pixels."""


@dataclass(frozen=True)
class Truth:
    """A flawed region as annotated."""

    box: Box
    """Half-open, in pixels of the picture. Bounds of the polygons if there are any."""
    text: str = ""
    """What is wrong there; empty if the annotation does not say."""
    kind: str = ""
    """The annotation's category: a tool, a class of the benchmark; empty if there is none."""
    polygons: tuple[Polygon, ...] = ()
    """Outlines, as annotated; empty if only the box is known."""


@dataclass(frozen=True)
class Example:
    """One labelled picture. The picture and its mask are read only when they are needed."""

    key: str
    """Unique in the set."""
    read: Callable[[], bytes]
    """Returns the bytes of the picture's file (JPEG, PNG, WebP ...).

    Raises OSError or ValueError if they cannot be read.
    """
    label: Label
    role: Role
    size: Size | None = None
    """Width and height that the annotation states; None if it states none."""
    regions: tuple[Truth, ...] = ()
    """Empty for a clean picture. A flawed one without regions is not localised."""
    mask: Callable[[Size], Mask] | None = None
    """Returns the flawed pixels, (H, W) bool, of a picture of that width and height. None: the
    annotation has no pixels; the boxes of `regions` are filled.

    Raises ValueError if the annotation does not fit the picture.
    """
    heat: Callable[[], Heat] | None = None
    """Returns the heat map of the annotation, of any size; None if it has none. `mask` is made of
    it; only the released evaluators' definitions use it itself.
    """
    text: str = ""
    """Why the picture as a whole is flawed, or free of flaws; empty if the annotation says
    neither."""
    split: str = ""
    photo: str = ""
    """Key of our photo behind the picture; empty for pictures of others. Pictures of one photo are
    drawn together when intervals are estimated."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What to report by, such as ``generator``, ``tool`` or ``severity``."""

    @property
    def group(self) -> str:
        """What varies as one: the photo, or the picture itself."""
        return self.photo or self.key


ProblemKind = Literal[
    "missing picture",
    "unreadable picture",
    "wrong size",
    "orphaned label",
    "bad label",
    "unlabelled picture",
]


@dataclass(frozen=True)
class Problem:
    """Something of a set that could not be used."""

    kind: ProblemKind
    where: str
    """Name of the picture, or place in the label file."""
    message: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True)
class LabelledSet:
    """What a reader found."""

    examples: tuple[Example, ...]
    problems: tuple[Problem, ...] = ()
