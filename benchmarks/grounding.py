"""Measure the cost of the `grounded` back end's networks at their released size.

    python benchmarks/grounding.py [--device cuda] [--dtype bfloat16] [--phrases 8] [name ...]

Uses random weights: they cost the same as the released ones and detect nothing. Runs on one photo
of samples/, with the whole word list or its first phrases for a detector and 12 boxes for a
segmenter, and measures the second of two runs. On a shared CPU only ratios within one run are
meaningful.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.memory import read_peak
from benchmarks.stopping import UntilStopped
from stages.models.networks import torchvision_import
from stages.models.perceiver.grounded import sam_hq
from stages.models.perceiver.grounded.boxes import GroundingDino
from stages.models.perceiver.grounded.segment import Sam, Sam2, SamHq
from stages.models.vocabulary.words import WORDS

PHOTO = Path(__file__).parents[1] / "samples" / "photos" / "scikit-image" / "chelsea.png"
BOXES = [(20.0 * i, 10.0 * i, 200.0 + 20 * i, 150.0 + 10 * i) for i in range(12)]
PHRASES = [*WORDS, *sorted({kind for parts in WORDS.values() for kind in parts})]
SWIN = {
    "grounding-dino-tiny": {},
    "grounding-dino-base": {
        "embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32],
        "window_size": 12, "image_size": 384,
    },
}  # fmt: skip
HIERA_LARGE = {
    "model_type": "sam2_hiera_det_model", "hidden_size": 144, "num_attention_heads": 2,
    "blocks_per_stage": [2, 6, 36, 4], "embed_dim_per_stage": [144, 288, 576, 1152],
    "num_attention_heads_per_stage": [2, 4, 8, 16], "window_size_per_stage": [8, 4, 16, 8],
    "global_attention_blocks": [23, 33, 43],
    "window_positional_embedding_background_size": [7, 7],
}  # fmt: skip
Work = Callable[[], object]


@dataclass(frozen=True)
class Setting:
    """The input of the networks, their device and dtype."""

    image: Any
    phrases: list[str]
    device: str
    dtype: torch.dtype


def make_detector(name: str, setting: Setting) -> tuple[Any, Work]:
    """Create Grounding DINO with a tokenizer of one token per word, and its work."""
    hf: Any = importlib.import_module("transformers")
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?"}
    tokens = [special.get(i, f"[unused{i}]") for i in range(1030)]
    tokens += sorted({word for phrase in PHRASES for word in phrase.split()})
    tokens += [f"[more{i}]" for i in range(30522 - len(tokens))]
    swin = hf.SwinConfig(out_indices=[2, 3, 4], out_features=None, **SWIN[name])
    model = hf.GroundingDinoForObjectDetection(hf.GroundingDinoConfig(backbone_config=swin))
    tokenizer = hf.BertTokenizer(vocab={token: i for i, token in enumerate(tokens)})
    processor = hf.GroundingDinoProcessor(hf.GroundingDinoImageProcessor(), tokenizer)
    dino = GroundingDino(model, processor, setting.device, setting.dtype)
    return model, lambda: dino.detect(setting.image, setting.phrases)


def make_sam(name: str, setting: Setting) -> tuple[Any, Work]:
    """Create one of the three SAM models, and its work."""
    from segment_anything import sam_model_registry

    model = sam_model_registry[name.removeprefix("sam-").replace("-", "_")]()
    segmenter = Sam(model, setting.device, setting.dtype)
    return model, lambda: segmenter.segment(setting.image, BOXES)


def make_sam_hq(name: str, setting: Setting) -> tuple[Any, Work]:
    """Create one of the three SAM-HQ models, and its work."""
    import transformers as hf

    model = hf.SamHQModel(sam_hq.make_config(name))
    processor = hf.SamHQProcessor(hf.SamImageProcessor())
    segmenter = SamHq(model, processor, setting.device, setting.dtype)
    return model, lambda: segmenter.segment(setting.image, BOXES)


def make_sam2(_: str, setting: Setting) -> tuple[Any, Work]:
    """Create SAM 2.1 large, and its work."""
    import transformers as hf

    parts = {"backbone_config": HIERA_LARGE, "backbone_channel_list": [1152, 576, 288, 144]}
    model = hf.Sam2Model(hf.Sam2Config(vision_config={"model_type": "sam2_vision_model", **parts}))
    processor = hf.Sam2Processor(hf.Sam2ImageProcessor())
    segmenter = Sam2(model, processor, setting.device, setting.dtype)
    return model, lambda: segmenter.segment(setting.image, BOXES)


NETWORKS = {
    "grounding-dino-tiny": make_detector, "grounding-dino-base": make_detector,
    "sam-vit-b": make_sam, "sam-vit-l": make_sam, "sam-vit-h": make_sam,
    "sam-hq-vit-b": make_sam_hq, "sam-hq-vit-l": make_sam_hq, "sam-hq-vit-h": make_sam_hq,
    "sam2.1-hiera-large": make_sam2,
}  # fmt: skip


def measure_run(work: Work, device: str) -> tuple[float, float]:
    """Return the seconds of a second run, and the peak in GB of the GPU or of this process."""
    work()
    if device == "cpu":
        start = time.process_time()
        work()
        peak = read_peak()
        return time.process_time() - start, peak / 1e9
    torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - start, torch.cuda.max_memory_allocated() / 1e9


def main() -> None:
    """Print a table with a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NETWORKS), help=", ".join(NETWORKS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--phrases", type=int, default=len(PHRASES), help="how many of the list")
    args = parser.parse_args()
    torchvision_import.prepare()
    image = np.asarray(Image.open(PHOTO).convert("RGB"))
    dtype = getattr(torch, args.dtype)
    setting = Setting(image, PHRASES[: args.phrases], args.device, dtype)
    unit = "CPU seconds" if args.device == "cpu" else "seconds"
    table = Table(
        "network", "parameters (M)", unit, "peak (GB)", title=f"{args.device}, {args.dtype}"
    )
    networks = UntilStopped(measure(args.names, setting))
    for row in networks:
        table.add_row(*row)
    Console().print(table)
    networks.exit_if_stopped()


def measure(names: Sequence[str], setting: Setting) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows, one for each network."""
    for name in names:
        torch.manual_seed(0)
        model, work = NETWORKS[name](name, setting)
        parameters = sum(p.numel() for p in model.parameters()) / 1e6
        seconds, peak = measure_run(work, setting.device)
        yield name, f"{parameters:.0f}", f"{seconds:.2f}", f"{peak:.1f}"
        del model, work


if __name__ == "__main__":
    main()
