"""ms-swift: `load_dataset` and the encoding of its templates, for training and for preferences."""
# pyright: reportMissingImports=false

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

os.environ |= {"QWENVL_BBOX_FORMAT": "new", "USE_HF": "1", "SWIFT_PATCH_CONV3D": "0"}

import tiny_models
from common import EXPORTS, Boxes, Report, find_sizes, read_conversations, same_texts, split_turns

TYPES = {
    "qwen2.5-vl": ("qwen2_5_vl", "qwen2_5_vl"),
    "qwen3-vl": ("qwen3_vl", "qwen3_vl"),
    "internvl": ("internvl", "internvl_hf"),
}
"""Target to ms-swift's model and template."""


def main() -> None:
    """Read all splits for every target."""
    report = Report("ms-swift")
    for target in TYPES:
        with tempfile.TemporaryDirectory() as folder:
            check_target(report, target, Path(folder))
    report.write()


def check_target(report: Report, target: str, work: Path) -> None:
    """Read an export as its read-me says."""
    folder, truth = EXPORTS / f"ms-swift-{target}", read_conversations(f"ms-swift-{target}")
    limit = json.loads((folder / "summary.json").read_bytes())["max_pixels"]
    os.environ.pop("IMAGE_MAX_TOKEN_NUM", None)  # left by the target before
    os.environ |= {"MAX_PIXELS": str(limit), "ROOT_IMAGE_DIR": str(folder)}
    from swift.dataset import load_dataset
    from swift.model import get_processor
    from swift.template import get_template

    model = tiny_models.save_model(target, work / "models" / target)
    model_type, template_type = TYPES[target]
    processor = get_processor(str(model), model_type=model_type)
    if target == "internvl":
        processor.image_processor.max_patches = max(1, limit // 448**2)
    template = get_template(processor, template_type=template_type)
    template.set_mode("train")
    boxes, seen = Boxes(thousandths=target != "qwen2.5-vl"), set()
    texts, answers, sizes, longest, estimated = 0, 0, 0, 0, True
    preferences = sorted(folder.glob("*.preference.jsonl"))
    for path in sorted(set(folder.glob("*.jsonl")) - set(preferences)):
        found, _ = load_dataset(str(path), load_from_cache_file=False, strict=True)
        lines = [json.loads(line) for line in path.open(encoding="utf-8")]
        for row, line in zip(found, lines, strict=True):
            expected = truth[line["id"]]
            seen.add(line["id"])
            encoded = template.encode(dict(row))
            text = processor.tokenizer.decode(encoded["input_ids"])
            texts += not same_texts(text, expected)
            learned = processor.tokenizer.decode([t for t in encoded["labels"] if t != -100])
            answers += learned.split("<|im_end|>")[0].strip() != expected["answer"]
            shown = find_sizes(encoded, processor) or expected["sizes"]
            sizes += [list(size) for size in shown] != expected["sizes"]
            boxes.compare("".join(split_turns(text)), expected, shown)
            longest = max(longest, len(encoded["input_ids"]))
            estimated &= len(encoded["input_ids"]) <= expected["tokens"]
    report.rows += len(seen)
    report.check(f"{target}: every row", seen == set(truth), f"{len(seen)} of {len(truth)}")
    report.check(f"{target}: texts with boxes filled in", not texts, f"{texts} differ")
    report.check(f"{target}: only the answer is learned", not answers, f"{answers} differ")
    report.check(f"{target}: the template keeps the pictures' size", not sizes, f"{sizes} resized")
    report.check(f"{target}: tokens at most our estimate", estimated, f"at most {longest}")
    boxes.report(report, target)
    check_preferences(report, target, template, preferences, load_dataset)
    for method in ("lora", "full"):
        check_recipe(report, target, folder, method, model, work)


def check_recipe(
    report: Report, target: str, folder: Path, method: str, model: Path, work: Path
) -> None:
    """Parse a configuration as ``swift sft`` does."""
    from swift.arguments import SftArguments
    from swift.cli.main import parse_yaml_args
    from swift.utils import parse_args

    arguments = [str(folder / f"{method}.yaml")]
    parse_yaml_args(arguments)
    names = ("model", "model_type", "template", "output_dir", "torch_dtype")
    values = (str(model), *TYPES[target], str(work / method), "float32")
    for name, value in zip(names, values, strict=True):
        arguments += [f"--{name}", value]
    parsed, unknown = parse_args(SftArguments, arguments)
    frozen = parsed.freeze_vit and not parsed.freeze_aligner
    found = parsed.tuner_type == method and frozen and not unknown
    report.check(f"{target}: {method}.yaml", found, str(unknown))


def check_preferences(report: Report, target: str, template, paths: list[Path], load) -> None:
    """Encode the preference rows as for a reward model."""
    template.set_mode("rlhf")
    rows, same = 0, 0
    for path in paths:
        found, _ = load(str(path), load_from_cache_file=False, strict=True)
        for row in found:
            encoded = template.encode(dict(row))
            rows += 1
            chosen, rejected = (encoded[f"{name}_pixel_values"] for name in ("chosen", "rejected"))
            same += chosen.shape == rejected.shape and bool((chosen == rejected).all())
            same += encoded["chosen_input_ids"] != encoded["rejected_input_ids"]
    report.rows += rows
    report.check(
        f"{target}: preferences, two pictures with one text", rows and not same,
        f"{rows} rows, {same} wrong",
    )  # fmt: skip


main()
