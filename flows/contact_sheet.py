"""Draw a few pairs as one small picture."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

from stages.engine.storage.shard import read_samples
from stages.engine.workspace import FactoryError, Workspace
from stages.records.images import open_png

_CELL = 192
_MEMBERS = ("real.png", "control.png", "artifact.png", "mask.png")


def iterate_pairs(workspace: Workspace, limit: int | None = None) -> Iterator[dict[str, bytes]]:
    """Yield the members of each published pair, undecoded, in shard order.

    Does not use WebDataset, which takes a path for a URL and would interpret `#`, `?` or braces in
    the checkout's path.

    Raises:
        FactoryError: nothing is packaged yet.
    """
    shards = sorted(workspace.stage("package").glob("*.tar"))
    if not shards:
        raise FactoryError("no shards in data/package: run `flawfactory build`")
    yield from itertools.islice(itertools.chain.from_iterable(map(_samples, shards)), limit)


def _samples(shard: Path) -> Iterator[dict[str, bytes]]:
    with shard.open("rb") as file:
        for _, members in read_samples(file):
            yield members


def contact_sheet(workspace: Workspace, rows: int = 6) -> str:
    """Draw photo, control, flaw and mask of the first pairs; return a JPEG data URI."""
    from PIL import Image

    samples = list(iterate_pairs(workspace, rows))
    sheet = Image.new("RGB", (_CELL * len(_MEMBERS), _CELL * max(1, len(samples))), "white")
    for row, sample in enumerate(samples):
        for column, member in enumerate(_MEMBERS):
            cell = open_png(sample[member], "L" if member == "mask.png" else "RGB")
            cell.thumbnail((_CELL, _CELL))
            sheet.paste(cell, (column * _CELL, row * _CELL))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
