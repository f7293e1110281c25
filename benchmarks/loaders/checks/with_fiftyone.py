"""FiftyOne with its database: import as a `FiftyOneDataset`, views, masks, an evaluation."""
# ruff: noqa: E402
# pyright: reportMissingImports=false

from __future__ import annotations

import os
import tempfile

HOME = tempfile.mkdtemp(prefix="fiftyone-")
os.environ |= {
    "FIFTYONE_DATABASE_DIR": f"{HOME}/db",
    "FIFTYONE_DEFAULT_DATASET_DIR": f"{HOME}/sets",
    "FIFTYONE_DATABASE_VALIDATION": "false",  # the database of the registry is the oldest allowed
    "FIFTYONE_DO_NOT_TRACK": "true",
    "FIFTYONE_SHOW_PROGRESS_BARS": "false",
}

import fiftyone as fo
from common import EXPORTS, Report, box_iou, decode_mask, mask_iou, read_pictures
from fiftyone import ViewField as F
from PIL import Image


def main() -> None:
    """Import the export and compare it with the truth."""
    truth, report = read_pictures(), Report("fiftyone")
    found = fo.Dataset.from_dir(
        dataset_dir=str(EXPORTS / "fiftyone"), dataset_type=fo.types.FiftyOneDataset
    )
    pairs = {picture["pair"] for picture in truth.values()}
    report.check("groups", len(found.distinct("group.id")) == len(pairs), f"{len(pairs)} pairs")
    report.check("slices", sorted(found.group_slices) == ["artifact", "control", "photo"])
    report.check("first slice", found.group_slice == "artifact", found.group_slice)
    samples = found.select_group_slices(["artifact", "control", "photo"])
    report.rows = len(samples)
    missing, sizes, labels, boxes, masks = 0, 0, 0, [], []
    for sample in samples:
        name = os.path.basename(sample.filepath).rpartition(".")[0]  # noqa: PTH119
        expected = truth[name]
        missing += not os.path.isfile(sample.filepath)  # noqa: PTH113
        with Image.open(sample.filepath) as picture:
            size = picture.size
        expected_size = [sample.metadata.width, sample.metadata.height]
        sizes += not list(size) == expected["size"] == expected_size
        flaws = sample.flaws.detections
        labels += [f.label for f in flaws] != [flaw["tool"] for flaw in expected["flaws"]]
        labels += [f.text for f in flaws] != [flaw["text"] for flaw in expected["flaws"]]
        labels += sample.verdict.label != ("flawed" if expected["flaws"] else "clean")
        labels += sample.tags != [expected["split"]]
        for flaw, true in zip(flaws, expected["flaws"], strict=True):
            x, y, w, h = flaw.bounding_box
            box = [x * size[0], y * size[1], (x + w) * size[0], (y + h) * size[1]]
            boxes.append(box_iou(box, true["box"]))
            drawn = flaw.to_segmentation(frame_size=size).mask > 0
            masks.append(mask_iou(drawn, decode_mask(true["counts"], list(size))))
    report.check("files", not missing, f"{missing} missing")
    report.check("sizes as in the metadata", not sizes, f"{sizes} differ")
    report.check("labels, texts, verdicts and split tags", not labels, f"{labels} differ")
    report.check("IoU of boxes", min(boxes) >= 0.98, f"{len(boxes)}, minimum {min(boxes):.3f}")
    report.check("IoU of masks", min(masks) >= 0.98, f"{len(masks)}, minimum {min(masks):.3f}")
    check_use(report, found, truth)
    report.write()
    found.delete()


def check_use(report: Report, found, truth: dict) -> None:
    """Filter, count, evaluate, and export again."""
    counts = found.count_values("flaws.detections.label")
    tools = [flaw["tool"] for picture in truth.values() for flaw in picture["flaws"]]
    report.check("counts by tool", counts == {tool: tools.count(tool) for tool in tools}, counts)
    tool = tools[0]
    view = found.filter_labels("flaws", F("label") == tool)
    report.check("filter by tool", view.count("flaws.detections") == tools.count(tool))
    report.check("take", len(found.take(2, seed=1)) == min(2, len(found)))
    flawed = found.select_group_slices("artifact").clone()
    flawed.clone_sample_field("flaws", "predictions")
    numbers = flawed.values(F("predictions.detections").length())
    flawed.set_values("predictions.detections.confidence", [[1.0] * n for n in numbers])
    judged = flawed.evaluate_detections(
        "predictions", gt_field="flaws", eval_key="own", compute_mAP=True, use_masks=True
    )
    report.check("its own truth evaluated", judged.mAP() > 0.999, f"mAP {judged.mAP():.3f}")
    flawed.delete()
    again = f"{HOME}/again"
    found.export(export_dir=again, dataset_type=fo.types.FiftyOneDataset)
    other = fo.Dataset.from_dir(dataset_dir=again, dataset_type=fo.types.FiftyOneDataset)
    same = other.count("flaws.detections") == found.count("flaws.detections")
    report.check("exported by FiftyOne and read again", same)
    other.delete()


main()
