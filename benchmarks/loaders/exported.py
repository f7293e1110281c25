"""Write the exports to check, and beside them what a reader of each must find."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from flows.exports import load_format
from flows.exports.chat.check import estimate_tokens
from flows.exports.chat.conversations import Conversation, find_target, make_conversations
from flows.exports.options import Options
from flows.exports.pictures import list_pictures
from flows.exports.samples import Sample, read_samples
from stages.records import masks

PICTURES = "truth-pictures.json"


def export(samples: list[Sample], folder: Path, name: str, target: str) -> None:
    """Write one export into ``<folder>/<name>[-<target>]`` and its conversations' truth beside it.

    Args:
        samples: the pairs.
        folder: where the exports go.
        name: format.
        target: family of models, for formats with conversations; else empty.
    """
    options = Options(target=target)
    label = f"{name}-{target}" if target else name
    place = folder / label
    place.mkdir(parents=True)
    load_format(name).write(samples, place, options)
    if target:
        found = make_conversations(samples, options)
        truth = {c.id: describe_conversation(c, options) for c in found}
        (folder / f"{label}.truth.json").write_text(json.dumps(truth), encoding="utf-8")


def describe_pictures(samples: list[Sample], folder: Path) -> None:
    """Write the size and the flaws of every exported picture to `PICTURES`."""
    options = Options()
    truth = {
        picture.name: {
            "split": picture.record.split,
            "pair": picture.record.pair,
            "kind": picture.kind,
            "size": picture.size,
            "flaws": [
                {
                    "tool": region.tool,
                    "label": region.label,
                    "text": region.text,
                    "box": region.box,
                    "counts": masks.encode(region.mask).counts,
                }
                for region in picture.regions
            ],
        }
        for picture in list_pictures(samples, options)
    }
    (folder / PICTURES).write_text(json.dumps(truth), encoding="utf-8")


def read_some(package: Path, pairs: int) -> list[Sample]:
    """Read the first `pairs` pairs of every split."""
    seen: Counter[str] = Counter()
    found: list[Sample] = []
    for sample in read_samples(package, Options()):
        seen[sample.record.split] += 1
        if seen[sample.record.split] <= pairs:
            found.append(sample)
    return found


def describe_conversation(conversation: Conversation, options: Options) -> dict[str, Any]:
    """Return texts, picture sizes and boxes; boxes as shares of the picture, from the record."""
    record = conversation.record
    name = conversation.id.rpartition(":")[2]
    flaws = record.flaws if conversation.regions else []
    if name.startswith("region-"):
        flaws = [record.flaws[int(name.removeprefix("region-"))]]
    return {
        "task": conversation.task,
        "tokens": estimate_tokens(conversation, *find_target(options)),
        "split": conversation.split,
        "question": conversation.question,
        "answer": conversation.text,
        "pictures": [picture.name for picture in conversation.pictures],
        "sizes": [picture.size for picture in conversation.pictures],
        "boxes": [
            {
                "label": flaw.label,
                "number": number,
                "share": [
                    side / (record.width, record.height)[i % 2]
                    for i, side in enumerate(flaw.mask_box)
                ],
            }
            for flaw, (_, _, number) in zip(flaws, conversation.regions, strict=True)
        ],
    }
