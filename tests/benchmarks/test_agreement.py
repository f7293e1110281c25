import numpy as np

from benchmarks.agreement import distance, measure_agreement
from stages.inject.params import InjectParams, Shares
from stages.inject.window import RenderedVariant
from stages.invert.params import InvertParams


def picture(artifact, mask):
    return RenderedVariant(
        box=(0, 0, 8, 8),
        target_box=(0, 0, 8, 8),
        artifact=artifact,
        control=artifact,
        mask=mask,
        edit=mask,
        reconstruction_psnr=100.0,
        evaluations=1.0,
        together=1,
    )


def test_distance_uses_the_box_of_the_first_mask(metric):
    one = np.zeros((8, 8, 3), dtype=np.uint8)
    other = one.copy()
    other[5:] = 255
    mask = np.zeros((8, 8), dtype=bool)
    mask[1:3, 1:4] = True
    same = distance(picture(one, mask), picture(other, ~mask), metric)
    assert (same.lpips, same.psnr) == (0, 100)
    apart = distance(picture(one, ~mask), picture(other, mask), metric)
    assert apart.lpips == 3 / 8 and 0 < apart.psnr < 10


def test_agreement_compares_modes_and_draws_of_noise(flow, task, metric):
    injecting = InjectParams(
        rho={"add": 0.5, "remove": 0.0, "distort": 0.0, "fuse": 0.0},
        values=Shares(steps=0.0, double=0.0, single=0.0),
    )
    found = measure_agreement(flow, task, 2, InvertParams(steps=2), injecting, metric)
    assert [one.tool for one in found] == ["add", "remove"]
    for one in found:
        assert one.sparse.lpips > 0 and one.seeds.lpips > 0
        assert one.sparse.psnr < 100 and one.seeds.psnr < 100
    alone = measure_agreement(flow, task, 1, InvertParams(steps=2), injecting, metric)
    assert len(alone) == 1
