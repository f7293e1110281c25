"""TRL: ``data/<split>.parquet`` with embedded pictures and messages of content lists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.exports.chat.conversations import IMAGE, Conversation
from flows.exports.chat.files import Limits, make_provenance, write_checked
from flows.exports.format import Format
from flows.exports.options import Options
from flows.exports.parquet import SplitWriters
from flows.exports.samples import Sample

if TYPE_CHECKING:
    from datasets import Features

READ_ME = """For [TRL](https://github.com/huggingface/trl): `load_dataset("path/of/this/folder")`
gives `images` and `messages` as `SFTTrainer` reads them. Set `max_length=None`: truncation cuts
picture tokens. To learn answers only, split `messages` into `prompt` (the question) and
`completion` (the answer); `assistant_only_loss=True` needs a chat template that marks the answers,
which InternVL's does not. In flawfactory's checkout this does all of it:

    python -m applications.training.vlm.train --data FOLDER --model MODEL --to tuned
"""
LIMITS = Limits(
    pixels="    AutoProcessor.from_pretrained(..., max_pixels={max_pixels})",
    tiles="    AutoProcessor.from_pretrained(..., max_patches={tiles})",
)


def make_features() -> Features:
    """Make the columns' types."""
    from datasets import Features, Image, List, Value

    text = Value("string")
    message = {"role": text, "content": List({"type": text, "text": text})}
    return Features(
        {
            **dict.fromkeys(("id", "task", "pair", "licence", "origin", "creator"), text),
            "images": List(Image()),
            "messages": List(message),
        }
    )


def write(samples: Iterable[Sample], folder: Path, options: Options) -> None:
    """Write the parquet files."""
    (folder / "data").mkdir()
    with SplitWriters(folder / "data", make_features()) as writers:
        for conversation, images in write_checked(samples, folder, options, READ_ME, LIMITS):
            pictures = [
                {"bytes": (folder / name).read_bytes(), "path": Path(name).name} for name in images
            ]
            row = {"images": pictures, "messages": _make_messages(conversation)}
            writers.add(conversation.split, make_provenance(conversation) | row)


def _make_messages(conversation: Conversation) -> list[dict[str, Any]]:
    pictures = [{"type": "image", "text": ""} for _ in conversation.pictures]
    question = {"type": "text", "text": conversation.question.replace(IMAGE, "")}
    answer = {"type": "text", "text": conversation.text}
    return [
        {"role": "user", "content": [*pictures, question]},
        {"role": "assistant", "content": [answer]},
    ]


FORMAT = Format("TRL: parquet with embedded pictures and content lists", write, chat=True)
