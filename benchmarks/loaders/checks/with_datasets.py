"""datasets and huggingface_hub: the parquet export, streamed and not, and its card."""

from __future__ import annotations

import tempfile
from importlib.metadata import version

import numpy as np
from common import EXPORTS, Report, decode_mask, read_pictures
from datasets import load_dataset
from huggingface_hub import DatasetCard


def main() -> None:
    """Load all splits both ways."""
    truth, report = read_pictures(), Report("datasets")
    folder = str(EXPORTS / "huggingface")
    flawed = {p["pair"]: p for p in truth.values() if p["kind"] == "artifact"}
    with tempfile.TemporaryDirectory() as cache:
        for streaming in (False, True):
            check_rows(report, load_dataset(folder, streaming=streaming, cache_dir=cache), flawed)
    card = DatasetCard.load(EXPORTS / "huggingface" / "README.md")
    header = card.data.to_dict()
    splits = [file["split"] for file in header["configs"][0]["data_files"]]
    report.check(
        f"card read by huggingface_hub {version('huggingface_hub')}",
        set(splits) == {p["split"] for p in truth.values()} and header["license"], splits,
    )  # fmt: skip
    report.write()


def check_rows(report: Report, found, flawed: dict) -> None:
    """Compare the rows of a loaded data set with the truth."""
    way = type(next(iter(found.values()))).__name__
    features = {str(found[split].features) for split in found}
    rows = [row for split in found for row in found[split]]
    wrong = 0
    for row in rows:
        expected = flawed[row["pair"]]
        width, height = expected["size"]
        wrong += np.asarray(row["artifact"]).shape != (height, width, 3)
        wrong += len(row["flaws"]) != len(expected["flaws"])
        for flaw, true in zip(row["flaws"], expected["flaws"], strict=True):
            mask = decode_mask(true["counts"], expected["size"])
            wrong += not np.array_equal(np.asarray(flaw["mask"]) > 0, mask)
            wrong += flaw["box"] != true["box"]
    report.rows += len(rows)
    report.check(f"{way}: one set of features", len(features) == 1)
    report.check(f"{way}: every pair", {row["pair"] for row in rows} == set(flawed), len(rows))
    report.check(f"{way}: pictures, boxes and masks", not wrong, f"{wrong} differ")


main()
