"""ultralytics: its check of the data file, and `YOLODataset` for boxes and for polygons."""
# pyright: reportMissingImports=false

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("YOLO_OFFLINE", "true")

import cv2
import numpy as np
from common import EXPORTS, Report, box_iou, decode_mask, mask_iou, read_pictures, snap
from ultralytics.cfg import get_cfg
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset
from ultralytics.utils import DEFAULT_CFG

SIDE = 640


def main() -> None:
    """Load all splits of both forms."""
    truth, report = read_pictures(), Report("ultralytics")
    for form in ("detect", "segment"):
        data = check_det_dataset(str(EXPORTS / "yolo" / form / "data.yaml"))
        names = list(data["names"].values())
        report.check(f"{form}: data file", len(names) == 4, ", ".join(names))
        seen: set[str] = set()
        boxes, masks, same_classes = [], [], True
        messages: list[str] = []
        for split in ("train", "val", "test"):
            if not data.get(split):
                continue
            found = YOLODataset(
                img_path=data[split], data=data, task=form, imgsz=SIDE, augment=False,
                hyp=get_cfg(DEFAULT_CFG), prefix=f"{split}: ",
            )  # fmt: skip
            path = EXPORTS / "yolo" / form / "labels" / f"{Path(data[split]).name}.cache"
            cache = np.load(path, allow_pickle=True).item()  # written by the line above
            _, missing, _, corrupt, total = cache["results"]
            messages += cache["msgs"]
            report.check(
                f"{form}: {split} scanned", not missing and not corrupt and total == len(found),
                f"{total} pictures, {missing} without label file, {corrupt} corrupt",
            )  # fmt: skip
            for number, label in enumerate(found.labels):
                name = Path(label["im_file"]).stem
                seen.add(name)
                flaws = truth[name]["flaws"]
                tools = [data["names"][int(c)] for c in label["cls"][:, 0]]
                same_classes &= tools == [flaw["tool"] for flaw in flaws]
                boxes += compare_boxes(label, flaws)
                if form == "segment" and flaws:
                    masks += compare_masks(label, flaws, truth[name]["size"])
                    sample = found[number]
                    same_classes &= len(sample["cls"]) == len(flaws)
        report.rows += len(seen)
        report.check(f"{form}: messages of the scan", not messages, "; ".join(messages) or "none")
        report.check(f"{form}: every picture", seen == set(truth), f"{len(seen)} of {len(truth)}")
        report.check(f"{form}: classes", same_classes)
        report.check(
            f"{form}: IoU of boxes", min(boxes) >= 0.98, f"{len(boxes)}, minimum {min(boxes):.3f}"
        )
        if masks:
            report.check(
                "segment: IoU of masks",
                min(masks) >= 0.9,
                f"{len(masks)}, minimum {min(masks):.3f}, median {np.median(masks):.3f}",
            )
    report.write()


def compare_boxes(label: dict, flaws: list[dict]) -> list[float]:
    """Return the IoU of each flaw's box."""
    height, width = label["shape"]
    found = []
    for (x, y, w, h), flaw in zip(label["bboxes"], flaws, strict=True):
        box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
        found.append(box_iou(box, snap(flaw["box"])))
    return found


def compare_masks(label: dict, flaws: list[dict], size: list[int]) -> list[float]:
    """Return the IoU of each flaw's mask with its polygon, filled at four times the size."""
    found = []
    for polygon, flaw in zip(label["segments"], flaws, strict=True):
        mask = np.zeros((size[1] * 4, size[0] * 4), np.uint8)
        corners = np.round(polygon * np.array(size) * 4 - 0.5).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1)
        found.append(mask_iou(mask[2::4, 2::4] > 0, decode_mask(flaw["counts"], size)))
    return found


main()
