import numpy as np

from benchmarks.quality.compare import make_table
from benchmarks.quality.measure import Figures, summarize


def test_invisible_variants_count_as_not_intended():
    visible = Figures(name="a", tool="add", reason="ok", intended=True, lpips=0.3, contrast=0.1)
    invisible = Figures(name="b", tool="add", reason="invisible")
    found = summarize([visible, invisible])
    assert (found.count, found.visible, found.intended) == (2, 0.5, 0.5)
    assert (found.lpips, found.contrast) == (0.3, 0.1)
    assert np.isnan(found.sharpness)


def test_table_is_markdown():
    assert make_table(["a", "b"], [["1", "2"]]).splitlines() == [
        "| a | b |",
        "| --- | ---: |",
        "| 1 | 2 |",
    ]
