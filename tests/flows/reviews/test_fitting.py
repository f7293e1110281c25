import json
from pathlib import Path

import pytest

from flows.reviews import fitting
from flows.reviews.fitting import Source, collect_training, read_scores
from flows.reviews.judged import load_marks, read_judged
from stages.engine.workspace import FactoryError, Workspace
from stages.models.judge.features import logistic
from stages.models.judge.features.params import FeatureThresholds

ROOT = Path(__file__).parents[3]
JUDGING = ROOT / "benchmarks" / "judging"


def load(name):
    """The training of a committed set of looks."""
    marks = load_marks(Workspace(ROOT), sorted(JUDGING.glob(f"reviews/{name}-*.json")), [])
    return collect_training(marks, [read_scores(JUDGING / "scores" / f"{name}-flaws.json")])


@pytest.fixture(scope="module")
def calibration():
    return load("calibration")


def test_the_committed_coefficients_follow_from_the_committed_reviews(calibration):
    found = fitting.fit(calibration, logistic.load(), FeatureThresholds())
    assert found.model == logistic.load()
    assert found.seen
    assert found.after.log_loss > found.before.log_loss  # the latter is of the fitted flaws
    assert found.after.recall["all"].hits / found.after.recall["all"].total > 0.95
    assert found.proposed.precision["all"].hits >= 0.9 * found.proposed.precision["all"].total


def test_a_fit_that_ranks_worse_than_the_present_model_is_told():
    found = fitting.fit(load("test"), logistic.load(), FeatureThresholds())
    assert found.is_worse and not found.seen


def test_too_few_marks_are_refused_with_numbers(build):
    names = [f"{key}-v{n}" for key in build.keys for n in range(4)]
    build.review("anna", *(build.mark(name, "accept") for name in names))
    marks = load_marks(build.workspace, [], ["reviews/*.json"])
    source = fitting.describe_build(build.workspace, list(read_judged(build.workspace.data)))
    training = collect_training(marks, [source])
    assert len(training.labelled.rows) == 12 and training.unscored == training.unknown == 0
    with pytest.raises(FactoryError, match=r"marked flaws: 12, .* rejected: 0, at least 10"):
        fitting.fit(training, logistic.load(), FeatureThresholds())


def test_marks_without_measures_are_counted(build, calibration):
    names = [f"{build.keys[0]}-v{n}" for n in range(3)]
    build.review("anna", *map(build.mark, names), build.mark(names[0], pixels_sha256="a" * 64))
    marks = load_marks(build.workspace, [], ["reviews/*.json"])
    rows = fitting.describe_build(build.workspace, list(read_judged(build.workspace.data))).rows
    only_bounds = rows[1].model_copy(update={"scores": {"lpips_real": 0.5}})
    found = collect_training(marks, [Source({"flow": "x"}, [rows[0], only_bounds])])
    assert (len(found.labelled.rows), found.unscored, found.unknown) == (1, 1, 2)
    again = collect_training(marks, [Source({}, [only_bounds]), Source({"flow": "y"}, rows)])
    assert (len(again.labelled.rows), again.unscored, again.unknown) == (3, 0, 1)
    assert again.provenance["flow"] == "y" and again.provenance["lookers"] == 1


@pytest.mark.parametrize("text", ["", "{}", '{"digests": {}, "rows": [{"name": 1}]}'])
def test_a_file_that_holds_no_scores_is_named(tmp_path, text):
    path = tmp_path / "scores.json"
    path.write_text(text)
    with pytest.raises(FactoryError, match=r"scores\.json: not a file of scores"):
        read_scores(path)


def test_a_file_of_scores_is_limited_in_size(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "MAX_BYTES", 10)
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"digests": {}, "rows": []}))
    with pytest.raises(FactoryError, match="at most 10"):
        read_scores(path)
    with pytest.raises(FactoryError, match=r"lost\.json: No such file"):
        read_scores(tmp_path / "lost.json")
