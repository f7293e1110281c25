import numpy as np

from benchmarks.quality.compare import table
from benchmarks.quality.measure import Figures, summary


def test_what_nobody_sees_counts_as_not_intended():
    seen = Figures(name="a", tool="add", reason="ok", intended=True, lpips=0.3, contrast=0.1)
    lost = Figures(name="b", tool="add", reason="invisible")
    found = summary([seen, lost])
    assert (found.count, found.visible, found.intended) == (2, 0.5, 0.5)
    assert (found.lpips, found.contrast) == (0.3, 0.1)
    assert np.isnan(found.sharpness)


def test_table_is_markdown():
    assert table(["a", "b"], [["1", "2"]]).splitlines() == [
        "| a | b |",
        "| --- | ---: |",
        "| 1 | 2 |",
    ]
