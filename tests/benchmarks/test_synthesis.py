import json
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from benchmarks import synthesis
from benchmarks.agreement import Agreement, Distance
from benchmarks.meter import Cost, Time
from benchmarks.stopping import STOPPED
from benchmarks.synthesis import describe_requirement, make_agreement_table, make_speed_table
from benchmarks.timing import Row


def render(table):
    console = Console(width=200)
    with console.capture() as printed:
        console.print(table)
    return printed.get()


def test_both_speedups_are_required():
    assert describe_requirement((8.0, 2.3), [8.0, 2.3]).endswith("met")
    assert describe_requirement((8.0, 2.3), [80.0, 2.2]).endswith("missed")
    assert describe_requirement((8.0, 2.3), [7.9, 5.0]).endswith("missed")
    assert describe_requirement(None, [1.0, 1.0]) == ""


def test_speed_table_has_medians_of_the_windows_ratios():
    def row(name, pairs, *seconds):
        costs = [Cost(Time(9, s), Time(1, 0.5), 680, 2**20) for s in seconds]
        return Row(name, pairs, costs, [68] * len(costs))

    rows = [
        row(synthesis.RELEASED, 1, 10, 20, 30),
        row(synthesis.FIREFLOW, 1, 5, 5, 5),
        row("ours", 4, 4, 8, 4),
    ]
    lines = render(make_speed_table(rows, "cpu", "", {"ours": (6.0, 2.3)})).splitlines()
    line = next(line for line in lines if "ours" in line)
    name, *numbers, requirement = [cell.strip() for cell in line.strip("│ ").split("│")]
    assert (name, requirement) == ("ours", "6 / 2.3 met")
    expected = [2.5, 1, 0.444, 10, 5, 1.143, 10.86, 5.14, 1]
    assert [float(number) for number in numbers] == expected


def test_agreement_table_has_a_row_for_each_tool_and_for_all():
    found = [
        Agreement(tool, Distance(lpips, 50), Distance(0.1, 30))
        for tool, lpips in (("add", 0.01), ("add", 0.02), ("fuse", 0.03))
    ]
    lines = [line for line in render(make_agreement_table(found)).splitlines() if "│" in line]
    cells = {c[0]: c[1:] for c in ([x.strip() for x in li.strip("│ ").split("│")] for li in lines)}
    assert cells["add"] == ["2", "0.0150", "0.1000", "50.0", "30.0", "0.15"]
    assert cells["all"][0] == "3" and cells["all"][-1] == "0.20"


@pytest.fixture
def tiny(flow, task, metric, monkeypatch, tmp_path):
    """Set up the benchmark with the committed params.yaml on one tiny window; return its folder.

    The model has no text encoders and refuses prompts, as the compact one does.
    """
    monkeypatch.setattr(synthesis, "make_photo_tasks", lambda *_: [task])
    monkeypatch.setattr(synthesis, "DiffusersFlow", lambda options: flow)
    monkeypatch.setattr(synthesis, "metric", lambda _: metric)
    monkeypatch.setattr(synthesis, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["synthesis", "--name", "tiny"])
    return tmp_path


@pytest.mark.slow
def test_main_writes_the_figures(tiny):
    synthesis.main()
    figures = json.loads((tiny / "tiny.json").read_text())
    released, fireflow, *ours = figures["speed"]
    assert (released["evaluations"], fireflow["evaluations"]) == (50, 18)
    assert [row["pairs"] for row in ours] == [4, 8, 4, 8]
    assert all(row["evaluations"] < 18 for row in ours)
    assert all(len(row["ratios"]["with_autoencoder"]) == 2 for row in ours)
    assert {one["tool"] for one in figures["agreement"]} <= {"add", "remove", "distort", "fuse"}
    assert figures["machine"]["dtype"] == "float32"


def test_run_stopped_in_the_second_window_prints_the_first(tiny, task, monkeypatch, capsys):
    monkeypatch.setattr(synthesis, "make_photo_tasks", lambda *_: [task, task])
    jobs = iter(range(100))
    real = synthesis.list_methods

    def stopping(*given):
        def job(method, flow, task):
            if next(jobs) == 2 * len(methods) + 1:  # after warming up and the first window
                raise KeyboardInterrupt
            return flow.velocity(torch.zeros(1, 64, 64), 0.5, (8, 8))

        methods = real(*given)
        return [replace(m, job=lambda *both, m=m: job(m, *both)) for m in methods]

    monkeypatch.setattr(synthesis, "list_methods", stopping)
    with pytest.raises(SystemExit) as exit_:
        synthesis.main()
    printed = capsys.readouterr()
    assert exit_.value.code == STOPPED and "so far" in printed.err
    assert "1 windows of 384 px" in printed.out and "ours K = 8" in printed.out
    assert not list(tiny.iterdir())


@pytest.mark.parametrize("wrong", [["--side", "100"], ["--dtype", "int8"]])
def test_wrong_arguments_are_refused(wrong, monkeypatch):
    monkeypatch.setattr("sys.argv", ["synthesis", *wrong])
    with pytest.raises(SystemExit):
        synthesis.parse_arguments()
