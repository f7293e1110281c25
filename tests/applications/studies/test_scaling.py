import json
import xml.etree.ElementTree as ET

import pytest

from applications.studies import runs, scaling
from applications.studies.runs import Recipe
from applications.studies.scaling import EPOCHS, STEPS, count_steps, list_runs, list_sizes
from applications.studies.subsets import list_entries
from applications.training.compact.batches import CropParams
from stages.engine.workspace import FactoryError


def test_sizes_are_doubled_and_end_with_all_pairs():
    assert list_sizes(128) == [64, 128]
    assert list_sizes(1024) == [64, 128, 256, 512, 1024]
    assert list_sizes(1279) == [64, 128, 256, 512, 1024]
    assert list_sizes(1280) == [64, 128, 256, 512, 1024, 1280]
    with pytest.raises(FactoryError, match="127 training pairs are too few"):
        list_sizes(127)


def test_both_kinds_by_hand():
    assert [count_steps(size, 1024, 200) for size in (64, 512, 1024)] == [12, 100, 200]
    assert count_steps(1, 1024, 200) == 1


def test_the_largest_subset_belongs_to_both_kinds(published):
    train = list_entries(published)
    found = list(list_runs(train, [2, 8], 2, Recipe(steps=8), CropParams()))
    kinds = {(len(run.pairs), run.steps, run.seed): kinds for run, kinds in found}
    assert kinds == {
        (size, steps, seed): kinds
        for seed in (0, 1)
        for size, steps, kinds in ((2, 8, (STEPS,)), (2, 2, (EPOCHS,)), (8, 8, (STEPS, EPOCHS)))
    }
    small, large = (next(r for r, _ in found if len(r.pairs) == size) for size in (2, 8))
    assert small.pairs == large.pairs[:2]
    assert len({run.name for run, _ in found}) == len(found)


@pytest.mark.slow
def test_the_study_prints_tables_and_goes_on_where_it_stopped(run_study, monkeypatch, capsys):
    out = run_study(scaling, "--sizes 1 2 --seeds 1 --test-pairs 2")
    printed = capsys.readouterr().out
    assert f"{STEPS}\n" in printed and f"{EPOCHS}\n" in printed
    first = json.loads(out.read_text())
    assert first["data"]["test"]["pairs"] == 2
    assert [curve["pairs"] for curve in first["curves"]] == [1, 2, 1, 2]
    titles = [element.text for element in ET.parse(out.with_suffix(".svg")).iter()]
    assert "AUROC artifact against control" in titles
    monkeypatch.setattr(runs, "train", None)
    assert json.loads(run_study(scaling, "--sizes 1 2 --seeds 1 --test-pairs 2").read_text()) == (
        first
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--sizes 0", "--sizes must be between 1 and"),
        ("--sizes 9999", "--sizes must be between 1 and"),
        ("", "training pairs are too few"),
        ("--steps 0", "--steps is 0, must be at least 1"),
        ("--crops 100", "--crops has 100"),
        ("--pairs /nowhere", "/nowhere holds no data set"),
    ],
)
def test_wrong_options_are_one_line(run_study, options, message):
    with pytest.raises(SystemExit, match=message):
        run_study(scaling, options)
