"""pycocotools: masks and boxes, and its evaluation of the truth against itself."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from common import EXPORTS, Report, box_iou, decode_mask, mask_iou, read_pictures
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def main() -> None:
    """Load every split."""
    truth, report, seen = read_pictures(), Report("pycocotools"), set()
    boxes, masks, classes = [], [], 0
    for path in sorted((EXPORTS / "coco" / "annotations").glob("*.json")):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(str(path))
            scores = [evaluate(coco, kind) for kind in ("bbox", "segm")]
        report.check(f"{path.stem}: AP of boxes and masks", min(scores) > 0.999, scores)
        for image in coco.loadImgs(coco.getImgIds()):
            name = image["file_name"].rpartition(".")[0]
            seen.add(name)
            found = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
            for annotation, flaw in zip(found, truth[name]["flaws"], strict=True):
                x, y, w, h = annotation["bbox"]
                boxes.append(box_iou([x, y, x + w, y + h], flaw["box"]))
                mask = decode_mask(flaw["counts"], truth[name]["size"])
                masks.append(mask_iou(coco.annToMask(annotation) > 0, mask))
                classes += coco.loadCats(annotation["category_id"])[0]["name"] != flaw["tool"]
    report.rows = len(seen)
    report.check("every picture", seen == set(truth), f"{len(seen)} of {len(truth)}")
    report.check("classes", not classes, f"{classes} differ")
    report.check("IoU of boxes", min(boxes) >= 0.98, f"{len(boxes)}, minimum {min(boxes):.3f}")
    report.check("IoU of masks", min(masks) == 1, f"{len(masks)}, minimum {min(masks):.3f}")
    report.write()


def evaluate(coco: Any, kind: Any) -> float:
    """Return the AP of a split's own truth as predictions."""
    found = [
        {
            "image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"],
            "segmentation": coco.annToRLE(a), "score": 1.0,
        }
        for a in coco.loadAnns(coco.getAnnIds())
    ]  # fmt: skip
    judged = COCOeval(coco, coco.loadRes(found), kind)
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    return float(judged.stats[0])


main()
