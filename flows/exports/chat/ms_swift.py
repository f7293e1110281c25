"""ms-swift: conversations whose boxes it rewrites for each model, and preferences.

``<split>.jsonl`` holds placeholders ``<bbox>`` with ``objects``, in pixels of the exported
pictures; ms-swift turns them into the convention of the model that it trains and follows its
resizing. For models that cut tiles the numbers stay in the text: ms-swift would write InternVL's
boxes with ``<box>`` tags, and the answers would not be JSON. ``<split>.preference.jsonl`` is for
reward models and DPO: the clean picture in ``images``, the flawed one in ``rejected_images``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from flows.exports.chat import recipes
from flows.exports.chat.conversations import IMAGE, Conversation, find_target, load_questions
from flows.exports.chat.files import Limits, make_provenance, write_checked
from flows.exports.chat.targets import Target, write_box
from flows.exports.format import Format
from flows.exports.options import Options
from flows.exports.samples import Sample

READ_ME = """For [ms-swift](https://github.com/modelscope/ms-swift): `swift sft --dataset
train.jsonl ...`, and `swift rlhf --rlhf_type rm --dataset train.preference.jsonl ...` for a reward
model. Paths are relative to this folder: set `ROOT_IMAGE_DIR` to it. For Qwen's boxes as JSON
set `QWENVL_BBOX_FORMAT=new`. `lora.yaml` and `full.yaml` do all of this:

    cd FOLDER; swift sft lora.yaml --model MODEL
"""
LIMITS = Limits(
    pixels="    MAX_PIXELS={max_pixels} swift sft ...",
    tiles="""    MAX_NUM={tiles} swift sft ...

or, for models named `-HF`, `max_patches: {tiles}` in the model's `preprocessor_config.json`.""",
)


def write(samples: Iterable[Sample], folder: Path, options: Options) -> None:
    """Write pictures, conversations, preferences and configurations."""
    target, _ = find_target(options)
    files: dict[str, IO[str]] = {}
    with ExitStack() as stack:

        def append(name: str, line: dict[str, Any]) -> None:
            if name not in files:
                path = folder / f"{name}.jsonl"
                files[name] = stack.enter_context(path.open("w", encoding="utf-8"))
            files[name].write(json.dumps(line, ensure_ascii=False) + "\n")

        for conversation, images in write_checked(samples, folder, options, READ_ME, LIMITS):
            append(conversation.split, _make_line(conversation, images, target))
            if conversation.task == "pair":
                line = _make_preference(conversation, images)
                append(f"{conversation.split}.preference", line)
    recipes.write_swift(folder, options, files)


def _make_line(conversation: Conversation, images: list[str], target: Target) -> dict[str, Any]:
    question, answer = conversation.question, conversation.text
    regions = () if target.tile else conversation.regions
    for _, box, number in regions:
        numbers = str(write_box(box, conversation.pictures[number].size, target))
        question = question.replace(numbers, "<bbox>", 1)
        answer = answer.replace(numbers, "<bbox>", 1)
    boxes = [list(box) for _, box, _ in regions]
    line: dict[str, Any] = {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ],
        "images": images,
        **make_provenance(conversation),
    }
    if boxes:
        line["objects"] = {
            "ref": [],
            "bbox": boxes,
            "bbox_type": "real",
            "image_id": [number for _, _, number in regions],
        }
    return line


def _make_preference(conversation: Conversation, images: list[str]) -> dict[str, Any]:
    clean = next(n for n, p in enumerate(conversation.pictures) if not p.regions)
    (question,) = load_questions()["preference"]["questions"]
    answer = conversation.record.explanation.clean
    return {
        "messages": [
            {"role": "user", "content": IMAGE + question},
            {"role": "assistant", "content": answer},
        ],
        "images": [images[clean]],
        "rejected_images": [images[1 - clean]],
        **make_provenance(conversation),
    }


FORMAT = Format("ms-swift: boxes as objects, and clean-over-flawed preferences", write, chat=True)
