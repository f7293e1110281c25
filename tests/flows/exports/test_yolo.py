from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from exporting import export
from PIL import Image

from flows.exports.options import Options
from flows.exports.pictures import Region
from flows.exports.samples import read_samples
from flows.exports.yolo import trace
from stages.records.masks import bounding_box
from stages.tools import TOOLS


def fill(polygon: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Fill a polygon of pixel edges: a pixel is set if its centre is inside."""
    mask = np.zeros((shape[0] * 4, shape[1] * 4), np.uint8)
    cv2.fillPoly(mask, [np.round(polygon * 4 - 0.5).astype(np.int32)], 1)
    return mask[2::4, 2::4] > 0


def region(mask: np.ndarray) -> Region:
    return Region("extra eye", "add", "An eye too many.", bounding_box(mask), mask)


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_traced_polygon_covers_the_mask(pieces: int) -> None:
    mask = np.zeros((60, 80), bool)
    for n in range(pieces):
        mask[10 + 12 * n : 20 + 12 * n, 5 + 20 * n : 20 + 22 * n] = True
    mask[12, 5] = False
    filled = fill(trace(region(mask)), mask.shape)
    assert (filled & mask).sum() / (filled | mask).sum() > 0.97


def test_an_empty_mask_is_traced_as_its_box() -> None:
    empty = Region("a", "add", "b", (3, 4, 10, 12), np.zeros((20, 20), bool))
    assert trace(empty).tolist() == [[3, 4], [10, 4], [10, 12], [3, 12]]


def test_boxes_and_polygons_are_shares_of_the_picture(published: Path, tmp_path: Path) -> None:
    folder = export("yolo", published, tmp_path / "yolo")
    for sample in read_samples(published, Options()):
        record = sample.record
        stem = f"{record.split}/{record.pair}-artifact"
        boxes = (folder / "detect" / "labels" / f"{stem}.txt").read_text().splitlines()
        polygons = (folder / "segment" / "labels" / f"{stem}.txt").read_text().splitlines()
        for flaw, line, shape in zip(record.flaws, boxes, polygons, strict=True):
            tool, x, y, w, h = map(float, line.split())
            assert TOOLS[int(tool)] == flaw.tool
            found = [(x - w / 2) * 80, (y - h / 2) * 64, (x + w / 2) * 80, (y + h / 2) * 64]
            assert found == pytest.approx(flaw.mask_box, abs=1e-3)
            corners = np.array(shape.split()[1:], float).reshape(-1, 2) * (80, 64)
            filled, mask = fill(corners, (64, 80)), sample.labels == flaw.index
            assert (filled & mask).sum() / (filled | mask).sum() > 0.97


def test_clean_pictures_have_empty_labels_and_data_files_name_the_splits(
    published: Path, tmp_path: Path
) -> None:
    folder = export("yolo", published, tmp_path / "yolo", picture_format="webp")
    for form in ("detect", "segment"):
        data = yaml.safe_load((folder / form / "data.yaml").read_text())
        assert list(data["names"].values()) == list(TOOLS)
        for key, ours in {"train": "train", "val": "validation", "test": "test"}.items():
            images = sorted((folder / form / "images" / ours).glob("*"))
            assert data.get(key) == (f"images/{ours}" if images else None)
            for image in images:
                label = folder / form / "labels" / ours / f"{image.stem}.txt"
                assert bool(label.read_text()) == image.stem.endswith("-artifact")
                with Image.open(image) as picture:
                    assert picture.format == "WEBP"


def test_the_data_file_is_found_from_any_folder_and_has_the_required_keys(
    published: Path, tmp_path: Path
) -> None:
    """ultralytics takes ``path: .`` for the folder it was started in, and wants train and val."""
    folder = export("yolo", published, tmp_path / "yolo", splits=("validation",))
    text = (folder / "detect" / "data.yaml").read_text()
    data = yaml.safe_load(text)
    assert "path" not in data
    assert (data["train"], data["val"]) == (None, "images/validation")
    assert "No train split was exported" in text and "validation split" not in text
