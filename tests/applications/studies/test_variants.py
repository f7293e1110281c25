import json
import math
from dataclasses import fields, replace

import pytest
from pair_entries import entry

from applications.studies import variants
from applications.studies.recipes import (
    FULL,
    VARIANTS,
    Variant,
    leave_out,
    take_least_sure,
    take_surest,
)
from applications.studies.runs import Recipe
from applications.studies.subsets import list_entries
from applications.training.compact.batches import CropParams
from stages.engine.workspace import FactoryError
from stages.tools import TOOLS


def test_declarations_fit_what_they_change():
    known = {field.name for field in fields(CropParams)}
    for name, variant in VARIANTS.items():
        assert set(variant.crops) <= known, name
        replace(CropParams(), **variant.crops)
    assert {variant.unseen for variant in VARIANTS.values()} == {"", *TOOLS}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_selects_training_pairs(published, name):
    pairs = [replace(e, sureness=n / 100) for n, e in enumerate(list_entries(published))]
    found = VARIANTS[name].select(pairs, 0)
    assert found and set(found) <= set(pairs)
    if "half" in name:
        assert len(found) == math.ceil(len(pairs) / 2)


def test_a_tool_that_is_left_out_is_in_no_pair(published):
    found = leave_out("add")(list_entries(published), 0)
    assert found and not any("add" in each.tools for each in found)


def test_the_judges_order():
    pairs = [entry("a", n, sureness=sureness) for n, sureness in enumerate((0.5, 0.9, 0.7, 0.6))]
    assert [e.sureness for e in take_surest(pairs, 0)] == [0.9, 0.7]
    assert [e.sureness for e in take_least_sure(pairs, 0)] == [0.5, 0.6]
    unknown = [entry("a", 0, sureness=math.nan)]
    assert not take_surest(unknown, 0) and not take_least_sure(unknown, 0)


@pytest.mark.slow
def test_the_study_compares_with_a_tool_never_seen(run_study, published, capsys):
    out = run_study(variants, f"--variants {FULL} without-controls without-add --also {published}")
    printed = capsys.readouterr().out
    assert "| tool | never saw it | full | without-controls |" in printed
    found = json.loads(out.read_text())
    names = [FULL, "without-controls", "without-add"]
    assert [run["name"] for run in found["runs"]] == [f"{name}-seed0" for name in names]
    assert set(found["runs"][0]["figures"]["other"]) == {published.name}


def test_variants_that_do_not_exist_or_leave_nothing_are_said(run_study):
    with pytest.raises(SystemExit, match="no variant nonsense: choose among full"):
        run_study(variants, "--variants nonsense")
    nothing = Variant(summary="nothing", select=lambda pairs, seed: [])
    with pytest.raises(FactoryError, match="the variant empty leaves no training pair"):
        variants.make_run("empty", nothing, (), CropParams(), Recipe(steps=1), 0)


def test_without_decoded_photos_their_variant_is_left_out():
    assert "no-decoded" in variants.choose_variants(list(VARIANTS), True)
    assert "no-decoded" not in variants.choose_variants(list(VARIANTS), False)
