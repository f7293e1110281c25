"""Draw a few pairs as one small picture."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterator

from PIL import Image

from flows.published.shards import naming_damage
from stages.engine.storage.shard import read_samples
from stages.engine.workspace import FactoryError, Workspace
from stages.package.members import get_picture
from stages.records.images import open_picture, open_png

_CELL = 192
_PICTURES = ("real", "control", "artifact", "mask")


def draw_rows(workspace: Workspace) -> Iterator[list[Image.Image]]:
    """Draw the pictures of each published pair, small, in shard order.

    Does not use WebDataset, which takes a path for a URL and would interpret `#`, `?` or braces in
    the checkout's path.

    Raises:
        FactoryError: nothing is packaged yet, or a shard is damaged.
    """
    shards = sorted(workspace.stage("package").glob("*.tar"))
    if not shards:
        raise FactoryError("no shards in data/package: run `flawfactory build`")
    for shard in shards:
        with naming_damage(shard), shard.open("rb") as file:
            for _, members in read_samples(file):
                yield [_draw_cell(get_picture(members, name), name) for name in _PICTURES]


def _draw_cell(data: bytes, name: str) -> Image.Image:
    cell = open_png(data, "L") if name == "mask" else open_picture(data)
    cell.thumbnail((_CELL, _CELL))
    return cell


def contact_sheet(workspace: Workspace, rows: int = 6) -> str:
    """Draw photo, control, flaw and mask of the first pairs; return a JPEG data URI."""
    drawn = list(itertools.islice(draw_rows(workspace), rows))
    sheet = Image.new("RGB", (_CELL * len(_PICTURES), _CELL * max(1, len(drawn))), "white")
    for row, cells in enumerate(drawn):
        for column, cell in enumerate(cells):
            sheet.paste(cell, (column * _CELL, row * _CELL))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
