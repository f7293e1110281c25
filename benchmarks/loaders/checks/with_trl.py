"""TRL: `SFTTrainer` with tiny random models of the real classes; every row through its collator."""
# pyright: reportMissingImports=false

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import tiny_models
from common import EXPORTS, Boxes, Report, find_sizes, read_conversations, same_texts
from datasets import load_dataset
from transformers import AutoModelForImageTextToText, AutoProcessor
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer


def main() -> None:
    """Train one step and check all rows, for every target."""
    report = Report("trl")
    for target in ("qwen2.5-vl", "qwen3-vl", "internvl"):
        with tempfile.TemporaryDirectory() as folder:
            check_target(report, target, Path(folder))
    report.write()


def check_target(report: Report, target: str, work: Path) -> None:
    """Load an export as its read-me says."""
    folder, truth = EXPORTS / f"trl-{target}", read_conversations(f"trl-{target}")
    limit = json.loads((folder / "summary.json").read_bytes())["max_pixels"]
    bound = (
        {"max_patches": max(1, limit // 448**2)} if target == "internvl" else {"max_pixels": limit}
    )
    model = tiny_models.save_model(target, work / "models" / target, weights=True)
    processor = AutoProcessor.from_pretrained(model, **bound)
    splits: Any = load_dataset(str(folder), cache_dir=str(work / "cache"))
    arguments = SFTConfig(
        output_dir=str(work / "out"), max_length=None, max_steps=1, per_device_train_batch_size=2,
        report_to="none", use_cpu=True, bf16=False, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=AutoModelForImageTextToText.from_pretrained(model), args=arguments,
        train_dataset=splits["train"], processing_class=processor,
    )  # fmt: skip
    loss = trainer.train().training_loss
    report.check(f"{target}: a training step", loss > 0, f"loss {loss:.2f}")
    boxes, seen = Boxes(thousandths=target != "qwen2.5-vl"), set()
    texts, sizes, longest, estimated = 0, 0, 0, True
    for row in (row for split in splits.values() for row in split):
        expected = truth[row["id"]]
        seen.add(row["id"])
        batch = trainer.data_collator([row])
        tokens = batch["input_ids"][0]
        text = processor.tokenizer.decode(tokens)
        texts += not same_texts(text, expected)
        shown = find_sizes(batch, processor) or [picture.size for picture in row["images"]]
        sizes += [list(size) for size in shown] != expected["sizes"]
        boxes.compare(expected["question"] + expected["answer"], expected, shown)
        longest = max(longest, len(tokens))
        estimated &= len(tokens) <= expected["tokens"]
    report.rows += len(seen)
    report.check(f"{target}: every row", seen == set(truth), f"{len(seen)} of {len(truth)}")
    report.check(f"{target}: texts", not texts, f"{texts} differ")
    report.check(f"{target}: the processor keeps the pictures' size", not sizes, f"{sizes} resized")
    report.check(f"{target}: tokens at most our estimate", estimated, f"at most {longest}")
    boxes.report(report, target)


main()
