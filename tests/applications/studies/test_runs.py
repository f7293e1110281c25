from dataclasses import replace

import pytest

from applications.studies import runs
from applications.studies.command import Sources, prepare
from applications.studies.runs import Recipe, Run
from applications.training.compact.batches import CropParams

RECIPE = Recipe(steps=1, batch=1, short_side=64, resamples=10)


@pytest.fixture
def bench(published, tmp_path):
    sources = Sources(published, published, validation_pairs=2, test_pairs=2)
    return prepare(sources, tmp_path / "runs").bench


def test_a_finished_run_is_not_run_again_unless_something_differs(bench, monkeypatch):
    run = Run(
        name="a", pairs=tuple(bench.pairs)[:2], seed=0, steps=1, crops=CropParams(sizes=(64,))
    )
    outcome = bench.execute(run, RECIPE)
    assert (outcome.pairs, outcome.steps) == (2, 1)
    assert [path.name for path in bench.folder.iterdir()] == ["a.json"]

    def refuse(*args, **kwargs):
        raise RuntimeError("trained again")

    monkeypatch.setattr(runs, "train", refuse)
    assert bench.execute(run, RECIPE) == outcome
    others = [
        (bench, replace(run, seed=1), RECIPE),
        (bench, run, replace(RECIPE, short_side=96)),
        (replace(bench, data_sha256="other"), run, RECIPE),
    ]
    for other in others:
        with pytest.raises(RuntimeError, match="trained again"):
            other[0].execute(*other[1:])
    (bench.folder / "a.json").write_text("{")
    with pytest.raises(RuntimeError, match="trained again"):
        bench.execute(run, RECIPE)
