"""LLaMA-Factory: its own reader, template and multimodal plugin, as its trainer calls them."""
# pyright: reportMissingImports=false

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

os.environ["DISABLE_VERSION_CHECK"] = "1"  # torch and transformers beyond the tested range

import tiny_models
import yaml
from common import EXPORTS, Boxes, Report, find_sizes, read_conversations, same_texts
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import DataArguments, ModelArguments, get_train_args
from llamafactory.model import load_tokenizer
from PIL import Image
from transformers import Seq2SeqTrainingArguments

TEMPLATES = {"qwen2.5-vl": "qwen2_vl", "qwen3-vl": "qwen3_vl_nothink", "internvl": "intern_vl"}


def main() -> None:
    """Read all splits for every target."""
    report = Report("llamafactory")
    for target in TEMPLATES:
        with tempfile.TemporaryDirectory() as folder:
            check_target(report, target, Path(folder))
    report.write()


def check_target(report: Report, target: str, work: Path) -> None:
    """Read an export as its read-me says."""
    folder, truth = (
        EXPORTS / f"llama-factory-{target}",
        read_conversations(f"llama-factory-{target}"),
    )
    limit = json.loads((folder / "summary.json").read_bytes())["max_pixels"]
    names = sorted(json.loads((folder / "dataset_info.json").read_bytes()))
    bound = {} if target == "internvl" else {"image_max_pixels": limit}
    model = ModelArguments(
        model_name_or_path=str(tiny_models.save_model(target, work / "models" / target)),
        cache_dir=str(work / "cache"), **bound,
    )  # fmt: skip
    data = DataArguments(
        dataset=",".join(names), dataset_dir=str(folder), template=TEMPLATES[target],
        cutoff_len=2048, overwrite_cache=True,
    )  # fmt: skip
    training = Seq2SeqTrainingArguments(
        output_dir=str(work / "out"), do_train=True, report_to="none", use_cpu=True,
        remove_unused_columns=False,
    )  # fmt: skip
    tools = load_tokenizer(model)
    template = get_template_and_fix_tokenizer(tools["tokenizer"], data)
    found = get_dataset(template, model, data, training, stage="sft", **tools)["train_dataset"]
    lines = [
        json.loads(line)
        for name in names
        for line in (folder / f"{name.removeprefix('flawfactory_')}.jsonl").open(encoding="utf-8")
    ]
    boxes, seen = Boxes(thousandths=target != "qwen2.5-vl"), set()
    texts, answers, sizes, longest, estimated = 0, 0, 0, 0, True
    for row, line in zip(found, lines, strict=True):
        expected = truth[line["id"]]
        seen.add(line["id"])
        text = tools["tokenizer"].decode(row["input_ids"])
        texts += not same_texts(text, expected)
        learned = tools["tokenizer"].decode([t for t in row["labels"] if t != -100])
        answers += learned.split("<|im_end|>")[0].strip() != expected["answer"]
        images = [Image.open(path).convert("RGB") for path in row["images"]]
        inputs = template.mm_plugin._get_mm_inputs(images, [], [], tools["processor"])
        shown = find_sizes(inputs, tools["processor"]) or [image.size for image in images]
        sizes += [list(size) for size in shown] != expected["sizes"]
        boxes.compare(expected["question"] + expected["answer"], expected, shown)
        longest = max(longest, len(row["input_ids"]))
        estimated &= len(row["input_ids"]) <= expected["tokens"]
    report.rows += len(seen)
    report.check(f"{target}: every row", seen == set(truth), f"{len(seen)} of {len(truth)}")
    report.check(f"{target}: texts", not texts, f"{texts} differ")
    report.check(f"{target}: only the answer is learned", not answers, f"{answers} differ")
    report.check(f"{target}: the plugin keeps the pictures' size", not sizes, f"{sizes} resized")
    report.check(f"{target}: tokens at most our estimate", estimated, f"at most {longest}")
    boxes.report(report, target)
    for method in ("lora", "full"):
        config = yaml.safe_load((folder / f"{method}.yaml").read_text(encoding="utf-8"))
        changes = {"model_name_or_path": model.model_name_or_path, "bf16": False, "use_cpu": True}
        parsed = get_train_args({**config, **changes, "output_dir": str(work / method)})
        tuning = parsed[3]
        frozen = tuning.freeze_vision_tower and not tuning.freeze_multi_modal_projector
        report.check(f"{target}: {method}.yaml", tuning.finetuning_type == method and frozen)


main()
