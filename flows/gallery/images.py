"""Write pictures for the page: WebP files named by their content, written once."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from stages.engine.files import replacing
from stages.records.documents import Box
from stages.records.images import open_picture, open_png

MAX_SIDE = 1024
"""Longest side of a full view in pixels."""
THUMB = 288
"""Side of each half of a thumbnail in pixels."""
COLOURS = (
    (255, 0, 128), (0, 150, 255), (255, 190, 0), (0, 190, 110),
    (170, 90, 255), (255, 110, 30), (0, 200, 200), (150, 200, 0),
)  # fmt: skip
"""Colours of a picture's flaws, in their order (``--flaw-0`` ... in gallery.css)."""
_NAME = re.compile(r"[0-9a-f]{20}\.webp")


def square_around(box: Box, size: tuple[int, int], margin: float = 0.35) -> Box:
    """Return a square around `box` with a margin of `margin` times its side.

    The square is moved and, if necessary, shrunk to fit into a picture of `size` (width, height).
    """
    width, height = size
    side = max(box[2] - box[0], box[3] - box[1], 32) * (1 + 2 * margin)
    side = int(min(side, width, height))
    x0 = int((box[0] + box[2] - side) / 2)
    y0 = int((box[1] + box[3] - side) / 2)
    x0, y0 = max(0, min(x0, width - side)), max(0, min(y0, height - side))
    return (x0, y0, x0 + side, y0 + side)


def overlay(flaws: Image.Image) -> Image.Image:
    """Draw the flaws as tints with opaque outlines, transparent elsewhere (RGBA).

    Args:
        flaws: ``flaws.png``: 0, or the number of the flaw, from 1.
    """
    numbers = np.asarray(flaws)
    out = np.zeros((*numbers.shape, 4), np.uint8)
    for number in np.unique(numbers[numbers > 0]):
        inside = numbers == number
        grown = (
            np.asarray(Image.fromarray(inside).convert("L").filter(ImageFilter.MaxFilter(5))) > 0
        )
        out[grown, :3] = COLOURS[(number - 1) % len(COLOURS)]
        out[grown, 3] = 255
        out[inside, 3] = 90
    return Image.fromarray(out)


def thumbnail(real: Image.Image, artifact: Image.Image, box: Box) -> Image.Image:
    """Draw before and after side by side, cropped to the flaw."""
    around = square_around(box, real.size)
    out = Image.new("RGB", (2 * THUMB + 4, THUMB), "white")
    for column, picture in enumerate((real, artifact)):
        cut = picture.crop(around).resize((THUMB, THUMB), Image.Resampling.LANCZOS)
        out.paste(cut, (column * (THUMB + 4), 0))
    return out


class Pictures:
    """The page's ``images`` folder. A file that exists already is not encoded again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def _file_name(self, kind: str, *content: bytes) -> tuple[str, bool]:
        digest = hashlib.sha256(f"{kind} {MAX_SIDE} {THUMB}".encode())
        for data in content:
            digest.update(hashlib.sha256(data).digest())
        name = f"{digest.hexdigest()[:20]}.webp"
        self.used.add(name)
        return name, (self.folder / name).is_file()

    def _write(self, name: str, picture: Image.Image) -> None:
        picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        with replacing(self.folder / name) as partial:  # a truncated file would never be replaced
            picture.save(partial, "WEBP", quality=88, method=4)

    def view(self, picture: bytes) -> str:
        """Write a full view; return its file name."""
        name, exists = self._file_name("view", picture)
        if not exists:
            self._write(name, open_picture(picture))
        return name

    def mask(self, png: bytes) -> str:
        """Write ``flaws.png`` as an overlay; return its file name."""
        name, exists = self._file_name("flaws", png)
        if not exists:
            self._write(name, overlay(open_png(png, "L")))
        return name

    def thumb(self, real: bytes, artifact: bytes, box: Box) -> str:
        """Write a thumbnail, before and after around `box`; return its file name."""
        name, exists = self._file_name("thumb", real, artifact, str(box).encode())
        if not exists:
            self._write(name, thumbnail(open_picture(real), open_picture(artifact), box))
        return name

    def remove_unused(self) -> None:
        """Remove pictures of earlier pages that this page does not show."""
        for path in self.folder.iterdir():
            if _NAME.fullmatch(path.name) and path.name not in self.used:
                path.unlink()
