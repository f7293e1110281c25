import numpy as np
import pytest
from findings import example, rows_of

from applications.evaluation.readers import shards
from applications.evaluation.readers.form import Request
from applications.evaluation.scores import Settings
from applications.inspectors.compact.network import InspectorNetwork
from applications.protocols import Finding, Thresholds
from applications.studies.measuring import NetworkInspector, measure, score
from stages.models.networks.efficientnet import EfficientNetLite0
from stages.tools import TOOLS


@pytest.fixture
def network():
    return InspectorNetwork(EfficientNetLite0(), len(TOOLS)).eval().requires_grad_(False)


def test_a_network_inspects_a_picture_of_any_size(network):
    finding = NetworkInspector(network, 64).inspect(np.zeros((1, 70, 3), np.uint8))
    assert finding.mask is not None and finding.mask.shape == (1, 70)


def test_thresholds_come_from_validation_and_figures_from_the_test(published, network):
    validation, test = (
        shards.read(Request(published, split)).examples for split in ("validation", "test")
    )
    found = measure(network, 64, validation, test, {"again": test}, resamples=20)
    assert found.test["artifact against control"].pictures == sum(
        example.role != "real" for example in test
    )
    assert set(found.by_tool) <= {*TOOLS, "several"} and found.by_tool
    assert found.other == {"again": found.test}


def test_roles_are_told_apart_by_hand():
    rows = rows_of(
        (example("a", role="artifact"), Finding(0.9)),
        (example("b", "clean", role="control"), Finding(0.5)),
        (example("c", "clean", role="real"), Finding(0.7)),
    )
    found = score(rows, Thresholds(), Settings(resamples=10))
    assert found["artifact against control"].value == 1
    assert found["control against real"].value == 0
    assert found["real: false boxes per picture"].value == 0
