import numpy as np
import pytest

from stages.models.judge.features import logistic
from stages.models.judge.features.logistic import Coefficient, Model
from stages.tools import TOOLS


def model(**changes):
    facts = dict(  # noqa: C408
        intercept=0.0,
        tools=dict.fromkeys(TOOLS, 0.0),
        coefficients=[Coefficient(measure="a", mean=1.0, spread=2.0, weight=1.0)],
        provenance={},
    )
    return Model(**{**facts, **changes})


def test_probability_is_the_logistic_of_the_weighted_sum():
    assert model().probability("add", {"a": 1.0}) == 0.5
    assert model().probability("add", {"a": 3.0}) == pytest.approx(1 / (1 + np.exp(-1)))
    leaning = model(tools={**dict.fromkeys(TOOLS, 0.0), "fuse": -2.0})
    assert leaning.probability("fuse", {"a": 3.0}) == pytest.approx(1 / (1 + np.exp(1)))


def test_extreme_measures_do_not_overflow():
    assert model().probability("add", {"a": 1e9}) > 0.999
    assert model().probability("add", {"a": -1e9}) < 0.001


def test_a_missing_measure_is_an_error():
    with pytest.raises(KeyError, match="a"):
        model().probability("add", {"b": 1.0})


def results(count=400):
    rng = np.random.default_rng(0)
    rows = [{"a": a, "b": b} for a, b in rng.normal(size=(count, 2))]
    chance = [1 / (1 + np.exp(-(2 * row["a"] + 0.5))) for row in rows]
    return list(TOOLS) * (count // 4), rows, (rng.random(count) < chance).astype(float).tolist()


def test_fit_recovers_the_weights():
    tools, rows, right = results()
    found = logistic.fit(tools, rows, right, ("a", "b"), penalty=1.0)
    a, b = (coefficient.weight for coefficient in found.coefficients)
    assert 1.5 < a < 2.5 and abs(b) < 0.4
    guesses = [found.probability(tool, row) for tool, row in zip(tools, rows, strict=True)]
    assert np.mean(guesses) == pytest.approx(
        np.mean(right), abs=0.01
    )  # the intercept is not penalised


def test_the_penalty_shrinks_weights_and_a_constant_measure_gets_none():
    tools, rows, right = results()
    loose, tight = (logistic.fit(tools, rows, right, ("a",), penalty) for penalty in (1.0, 300.0))
    assert 0 < tight.coefficients[0].weight < 0.7 * loose.coefficients[0].weight
    still = logistic.fit(tools, [{"a": 3.0} for _ in rows], right, ("a",), 1.0)
    assert still.coefficients[0].weight == pytest.approx(0, abs=1e-6)


def test_the_committed_model_loads_and_has_provenance():
    found = logistic.load()
    assert set(found.tools) == set(TOOLS)
    assert len({c.measure for c in found.coefficients}) == len(found.coefficients) > 0
    assert all(c.spread > 0 for c in found.coefficients)
    assert {"results", "lookers", "verdicts", "flow"} <= found.provenance.keys()
