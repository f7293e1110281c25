"""Release to an S3 server on loopback."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc_commands import dvc
from moto.server import DomainDispatcherApplication, create_backend_app
from typer.testing import CliRunner, Result
from werkzeug.serving import make_server

from flows.cli import app
from flows.published.verify import verify_copy
from stages.engine.workspace import Workspace

from .conftest import commit, git

pytestmark = pytest.mark.slow
KEY, SECRET = "dummy-key-0123456789", "dummy-secret-9876543210"


class Server:
    """moto's S3 server, which can begin to refuse uploads."""

    def __init__(self) -> None:
        self.uploads = 0
        self.maximum: int | None = None
        """Number of uploads after which the server refuses them; None for no limit."""
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"].count("/") > 1:
            if self.maximum is not None and self.uploads >= self.maximum:
                start_response("403 Forbidden", [("Content-Type", "application/xml")])
                return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]
            self.uploads += 1
        return self._moto(environ, start_response)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with an empty bucket `flaws`."""
    import boto3

    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    started = Server()
    try:
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
        boto3.client("s3", endpoint_url=started.address, **keys).create_bucket(Bucket="flaws")
        yield started
    finally:
        started.stop()


def add_remote(workspace: Workspace, address: str) -> None:
    """Add the bucket as the default remote; the keys are in the configuration that git ignores."""
    root = workspace.root
    dvc(root, "remote", "add", "-q", "--default", "bucket", "s3://flaws/sets/1")
    dvc(root, "remote", "modify", "bucket", "endpointurl", address)
    dvc(root, "remote", "modify", "--local", "bucket", "access_key_id", KEY)
    dvc(root, "remote", "modify", "--local", "bucket", "secret_access_key", SECRET)
    commit(root, "remote")


def release(*words: str) -> Result:
    return CliRunner().invoke(app, ["release", *words], env={"COLUMNS": "500"})


def set_option(workspace: Workspace, option: str, value: str) -> None:
    dvc(workspace.root, "remote", "modify", "bucket", option, value)
    commit(workspace.root, option)


def test_a_push_that_fails_half_way_leaves_no_tag_and_is_resumed(
    checkout: Workspace, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_remote(checkout, server.address)
    head = git(checkout.root, "rev-parse", "HEAD")
    server.maximum = 5
    failed = release("v2")
    assert failed.exit_code == 2 and server.uploads == 5
    assert "remote bucket: " in failed.output and "Traceback" not in failed.output
    assert (git(checkout.root, "tag"), git(checkout.root, "rev-parse", "HEAD")) == ("", head)
    assert not (checkout.root / "CHANGELOG.md").exists()

    server.maximum = None
    done = release("v2", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["pushed"] == server.uploads - 5
    assert git(checkout.root, "tag") == "v2" and git(checkout.root, "status", "--porcelain") == ""

    consumer = tmp_path / "consumer"
    consumer.mkdir()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    words = ("data/package", "--rev", "v2", "-o", "copy")
    dvc(consumer, "get", "-q", str(checkout.root), *words)
    assert verify_copy(str(consumer / "copy")) == (8, [])


@pytest.mark.parametrize(
    ("option", "value"), [("endpointurl", "http://127.0.0.1:1"), ("url", "s3://nothing-here/x")]
)
def test_an_unreachable_remote_is_one_line_and_keys_reach_no_log(
    checkout: Workspace,
    server: Server,
    caplog: pytest.LogCaptureFixture,
    option: str,
    value: str,
) -> None:
    caplog.set_level(logging.DEBUG, "dvc")
    add_remote(checkout, server.address)
    set_option(checkout, option, value)
    failed = release("v1")
    assert failed.exit_code == 2 and git(checkout.root, "tag") == ""
    assert failed.output.strip().startswith("flawfactory: remote bucket: ")
    assert len(failed.output.strip().splitlines()) == 1
    right = {"url": "s3://flaws/sets/1", "endpointurl": server.address}
    set_option(checkout, option, right[option])
    done = release("v1")
    assert done.exit_code == 0, done.output
    written = [failed.output, done.output, git(checkout.root, "log", "-p", "--all")]
    written += [r.getMessage() for r in caplog.records if r.name.startswith(("dvc", "flows"))]
    written += [path.read_text("utf-8", "replace") for path in checkout.reports.rglob("*.*")]
    for secret in (KEY, SECRET):
        assert not any(secret in text for text in written)
