"""What the chat formats share: pictures written once, lines checked, a summary, a read-me."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.exports.chat.check import check, estimate_tokens
from flows.exports.chat.conversations import (
    Conversation,
    find_target,
    load_questions,
    make_conversations,
)
from flows.exports.chat.targets import Target, count_tiles
from flows.exports.options import Options
from flows.exports.pictures import encode, file_name
from flows.exports.samples import Sample
from stages.engine.files import pretty_json

IMAGES = "images"
_SHARED = """
Pictures have the size at which `{target}` sees them with at most {max_pixels} pixels; boxes are
{boxes}. Use the same limit when you train and when you run the model, or boxes will be off:

{limits}

`summary.json` counts the conversations by task and answer. Every task has as many clean pictures as
flawed ones, except `region` and `pair`, which ask about flaws only.
"""
_BOXES = {
    "pixels": "in pixels of these pictures, as [x0, y0, x1, y1]",
    "thousandths": "shares of the picture times 1000, as [x0, y0, x1, y1]",
}


@dataclass(frozen=True)
class Limits:
    """How a trainer is told the limit on pixels, as lines of its configuration."""

    pixels: str
    """For models that scale pictures; ``{max_pixels}`` is filled in."""
    tiles: str
    """For models that cut tiles; ``{tiles}``, their maximum number, is filled in."""

    def fill(self, target: Target, max_pixels: int) -> str:
        """Return the lines for a target."""
        if target.tile:
            return self.tiles.format(tiles=count_tiles(target, max_pixels))
        return self.pixels.format(max_pixels=max_pixels)


def write_checked(
    samples: Iterable[Sample], folder: Path, options: Options, read_me: str, limits: Limits
) -> Iterator[tuple[Conversation, list[str]]]:
    """Yield each conversation with the names of its picture files, relative to `folder`, and write
    those; after the last one, write ``summary.json`` and ``README.md``.

    Args:
        samples: the pairs.
        folder: the export's folder.
        options: those of the export.
        read_me: how to use the format.
        limits: how its trainer is told the limit.

    Raises:
        FactoryError: a conversation fails its check.
    """
    target, max_pixels = find_target(options)
    (folder / IMAGES).mkdir()
    counts: Counter[str] = Counter()
    most = 0
    for conversation in make_conversations(samples, options):
        files = [folder / IMAGES / file_name(p, options) for p in conversation.pictures]
        for picture, file in zip(conversation.pictures, files, strict=True):
            if not file.exists():
                file.write_bytes(encode(picture.pixels, options))
        check(conversation, files, target, max_pixels)
        kind = "flawed" if any(p.regions for p in conversation.pictures) else "clean"
        counts[f"{conversation.split}.{conversation.task}.{kind}"] += 1
        most = max(most, estimate_tokens(conversation, target, max_pixels))
        yield conversation, [f"{IMAGES}/{file.name}" for file in files]
    summary = {
        "target": options.target,
        "max_pixels": max_pixels,
        "boxes": target.boxes,
        "questions": load_questions()["version"],
        "conversations": dict(sorted(counts.items())),
        "max_tokens_estimate": most,
    }
    (folder / "summary.json").write_bytes(pretty_json(summary))
    shared = _SHARED.format(
        target=options.target,
        max_pixels=max_pixels,
        boxes=_BOXES[target.boxes],
        limits=limits.fill(target, max_pixels),
    )
    (folder / "README.md").write_text(f"# flawfactory conversations\n\n{read_me}{shared}", "utf-8")


def make_provenance(conversation: Conversation) -> dict[str, Any]:
    """Return the fields that say where a conversation comes from."""
    record = conversation.record
    return {
        "id": conversation.id,
        "task": conversation.task,
        "pair": record.pair,
        "licence": record.licence,
        "origin": record.origin,
        "creator": record.creator,
    }
