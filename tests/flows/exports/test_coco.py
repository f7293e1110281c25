import json
from pathlib import Path

import numpy as np
import pytest
from exporting import export
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from flows.exports.options import Options
from flows.exports.samples import Sample, read_samples


@pytest.mark.parametrize("options", [{}, {"max_side": 40, "picture_format": "jpeg"}])
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_pycocotools_evaluates_the_truth_to_one(
    kind: str, options: dict[str, object], published: Path, tmp_path: Path
) -> None:
    folder = export("coco", published, tmp_path / "coco", **options)
    for path in (folder / "annotations").glob("*.json"):
        truth = COCO(str(path))
        found = [
            {
                "image_id": a["image_id"],
                "category_id": a["category_id"],
                "bbox": a["bbox"],
                "segmentation": truth.annToRLE(a),
                "score": 1.0,
            }
            for a in truth.loadAnns(truth.getAnnIds())
        ]
        judged = COCOeval(truth, truth.loadRes(found), kind)
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
        assert judged.stats[0] == pytest.approx(1.0)


def test_masks_and_boxes_are_those_of_the_data_set(published: Path, tmp_path: Path) -> None:
    folder = export("coco", published, tmp_path / "coco")
    samples = {s.record.pair: s for s in read_samples(published, Options())}
    seen = 0
    for path in (folder / "annotations").glob("*.json"):
        coco = COCO(str(path))
        for image in coco.loadImgs(coco.getImgIds()):
            annotations = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
            assert bool(annotations) == (image["kind"] == "artifact")
            with Image.open(folder / "images" / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"])
            seen += _compare(coco, annotations, samples[image["pair"]])
    assert seen == sum(len(s.record.flaws) for s in samples.values())


def _compare(coco: COCO, annotations: list[dict], sample: Sample) -> int:
    for annotation, flaw in zip(annotations, sample.record.flaws, strict=False):
        x0, y0, x1, y1 = flaw.mask_box
        assert annotation["bbox"] == [x0, y0, x1 - x0, y1 - y0]
        assert coco.loadCats(annotation["category_id"])[0]["name"] == flaw.tool
        assert np.array_equal(coco.annToMask(annotation) > 0, sample.labels == flaw.index)
        assert (annotation["label"], annotation["text"]) == (flaw.label, flaw.text)
    return len(annotations)


def test_a_photo_is_exported_once_and_controls_on_request(published: Path, tmp_path: Path) -> None:
    def kinds(folder: Path) -> list[str]:
        found = [json.loads(p.read_bytes()) for p in (folder / "annotations").glob("*.json")]
        return [image["kind"] for document in found for image in document["images"]]

    pairs = len(list(read_samples(published, Options())))
    every = kinds(export("coco", published, tmp_path / "a"))
    assert (every.count("real"), every.count("control"), every.count("artifact")) == (
        12,
        pairs,
        pairs,
    )
    assert "control" not in kinds(export("coco", published, tmp_path / "b", control=False))
