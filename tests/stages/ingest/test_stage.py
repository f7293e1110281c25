from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from stages.engine.runner import gather, run
from stages.engine.stage import BaseParams, RejectForNow, RejectPhoto, Sample
from stages.engine.storage.source_list import Names
from stages.engine.storage.tables import read_table
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.scan import scan
from stages.ingest.sources import withdraw
from stages.ingest.stage import IngestParams, IngestStage
from stages.records.documents import Photo


def make_stage(**params):
    return IngestStage(IngestParams.model_validate(params), BaseParams())


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    (tmp_path / "factory.toml").write_text('[executor]\nkind = "inline"\n')
    (tmp_path / "photos").mkdir()
    return Workspace(tmp_path)


def write_photos(workspace, files):
    for name, data in files.items():
        (workspace.root / "photos" / name).write_bytes(data)


def entries(workspace, stage):
    scan([workspace.root / "photos"], workspace)
    return stage.entries(workspace.sources)


def sample(workspace, stage):
    (entry,), _ = entries(workspace, stage)
    return Sample(entry.key, {"source": entry.source, "place": entry.place}, {})


def test_photo_becomes_document_and_png(workspace, make):
    write_photos(workspace, {"a ü.jpg": make(1, "JPEG", size=(800, 400))})
    stage = make_stage(max_side=400)
    given = sample(workspace, stage)
    output = stage.process(given)
    photo = Photo.model_validate(output.document)
    image = Image.open(io.BytesIO(output.members["photo.png"]))
    assert (photo.width, photo.height) == image.size == (400, 200)
    assert photo.scaled_from == (800, 400) and photo.key == given.key == photo.source_sha256[:16]
    assert photo.source_format == "JPEG"
    assert stage.process(given).members == output.members
    (row,) = stage.rows(json.loads(output.document.model_dump_json()))
    assert row["scaled"] is True and row["phash"] == photo.phash and row["notes"] == ""


@pytest.mark.parametrize("change,code", [("edit", "changed_since_scan"), ("remove", "missing")])
def test_reject_of_a_changed_file_is_not_stored(workspace, make, change, code):
    write_photos(workspace, {"a.png": make(1)})
    stage = make_stage()
    given = sample(workspace, stage)
    path = workspace.root / "photos" / "a.png"
    path.unlink()
    if change == "edit":
        path.write_bytes(make(2))
    with pytest.raises(RejectForNow) as out:
        stage.process(given)
    assert out.value.code == code


def test_missing_folder_stops_the_stage_with_the_remedy(workspace, make, tmp_path_factory):
    pictures = tmp_path_factory.mktemp("Pictures")
    (pictures / "a.png").write_bytes(make(1))
    scan([pictures], workspace)
    stage = make_stage()
    (entry,), _ = stage.entries(workspace.sources)
    given = Sample(entry.key, {"source": entry.source, "place": entry.place}, {})
    assert stage.process(given).members
    (pictures / "a.png").rename(tmp_path_factory.mktemp("new") / "a.png")
    pictures.rmdir()
    with pytest.raises(FactoryError, match=r"a.png is needed.*flawfactory locate FOLDER"):
        stage.process(given)


def test_names_and_places_of_a_photo_are_in_no_key(workspace, make):
    write_photos(workspace, {"a.png": make(1), "b.png": make(2)})
    scan([workspace.root / "photos"], workspace)
    before = gather(make_stage(), workspace)
    (workspace.root / "photos").rename(workspace.root / "moved")
    (workspace.root / "moved" / "LICENCES.toml").write_text('[default]\nlicence = "CC0-1.0"\n')
    scan([workspace.root / "moved"], workspace, batch="May", replace=True)
    after = gather(make_stage(), workspace)
    assert [unit.store_key for unit in after.units] == [unit.store_key for unit in before.units]
    assert [unit.documents for unit in after.units] != [unit.documents for unit in before.units]


def test_max_bytes_is_enforced(workspace, make):
    write_photos(workspace, {"a.png": make(1)})
    stage = make_stage(max_bytes=100)
    with pytest.raises(RejectPhoto) as out:
        stage.process(sample(workspace, stage))
    assert out.value.code == "too_large" and not isinstance(out.value, RejectForNow)


def test_picture_of_one_colour_is_rejected(workspace):
    buffer = io.BytesIO()
    Image.new("L", (300, 300), 128).save(buffer, "JPEG")
    write_photos(workspace, {"grey.jpg": buffer.getvalue()})
    stage = make_stage()
    with pytest.raises(RejectPhoto) as out:
        stage.process(sample(workspace, stage))
    assert out.value.code == "blank"
    assert "one colour (#808080)" in out.value.message


def test_notes_are_in_the_row(workspace, make):
    image = Image.open(io.BytesIO(make(1)))
    image.paste("white", (0, 120, 200, 150))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    write_photos(workspace, {"a.png": buffer.getvalue()[:-12]})
    stage = make_stage()
    document = stage.process(sample(workspace, stage)).document
    (row,) = stage.rows(json.loads(document.model_dump_json()))
    assert row["notes"] == "end_marker_missing flat_tail"


def test_groups_join_near_duplicates_to_the_first(workspace, make):
    stage = make_stage(near_duplicate_distance=6)
    rows = [
        {"key": "a" * 16, "phash": "00000000000000ff"},
        {"key": "b" * 16, "phash": "00000000000000fc"},
        {"key": "c" * 16, "phash": "ffffffff00000000"},
    ]
    assert [row["group"][0] for row in stage.finish(rows)] == ["a", "a", "c"]
    assert [row["group"][0] for row in make_stage(near_duplicate_distance=1).finish(rows)] == [
        *"abc"
    ]


def test_params_errors_name_the_problem():
    with pytest.raises(ValidationError, match="must not be above `max_side`, 1536"):
        make_stage(min_side=2000)
    with pytest.raises(ValidationError, match="max_pixel"):
        make_stage(max_pixel=3)


def test_folder_of_bad_files_gives_records_and_rejects(workspace, make, bad_files):
    """Process all kinds of bad input at once with the engine, and check the gate's result."""
    write_photos(workspace, {name: data for name, (data, _) in bad_files.items()})
    grey = np.linspace(0, 65535, 200 * 150).reshape(150, 200).astype(np.uint16)
    sixteen, cmyk = io.BytesIO(), io.BytesIO()
    Image.fromarray(grey).save(sixteen, "PNG")
    Image.open(io.BytesIO(make(31))).convert("CMYK").save(cmyk, "JPEG")
    good = {
        "with spaces ü.jpg": make(30, "JPEG"),
        "cmyk.jpg": cmyk.getvalue(),
        "sixteen.png": sixteen.getvalue(),
        "twin a.png": make(32),
    }
    write_photos(workspace, {**good, "twin b.png": make(32), "empty.jpg": b""})
    os.mkfifo(workspace.root / "photos" / "fifo.jpg")
    scan([workspace.root / "photos"], workspace)
    verdict = run(make_stage(), workspace)
    assert verdict.success, [str(check) for check in verdict.failures]
    folder = workspace.stage("ingest")
    rows = read_table(folder / "manifest.parquet")
    names = Names.of_list(workspace.sources)
    assert {Path(names.name(row["key"])).name for row in rows} == set(good)
    expected = {name: code for name, (_, code) in bad_files.items()}
    expected |= {"twin b.png": "duplicate", "empty.jpg": "empty", "fifo.jpg": "not_a_file"}
    rejects = read_table(folder / "rejects.parquet")
    lines = [json.loads(reject["evidence"]).get("line") for reject in rejects]
    found = {
        Path(names.name(reject["key"], line)).name: reject["code"]
        for reject, line in zip(rejects, lines, strict=True)
    }
    assert found == expected


def test_files_set_aside_do_not_count_as_rejects(workspace, make, bad_files):
    """Each kind would be more than half of the list; the gate judges as on a large set."""
    folder = workspace.root / "photos"
    tiff, icon = bad_files["scan.tiff"][0], bad_files["one pixel.png"][0]
    write_photos(workspace, {f"copy {n}.png": make(1) for n in range(3)})
    write_photos(workspace, {f"gone {n}.png": make(20 + n) for n in range(3)})
    write_photos(workspace, {f"{n}.tiff": tiff + bytes([n]) for n in range(6)})
    write_photos(workspace, {f"icon {n}.png": icon for n in range(2)})
    for edit in range(3):  # three successive contents of one file
        write_photos(workspace, {"edited.png": make(10 + edit)})
        scan([folder], workspace)
    for number in range(3):
        withdraw(workspace, f"photos/gone {number}.png", "her wish")
    verdict = run(make_stage(gate={"max_reject_rate": 0.0, "min_photos": 1}), workspace)
    assert verdict.success, [str(check) for check in verdict.failures]
    numbers = json.loads((workspace.stage("ingest") / "metrics.json").read_bytes())
    counts = {name: numbers[f"photos_{name}"] for name in ("accepted", "rejected", "aside")}
    assert counts == {"accepted": 2, "rejected": 0, "aside": 15}


def test_gate_names_photos_that_are_too_large(workspace, make, monkeypatch):
    write_photos(workspace, {"a.png": make(1), "b.png": make(2, size=(500, 300))})
    scan([workspace.root / "photos"], workspace)
    monkeypatch.setattr("stages.ingest.decode._scale_size", lambda size, max_side: size)
    verdict = run(make_stage(max_side=400), workspace)
    (failure,) = verdict.failures
    assert [Path(name).name for name in failure.examples] == ["b.png"]
    assert "width must be at least 128 and at most 400" in failure.message
    assert "500" in failure.observed and "photos/b.png" in failure.message
