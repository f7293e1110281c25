import json

import pytest

from benchmarks.perception import __main__ as command
from benchmarks.perception import labels
from benchmarks.perception.predictions import Perception
from stages.engine.workspace import Workspace


class BlindPerceiver:
    profile, revision = "none", "blind:0"

    def __call__(self, photo, image):
        assert image.shape == (photo.height, photo.width, 3)
        return []


def evaluate(shards):
    missing = []
    rows = list(command.score_photos(BlindPerceiver(), shards, labels.load(), missing))
    return command.make_report(BlindPerceiver(), rows, missing)


@pytest.fixture
def samples(monkeypatch):
    chosen = [p for p in labels.load() if p.collection != "people"][:16]
    monkeypatch.setattr(labels, "load", lambda path=labels.FIRST: chosen)
    return chosen


def test_blind_perceiver_finds_nothing_and_missing_shards_are_listed(samples, tmp_path):
    report = evaluate(tmp_path)
    here = [photo for photo in samples if photo.collection == "samples"]
    assert report.figures.photos == len(here) and 0 < len(here) < len(samples)
    assert report.missing == [p.name for p in samples if p.collection == "shards"]
    assert report.figures.recall["people"].count == 0 and not report.figures.parts
    assert report.figures.naming == {"none": sum(p.thing is not None for p in here)}


def test_comparison_warns_about_different_photos(samples, tmp_path, capsys):
    report = evaluate(tmp_path)
    for name in ("before", "after"):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(report.model_dump(mode="json")))
    command.print_comparison(tmp_path / "before.json", tmp_path / "after.json")
    text = capsys.readouterr().out
    assert "before | after" in text and "different photos" not in text
    fewer = report.model_copy(update={"photos": report.photos[:-1]})
    (tmp_path / "after.json").write_text(fewer.model_dump_json())
    command.print_comparison(tmp_path / "before.json", tmp_path / "after.json")
    assert "different photos" in capsys.readouterr().out


def test_committed_figures_follow_from_their_photos():
    folder = Workspace.find().root / "benchmarks/results"
    data = (folder / "perception-before.json").read_bytes()
    report = command.Report.model_validate_json(data)
    assert not report.missing
    assert command.compute_figures(report.photos) == report.figures


def test_perceived_entities_are_cached(tmp_path, monkeypatch, entity):
    calls = []

    class FakePerceiver:
        def perceive(self, image):
            calls.append(image.shape)
            return [entity("cat", (0, 0, 9, 9))]

    photo = next(p for p in labels.load() if p.collection == "samples")
    image = labels.read_photo(photo, tmp_path)
    first = Perception(None, tmp_path)
    monkeypatch.setattr(
        type(first._stage), "setup", lambda self: setattr(self, "perceiver", FakePerceiver())
    )
    entities = first(photo, image)
    assert Perception(None, tmp_path)(photo, image) == entities == first(photo, image)
    assert len(calls) == 1 and first.profile == "compact"
