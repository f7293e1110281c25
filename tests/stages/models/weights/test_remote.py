import hashlib
from email.message import Message
from urllib.error import HTTPError, URLError

import pytest
import torch.hub

from stages.models.weights import remote
from stages.models.weights.packages import WeightsError

DATA = b"weights" * 99


@pytest.fixture
def file(tmp_path, monkeypatch):
    wanted = remote.RemoteFile(
        name="thing", url="https://example.org/a/thing.pth", bytes=len(DATA),
        sha256=hashlib.sha256(DATA).hexdigest(), licence="MIT",
    )  # fmt: skip
    monkeypatch.setattr(remote, "catalogue", lambda: {"thing": wanted})
    monkeypatch.setattr(remote.packages, "FOLDER", tmp_path)
    return wanted


def http_error(code):
    return HTTPError("https://example.org/a/thing.pth", code, "fault", Message(), None)


def serve(monkeypatch, data):
    """Replace the network below the client's download, which still checks the digest."""
    import io

    calls = []

    class Response(io.BytesIO):
        def info(self):
            return {}

    class Info(dict):
        def getheaders(self, _):
            return []

    Response.info = lambda self: Info()
    monkeypatch.setattr(torch.hub, "urlopen", lambda request: calls.append(1) or Response(data))
    return calls


def test_every_file_is_pinned():
    files = remote.catalogue()
    names = {f"{family}-{size}" for family in ("sam-vit", "sam-hq-vit") for size in "blh"}
    assert names == files.keys()
    assert len({f.sha256 for f in files.values()}) == len(names)


def test_fetching_twice_downloads_once(file, monkeypatch):
    calls = serve(monkeypatch, DATA)
    assert [remote.fetch(file), remote.fetch(file)] == ["fetched", "present"]
    assert len(calls) == 1 and remote.path("thing").read_bytes() == DATA
    assert [p.name for p in file.path.parent.iterdir()] == ["thing.pth"]


def test_other_bytes_are_refused_and_not_kept(file, monkeypatch):
    serve(monkeypatch, b"evil")
    with pytest.raises(WeightsError, match="invalid hash"):
        remote.fetch(file)
    assert list(file.path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("faults", "attempts", "fetched"),
    [
        ([ConnectionResetError("reset"), http_error(503)], 3, True),
        ([URLError("no route")] * 3, 3, False),
        ([http_error(404)], 1, False),
    ],
)
def test_faults_of_the_network_are_tried_again(file, monkeypatch, faults, attempts, fetched):
    calls = serve(monkeypatch, DATA)
    answer, left = torch.hub.urlopen, list(faults)

    def urlopen(request):
        if left:
            calls.append(1)
            raise left.pop(0)
        return answer(request)

    monkeypatch.setattr(torch.hub, "urlopen", urlopen)
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: None)
    if fetched:
        assert remote.fetch(file) == "fetched"
    else:
        with pytest.raises(WeightsError, match=r"thing\.pth could not be fetched"):
            remote.fetch(file)
    assert len(calls) == attempts


def test_missing_and_damaged_files_name_the_remedy(file):
    with pytest.raises(WeightsError, match="missing: run `flawfactory models fetch`"):
        remote.path("thing")
    file.path.parent.mkdir()
    file.path.write_bytes(DATA[:-1] + b"x")
    with pytest.raises(WeightsError, match="damaged: run `flawfactory models fetch`"):
        remote.path("thing")


def test_the_revision_needs_no_file(file):
    assert remote.revision("thing") == f"thing-{file.sha256[:12]}"


@pytest.mark.parametrize("url", ["http://example.org/x.pth", "file:///etc/passwd"])
def test_only_https_is_allowed(file, url):
    with pytest.raises(ValueError, match="url"):
        remote.RemoteFile.model_validate({**file.model_dump(), "url": url})
