import json
from pathlib import Path

import pytest

import stages.map
from stages.engine.stage import Assembled, BaseParams, RejectPhoto, Sample
from stages.map.params import MapGate, MapParams
from stages.map.quotas import Quotas
from stages.map.stage import MapStage
from stages.records.documents import Mapping
from stages.records.images import write_png
from tests.stages.map.conftest import make_entity, make_scene, noise

FOLDER = Path(stages.map.__file__).parent


def sample_of(scene):
    members = {"ingest/photo.png": write_png(noise())}
    return Sample(scene.key, {"perceive": scene.model_dump(mode="json")}, members)


def stage_of(**numbers):
    return MapStage(MapParams(**numbers), BaseParams(seed=0))


def test_a_photo_becomes_a_mapping(person_scene):
    output = stage_of().process(sample_of(person_scene))
    again = stage_of().process(sample_of(person_scene))
    assert output.document.model_dump_json() == again.document.model_dump_json()
    document = Mapping.model_validate_json(output.document.model_dump_json())
    assert document.key == person_scene.key
    assert len(document.variants) == 4
    assert not output.members
    assert not output.rejects


def test_a_photo_with_nothing_to_break_is_rejected_with_the_reasons():
    scene = make_scene([make_entity("cat", (0, 0, 64, 64), [])])
    with pytest.raises(RejectPhoto) as caught:
        stage_of().process(sample_of(scene))
    assert caught.value.code == "no_mapping"
    assert caught.value.evidence == {"entities": 1, "parts": 0, "reasons": {}}


def rows_of(scene, **numbers):
    stage = stage_of(**numbers)
    rows = stage.rows(stage.process(sample_of(scene)).document.model_dump(mode="json"))
    return list(stage.finish(rows))


def test_rows_are_scalars_with_the_columns_that_the_gate_expects(person_scene):
    rows = rows_of(person_scene, variants=6)
    columns = json.loads((FOLDER / "gate.json").read_text())["manifest"][0]["kwargs"]["column_set"]
    assert all(list(row) == columns for row in rows)
    assert all(isinstance(value, str | int | float) for row in rows for value in row.values())
    assert {row["tool"] for row in rows} == {"add", "remove", "distort", "fuse"}
    assert all((row["direction"] != "") == (row["tool"] == "add") for row in rows)


def test_rows_report_the_shortfall(person_scene):
    rows = rows_of(person_scene, variants=20)
    made = len(rows)
    assert 4 <= made < 20
    assert {(row["wanted"], row["made"], row["shortfall"]) for row in rows} == {
        (20, made, 20 - made)
    }


class TestQuotas:
    """Of the photo's six variants, of which four distort, one is left out."""

    NUMBERS = {  # noqa: RUF012
        "variants": 6, "weights": {"add": 1.0, "distort": 2.0}, "max_per_tool": 4,
        "max_per_part": 4,
    }  # fmt: skip

    @pytest.fixture
    def stage(self):
        return stage_of(**self.NUMBERS, quotas=Quotas(tool={"distort": 0.5}))

    @pytest.fixture
    def drawn(self, stage, person_scene):
        document = stage.process(sample_of(person_scene)).document.model_dump(mode="json")
        return Assembled(0, person_scene.key, document, {})

    def test_variants_beyond_a_quota_are_set_aside(self, stage, drawn):
        (reject,) = stage.sift_block(stage.rows(drawn.document))
        assert (reject.key, reject.code, reject.code.aside) == (drawn.key, "over_quota", True)
        assert (reject.evidence["value"], reject.evidence["drawn"]) == ("distort", [4, 6])

    def test_they_are_no_shortfall(self, stage, drawn):
        (reject,) = stage.sift_block(stage.rows(drawn.document))
        left = stage.leave_out(drawn, [reject.variant])
        rows = stage.rows(left.document)
        assert len(rows) == 5 and reject.variant not in {row["variant"] for row in rows}
        assert {(row["made"], row["shortfall"]) for row in rows} == {(6, 0)}
        assert len(drawn.document["variants"]) == 6

    def test_quotas_do_not_enter_the_key(self, stage):
        assert stage.result_params() == stage_of(**self.NUMBERS).result_params()


@pytest.fixture
def failures(judged):
    """What the gate finds wrong: (expectation, column or the whole expected text)."""

    def judge(rows, **thresholds):
        stage = stage_of(gate=MapGate(min_photos=1, **thresholds))
        found = judged(stage, rows, variants_extra=0, variants_missing=0)
        checks = [*found.failures, *found.warnings]
        return sorted((c.expectation, c.column or c.expected) for c in checks)

    return judge


def test_the_gate_passes_good_rows(failures, person_scene):
    rows = rows_of(person_scene)
    assert failures(rows, min_add=1, min_remove=1, min_distort=1, min_fuse=1) == []


def test_the_gate_finds_faults(failures, person_scene):
    good = rows_of(person_scene)
    broken = [
        good[0] | {"targets": 5, "share": 0.7, "shortfall": 40},
        good[1] | {"variant": "v0", "moved_share": 0.1, "displacement": 0.0},
        *(row | {"positional": True, "other": "", "extra": 1} for row in good[2:]),
    ]
    found = failures(broken, min_fuse=2)
    between = "expect_column_values_to_be_between"
    for column in ("targets", "share", "moved_share", "displacement", "shortfall.mean"):
        assert (between, column) in found
    kinds = [kind for kind, _ in found]
    assert kinds.count("expect_column_pair_values_to_be_equal") == 2
    assert "expect_compound_columns_to_be_unique" in kinds
    assert "expect_table_columns_to_match_set" in kinds
    assert kinds.count("expect_table_row_count_to_be_between") == 1


def test_the_gate_warns_of_quotas_that_are_not_met(judged, person_scene):
    stage = stage_of(quotas=Quotas(entity=0.4), gate=MapGate(min_photos=1))
    rows = stage.rows(stage.process(sample_of(person_scene)).document.model_dump())
    rows = list(stage.finish(rows))
    verdict = judged(stage, rows, variants_extra=0, variants_missing=0)
    (check,) = verdict.warnings
    assert verdict.success and check.column == "quota"
    assert "values ['entity person: 1.000 of at most 0.4']" in check.observed


def test_the_gate_minds_tools_and_parts(failures, person_scene):
    good = rows_of(person_scene)
    found = failures([row | {"positional": True, "other": ""} for row in good])
    assert found == [
        ("expect_column_value_lengths_to_be_between", "other"),
        *[("expect_column_values_to_be_in_set", "positional")] * 2,  # add and remove
    ]
