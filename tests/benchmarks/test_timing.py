import pytest

from benchmarks.meter import Cost, Time
from benchmarks.methods import Method
from benchmarks.timing import Row, time_methods
from benchmarks.workload import make_synthetic_task


def cost(seconds, autoencoder=1.0, tokens=680, peak=None):
    return Cost(Time(2 * seconds, seconds), Time(2 * autoencoder, autoencoder), tokens, peak)


@pytest.fixture
def rows():
    return [
        Row("one", 1, [cost(10), cost(14)], [68, 68]),
        Row("four", 4, [cost(20, peak=7), cost(16, peak=9)], [68, 68]),
    ]


def test_figures_are_per_pair(rows):
    one, four = rows
    assert one.seconds("cpu") == [10, 14] and four.seconds("cpu") == [5, 4]
    assert four.seconds("wall") == [10, 8]
    assert four.seconds("cpu", autoencoder=False) == [4.75, 3.75]
    assert one.evaluations() == [10, 10] and four.evaluations() == [2.5, 2.5]


def test_ratios_are_computed_window_by_window(rows):
    one, four = rows
    assert four.ratios(one, "cpu") == [2, 3.5]
    assert four.ratios(one, "cpu", autoencoder=False) == [9 / 4.75, 13 / 3.75]


def test_peak_is_the_maximum_of_known_peaks(rows):
    assert [row.peak() for row in rows] == [None, 9]
    assert rows[1].figures()["seconds_a_pair"]["cpu"] == {
        "with_autoencoder": 4.5,
        "without": 4.25,
    }


@pytest.mark.parametrize("warm_up", [True, False])
def test_methods_take_turns(flow, warm_up):
    tasks = [make_synthetic_task(128, 0.25, 1, 2), make_synthetic_task(144, 0.25, 1, 2)]
    calls = []

    def method(name):
        return Method(name, 1, lambda _, task: calls.append((name, task.tokens)))

    *_, rows = time_methods(flow, tasks, [method("a"), method("b")], lambda _: None, warm_up)
    turns = [("a", 64), ("b", 64), ("a", 81), ("b", 81)]
    assert calls == ([*turns[:2], *turns] if warm_up else turns)
    assert [row.sizes for row in rows] == [[69, 86], [69, 86]]
    assert all(cost.tokens == 0 for row in rows for cost in row.costs)


def test_stopped_timing_keeps_windows_that_all_methods_ran_on(flow):
    tasks = [make_synthetic_task(128, 0.25, 1, 2)] * 2
    left = iter([None, None, None, KeyboardInterrupt])

    def job(*_):
        if (stop := next(left)) is not None:
            raise stop

    found = time_methods(flow, tasks, [Method("a", 1, job), Method("b", 1, job)], print, False)
    rows = next(found)
    with pytest.raises(KeyboardInterrupt):
        next(found)
    assert [len(row.costs) for row in rows] == [1, 1]
