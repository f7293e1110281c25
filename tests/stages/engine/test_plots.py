import json

from toy.double.stage import DoubleStage
from toy.source.stage import SourceStage

from stages.engine import plots
from stages.engine.stage import Reject


def test_values_are_counted_between_edges_and_those_outside_in_the_first_and_last_bin() -> None:
    bins = plots.make_histogram([-1, 0, 0.5, 1, 1.9, 2, 7], [0, 1, 2])
    assert [(b["from"], b["to"], b["count"]) for b in bins] == [(0, 1, 3), (1, 2, 4)]


def test_outcomes_count_photos_and_variants_by_code() -> None:
    rejects = [
        Reject("a", None, "copy", ""),
        Reject("b", "v0", "weak", ""),
        Reject("b", "v1", "weak", ""),
    ]
    numbers = {"photos_accepted": 2, "variants_accepted": 5}
    rows = plots.count_outcomes("filter", numbers, rejects, {"copy"})
    assert [tuple(row.values())[1:] for row in rows] == [
        ("photos", "accepted", "", 2),
        ("photos", "aside", "copy", 1),
        ("flaws", "accepted", "", 5),
        ("flaws", "rejected", "weak", 2),
    ]


def test_a_stage_without_variants_has_no_row_of_them() -> None:
    rows = plots.count_outcomes("ingest", {"photos_accepted": 2}, [], ())
    assert [row["unit"] for row in rows] == ["photos"]


def test_texts_cannot_end_the_script_of_dvcs_page(tmp_path) -> None:
    plots.write_plots(tmp_path, {"names": [{"name": "</script><script>x()</script>", "count": 1}]})
    text = (tmp_path / "names.json").read_text()
    assert "<" not in text and json.loads(text)[0]["count"] == 1


def test_a_run_writes_outcomes_and_the_metrics_that_its_stage_declares(
    factory, monkeypatch
) -> None:
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(factory.root))
    factory.sources(
        {"key": "0" * 16, "text": "a", "act": ""}, {"key": "1" * 16, "text": "b?", "act": ""}
    )
    factory.run(SourceStage, DoubleStage)
    rows = json.loads((factory.workspace.stage("double") / "outcomes.json").read_text())
    assert {(row["unit"], row["outcome"]): row["count"] for row in rows} == {
        ("photos", "accepted"): 2,
        ("flaws", "accepted"): 3,
        ("flaws", "rejected"): 1,
    }
    metrics = factory.metrics("double")
    assert metrics["variants_accepted"] == 3 and metrics["tool.add"] == 2
    assert not {"length.mean", "variants_missing", "photos_extra"} & metrics.keys()
    assert not any(name.startswith("variant") for name in factory.metrics("source"))
