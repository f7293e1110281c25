"""LLaMA-Factory: sharegpt files, one a split, and ``dataset_info.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from flows.exports.chat import recipes
from flows.exports.chat.files import Limits, make_provenance, write_checked
from flows.exports.format import Format
from flows.exports.options import Options
from flows.exports.samples import Sample
from stages.engine.files import pretty_json

READ_ME = """For [LLaMA-Factory](https://github.com/hiyouga/LLaMA-Factory): set `dataset_dir` and
`media_dir` to this folder and `dataset` to `flawfactory_train`, as `lora.yaml` and `full.yaml` do:

    cd FOLDER; llamafactory-cli train lora.yaml model_name_or_path=MODEL

`full.yaml` trains language model and projector; a model of 7B then needs several GPUs and
DeepSpeed: add `deepspeed=CONFIG`.
"""
LIMITS = Limits(
    pixels="    image_max_pixels: {max_pixels}",
    tiles="    crop_to_patches: false  # true cuts up to 12 tiles, whatever the picture's size",
)


def write(samples: Iterable[Sample], folder: Path, options: Options) -> None:
    """Write pictures, conversations, index and configurations."""
    files: dict[str, IO[str]] = {}
    with ExitStack() as stack:
        for conversation, images in write_checked(samples, folder, options, READ_ME, LIMITS):
            split = conversation.split
            if split not in files:
                path = folder / f"{split}.jsonl"
                files[split] = stack.enter_context(path.open("w", encoding="utf-8"))
            turns = [
                {"role": "user", "content": conversation.question},
                {"role": "assistant", "content": conversation.text},
            ]
            line = {"messages": turns, "images": images, **make_provenance(conversation)}
            files[split].write(json.dumps(line, ensure_ascii=False) + "\n")
    index = {f"flawfactory_{split}": _describe(split) for split in sorted(files)}
    (folder / "dataset_info.json").write_bytes(pretty_json(index))
    recipes.write_llama_factory(folder, options, files)


def _describe(split: str) -> dict[str, object]:
    return {
        "file_name": f"{split}.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
        },
    }


FORMAT = Format("LLaMA-Factory: sharegpt with dataset_info.json", write, chat=True)
