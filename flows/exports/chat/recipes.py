"""Configurations of LLaMA-Factory and ms-swift, with the limits of the export.

``lora.yaml`` trains an adapter, ``full.yaml`` language model and projector; the vision tower is
frozen in both. The model is named on the command line. Batch, rate and schedule follow the recipe
of ArtiAgent's tuned models where it says them (docs/tuning.md).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from flows.exports.chat.check import MAX_TOKENS
from flows.exports.chat.conversations import find_target
from flows.exports.chat.targets import count_tiles
from flows.exports.options import Options

TEMPLATES = {"qwen2.5-vl": "qwen2_vl", "qwen3-vl": "qwen3_vl_nothink", "internvl": "intern_vl"}
"""Target to LLaMA-Factory's template."""
RATES = {"lora": 1e-4, "full": 1e-5}
_RANK = 16
_RUN: dict[str, Any] = {
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 16,
    "num_train_epochs": 1.0,
    "lr_scheduler_type": "cosine",
    "logging_steps": 10,
    "save_steps": 100,
    "save_total_limit": 2,
    "output_dir": "tuned",
    "report_to": "none",
}


def write_llama_factory(folder: Path, options: Options, splits: Collection[str]) -> None:
    """Write ``lora.yaml`` and ``full.yaml`` for ``llamafactory-cli train``."""
    _, max_pixels = find_target(options)
    data: dict[str, Any] = {
        "stage": "sft",
        "do_train": True,
        "template": TEMPLATES[options.target],
        "dataset_dir": ".",
        "media_dir": ".",
        "dataset": "flawfactory_train",
        "cutoff_len": MAX_TOKENS,
        "image_max_pixels": max_pixels,
        "freeze_vision_tower": True,
        "freeze_multi_modal_projector": False,
        "bf16": True,
        "warmup_ratio": 0.1,
        "trust_remote_code": False,
    }
    if find_target(options)[0].tile:
        data["crop_to_patches"] = False
    if "validation" in splits:
        data |= {"eval_dataset": "flawfactory_validation", "eval_strategy": "steps",
                 "eval_steps": 100, "per_device_eval_batch_size": 1}  # fmt: skip
    for method, rate in RATES.items():
        lora = {"lora_rank": _RANK, "lora_target": "all"} if method == "lora" else {}
        chosen = {"finetuning_type": method, "learning_rate": rate, **lora}
        _write(folder / f"{method}.yaml", data | chosen | _RUN)


def write_swift(folder: Path, options: Options, splits: Collection[str]) -> None:
    """Write ``lora.yaml`` and ``full.yaml`` for ``swift sft``."""
    target, max_pixels = find_target(options)
    limit = {"MAX_NUM": count_tiles(target, max_pixels)} if target.tile else {
        "MAX_PIXELS": max_pixels}  # fmt: skip
    variables = {**limit, "ROOT_IMAGE_DIR": "."}
    if not target.tile:
        variables["QWENVL_BBOX_FORMAT"] = "new"
    data: dict[str, Any] = {
        "ENV": variables,
        "dataset": ["train.jsonl"],
        "strict": True,
        "max_length": MAX_TOKENS,
        "freeze_vit": True,
        "freeze_aligner": False,
        "torch_dtype": "bfloat16",
        "warmup_ratio": 0.1,
        "split_dataset_ratio": 0.0,
    }
    if "validation" in splits:
        data |= {"val_dataset": ["validation.jsonl"], "eval_strategy": "steps", "eval_steps": 100,
                 "per_device_eval_batch_size": 1}  # fmt: skip
    for method, rate in RATES.items():
        lora = {"lora_rank": _RANK, "lora_alpha": 2 * _RANK, "target_modules": ["all-linear"]}
        chosen = {"tuner_type": method, "learning_rate": rate, **(lora if method == "lora" else {})}
        _write(folder / f"{method}.yaml", data | chosen | _RUN)


def _write(path: Path, config: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
