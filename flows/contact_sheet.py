"""A few pairs as one small picture."""

from __future__ import annotations

import base64
import io
import itertools
import os
from collections.abc import Iterator
from typing import Any

from stages.engine.images import open_png
from stages.engine.workspace import FactoryError, Workspace

_CELL = 192
_MEMBERS = ("real.png", "control.png", "artifact.png", "mask.png")


def pairs(workspace: Workspace, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Published pairs as WebDataset samples with undecoded members, in shard order.

    Raises:
        FactoryError: nothing is packaged yet.
    """
    os.environ["WDS_SECURE"] = "1"  # no pickle, no shell: shards may come from elsewhere
    from webdataset.compat import WebDataset

    shards = sorted(str(path) for path in workspace.stage("package").glob("*.tar"))
    if not shards:
        raise FactoryError("no shards in data/package: run `flawfactory build`")
    dataset = WebDataset(shards, shardshuffle=False, empty_check=False)
    yield from itertools.islice(dataset, limit)


def contact_sheet(workspace: Workspace, rows: int = 6) -> str:
    """Photo, control, flaw and mask of the first pairs as a JPEG data URI."""
    from PIL import Image

    samples = list(pairs(workspace, rows))
    sheet = Image.new("RGB", (_CELL * len(_MEMBERS), _CELL * max(1, len(samples))), "white")
    for row, sample in enumerate(samples):
        for column, member in enumerate(_MEMBERS):
            cell = open_png(sample[member], "L" if member == "mask.png" else "RGB")
            cell.thumbnail((_CELL, _CELL))
            sheet.paste(cell, (column * _CELL, row * _CELL))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
