from types import SimpleNamespace

import pytest
import torch

from stages.engine.execution import devices
from stages.engine.execution.devices import Gpu

TWO = (Gpu("H100", "9.0"), Gpu("A100", "8.0"))


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(devices, "gpus", lambda: TWO)


def test_gpus_are_those_of_torch(monkeypatch):
    properties = [SimpleNamespace(name="H100", major=9, minor=0)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties.__getitem__)
    assert devices.gpus.__wrapped__() == (Gpu("H100", "9.0"),)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.gpus.__wrapped__() == ()


@pytest.mark.parametrize(
    ("names", "found"),
    [((), False), (("cpu",), False), (("cpu", "cuda"), True), (("cuda:1",), True)],
)
def test_on_gpu_is_true_if_one_device_is_cuda(names, found):
    assert devices.on_gpu(names) == found


def test_all_gpus_are_usable_unless_a_model_names_one(two, monkeypatch):
    assert devices.count_usable_gpus({"cuda"}) == 2
    assert devices.count_usable_gpus({"cuda", "cuda:1"}) == 1
    monkeypatch.setattr(devices, "gpus", tuple)
    assert devices.count_usable_gpus({"cuda"}) == 1  # one worker, whose error names the reason


@pytest.mark.parametrize(("visible", "expected"), [("", "0101"), ("3,5", "3535"), ("2", "2222")])
def test_visible_gpus_are_assigned_in_turn(visible, expected, monkeypatch):
    monkeypatch.setenv(devices.VISIBLE, visible)
    assert devices.assign_gpus(4, len(visible.split(",")) if visible else 2) == list(expected)


def test_the_fingerprint_names_classes_capabilities_and_cuda(two, monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert devices.fingerprint() == {"gpu": "A100 (8.0) + H100 (9.0)", "cuda": "13.0"}
    monkeypatch.setattr(devices, "gpus", tuple)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert devices.fingerprint() == {"gpu": "none", "cuda": "none"}
