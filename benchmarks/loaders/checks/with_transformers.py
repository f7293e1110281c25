"""transformers: the image processors of the three families on every exported picture."""
# pyright: reportMissingImports=false

from __future__ import annotations

import json
from typing import Any

import tiny_models  # noqa: F401 - makes torchvision importable
from common import EXPORTS, Boxes, Report, find_sizes, read_conversations
from PIL import Image
from transformers import GotOcr2ImageProcessor, Qwen2VLImageProcessor


class Processor:
    """What `find_sizes` reads of a processor."""

    def __init__(self, image_processor) -> None:
        self.image_processor = image_processor


def main() -> None:
    """Process the pictures of LLaMA-Factory's exports at the limit that their summary states."""
    report = Report("transformers")
    for target in ("qwen2.5-vl", "qwen3-vl", "internvl"):
        check_target(report, target)
    report.write()


def make_processor(target: str, limit: int) -> Any:
    """Make an image processor with the sizes of the released configurations."""
    if target == "internvl":
        return GotOcr2ImageProcessor(
            size={"height": 448, "width": 448}, crop_to_patches=True, min_patches=1,
            max_patches=max(1, limit // 448**2),
        )  # fmt: skip
    minimum, patch = (3136, 14) if target == "qwen2.5-vl" else (65536, 16)
    size = {"shortest_edge": minimum, "longest_edge": limit}
    return Qwen2VLImageProcessor(size=size, patch_size=patch)


def check_target(report: Report, target: str) -> None:
    """Compare sizes, boxes and token counts."""
    folder, truth = (
        EXPORTS / f"llama-factory-{target}",
        read_conversations(f"llama-factory-{target}"),
    )
    limit = json.loads((folder / "summary.json").read_bytes())["max_pixels"]
    processor = make_processor(target, limit)
    boxes, resized, tokens = Boxes(thousandths=target != "qwen2.5-vl"), 0, 0
    cached = {}
    for conversation in truth.values():
        for name, size in zip(conversation["pictures"], conversation["sizes"], strict=True):
            if name not in cached:
                picture = Image.open(folder / "images" / f"{name}.png")
                inputs = processor(picture, return_tensors="pt")
                seen = find_sizes(inputs, Processor(processor))
                count = (
                    seen[0][0] * seen[0][1] // (4 * processor.patch_size**2)
                    if seen
                    else 256 * len(inputs["pixel_values"])
                )
                cached[name] = (seen[0] if seen else picture.size), count
            resized += list(cached[name][0]) != size
        boxes.compare(
            conversation["question"] + conversation["answer"], conversation,
            [cached[name][0] for name in conversation["pictures"]],
        )  # fmt: skip
        tokens += sum(cached[n][1] for n in conversation["pictures"]) > conversation["tokens"]
    report.rows += len(cached)
    report.check(f"{target}: size kept", not resized, f"{len(cached)} pictures, {resized} resized")
    report.check(f"{target}: picture tokens within our estimate", not tokens)
    boxes.report(report, target)


main()
