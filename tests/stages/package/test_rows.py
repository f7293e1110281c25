import json

import pytest

from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError
from stages.package.members import list_members
from stages.package.rows import complete_row, make_rows, manifest_columns
from stages.package.stage import PackageParams, PackageStage


@pytest.fixture
def pair(make_sample):
    out = PackageStage(PackageParams(), BaseParams()).process(make_sample("0" * 16, count=1))
    return json.loads(out.document.model_dump_json())["pairs"][0]


def test_the_columns_have_scalar_types_and_only_scores_may_be_missing(pair):
    columns = manifest_columns()
    assert set(columns.values()) <= {str, int, float, bool}
    assert {f"sha256.{member}" for member in list_members()} <= columns.keys()
    row = complete_row(make_rows(pair)[0])
    assert list(row) == list(columns)
    assert {name: row[name] for name in ("pair", "variant", "flaws", "score.probability")} == {
        "pair": "0" * 16 + "-p0", "variant": "v0", "flaws": 1, "score.probability": 0.5,
    }  # fmt: skip
    assert row["score.zoom"] is None and row["calls.pair.requests"] == 0


def test_what_pair_and_flaw_both_have_is_prefixed(pair):
    (row,) = make_rows(pair)
    assert row["pair_mask_pixels"] == pair["mask_pixels"]
    assert row["mask_pixels"] == pair["flaws"][0]["mask_pixels"]


def test_a_score_that_no_judge_declares_is_named(pair):
    pair["flaws"][0]["scores"].append({"name": "mood", "value": 1.0})
    with pytest.raises(FactoryError, match=r"score\.mood.*`scores` of the judge features"):
        complete_row(make_rows(pair)[0])
