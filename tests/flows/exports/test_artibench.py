import json
from pathlib import Path

import pytest
from exporting import export

from flows.exports.options import Options
from flows.exports.samples import read_samples
from stages.engine.workspace import FactoryError


def test_the_folder_has_the_form_that_the_evaluator_reads(published: Path, tmp_path: Path) -> None:
    folder = export("artibench", published, tmp_path / "set")
    samples = {f"{s.record.pair}-artifact": s.record for s in read_samples(published, Options())}
    flawed = 0
    for path in folder.glob("*/metadata.json"):
        for entry in json.loads(path.read_bytes()):
            assert (path.parent / "images" / f"{entry['id']}.png").is_file()
            assert entry["has_artifacts"] == bool(entry["bboxes"]) == bool(entry["artifacts"])
            if entry["has_artifacts"]:
                flawed += 1
                record = samples[entry["id"]]
                assert entry["bboxes"] == [list(flaw.mask_box) for flaw in record.flaws]
                assert entry["explanation"] == record.explanation.overall
                categories = {"add": "addition", "remove": "removal", "distort": "distortion"}
                assert [a["category"] for a in entry["artifacts"]] == [
                    categories.get(flaw.tool, "fusion") for flaw in record.flaws
                ]
            else:
                assert entry["explanation"] == "The photo is consistent."
    assert flawed == len(samples)


def test_other_picture_formats_are_refused(published: Path, tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match="has PNG pictures"):
        export("artibench", published, tmp_path / "set", picture_format="webp")
