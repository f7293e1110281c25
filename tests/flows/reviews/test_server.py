import http.client
import json
import threading

import pytest

from flows.reviews import server as serving
from flows.reviews.book import ReviewBook
from flows.reviews.server import API, TOKEN, ReviewServer
from stages.engine.workspace import FactoryError
from stages.filter.reviews import read_review

FLAW = "0000000000000001-v0"


@pytest.fixture
def page(tmp_path):
    folder = tmp_path / "data" / "gallery"
    (folder / "images").mkdir(parents=True)
    (folder / "index.html").write_text("<title>gallery</title>")
    (folder / "images" / "a.webp").write_bytes(b"webp")
    (folder / "notes.txt").write_text("private")
    (folder / "link.json").symlink_to(tmp_path / "params.yaml")
    return folder


@pytest.fixture
def server(build, page):
    with ReviewServer(page, ReviewBook(build.workspace, "anna")) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def ask(server):
    """Send a request; return status, headers and body."""

    def send(method, path, body=None, **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    return send


@pytest.fixture
def post(server, ask):
    """Send changes as the page does; `headers` replace its own, None leaves one out."""

    def send(changes, **headers):
        own = {
            TOKEN.replace("-", "_"): server.token,
            "Content_Type": "application/json",
            "Origin": server.url.rstrip("/"),
            "Sec_Fetch_Site": "same-origin",
            **headers,
        }
        body = changes if isinstance(changes, bytes) else json.dumps(changes).encode()
        kept = {name: value for name, value in own.items() if value is not None}
        status, _, content = ask("POST", API, body, **kept)
        return status, json.loads(content)

    return send


def dump(mark):
    return mark.model_dump(mode="json")


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"


def test_the_page_is_served_with_a_policy_that_allows_no_other_source(ask):
    status, headers, body = ask("GET", "/")
    assert status == 200 and b"gallery" in body and headers["Content-Type"].startswith("text/html")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers
    status, headers, body = ask("GET", "/images/a.webp")
    assert (status, body, headers["Content-Type"]) == (200, b"webp", "image/webp")
    status, headers, body = ask("HEAD", "/index.html")
    assert (status, body) == (200, b"") and int(headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/../../params.yaml", "/%2e%2e/%2e%2e/params.yaml", "//etc/passwd", "/link.json",
        "/notes.txt", "/images", "/lost.html", "/%00.html", "/..%2freviews/x.json",
        "/a\\..\\b.html",
    ],
)  # fmt: skip
def test_only_the_pages_own_files_are_served(ask, path):
    status, _, body = ask("GET", path)
    assert status == 404 and json.loads(body) == {"error": "there is no such page"}


def test_marks_are_saved_and_read_back(build, ask, post):
    mark = build.mark(FLAW, "reject", reason="other", note="odd")
    assert post({"marks": [dump(mark)]}) == (200, {"marks": 1, "file": "reviews/anna.json"})
    assert read_review(build.root / "reviews/anna.json")[0].marks == [mark]
    state = json.loads(ask("GET", API)[2])
    assert state["marks"] == [dump(mark)] and state["reviewer"] == "anna"
    assert len(state["data_set"]) == 64
    assert post({"removed": [mark.pixels_sha256]})[1]["marks"] == 0


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "[::1]:80", ""])
@pytest.mark.parametrize("path", ["/", API, "/images/a.webp"])
def test_a_name_of_another_site_is_refused(ask, host, path):
    """A site may let its name resolve to this machine (DNS rebinding)."""
    status, _, body = ask("GET", path, Host=host)
    assert status == 403 and b"token" not in body and b"webp" not in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "evil.example"},
        {TOKEN.replace("-", "_"): "guess"},
        {TOKEN.replace("-", "_"): None},
        {TOKEN.replace("-", "_"): "ü"},
    ],
)
def test_a_request_of_another_page_changes_nothing(build, post, headers):
    status, answer = post({"marks": [dump(build.mark(FLAW))]}, **headers)
    assert status == 403 and answer["error"]
    assert not (build.root / "reviews/anna.json").exists()


def test_the_token_is_not_told_to_other_pages(ask, server):
    for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        status, _, body = ask("GET", API, **headers)
        assert status == 403 and server.token.encode() not in body


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_form_of_another_page_is_refused(build, post, kind):
    assert post({"marks": [dump(build.mark(FLAW))]}, Content_Type=kind)[0] == 415


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"marks": [{}]}', b'{"marks": 1}', b'{"removed": ["../x"]}', b'{"a": 1}'],
)
def test_a_malformed_body_is_refused_in_a_line(post, body):
    status, answer = post(body)
    assert status == 400 and "\n" not in answer["error"]


def test_pixels_that_do_not_exist_are_refused(build, post):
    mark = dump(build.mark(FLAW)) | {"pixels_sha256": "f" * 64}
    status, answer = post({"marks": [mark]})
    assert status == 400 and "no flaw of this build" in answer["error"]


def test_the_size_of_a_request_is_limited(build, post, ask, monkeypatch):
    assert post({"removed": ["a" * 64] * (serving.MAX_CHANGES + 1)})[0] == 400
    monkeypatch.setattr(serving, "MAX_BODY", 10)
    assert post({"marks": [dump(build.mark(FLAW))]})[0] == 413
    assert post(b"{}", Content_Length="9" * 30)[0] == 413
    assert post(b"{}", Content_Length="-1")[0] == 411
    assert post(b"{}", Content_Length=None, Transfer_Encoding="chunked")[0] in (400, 411)


def test_a_file_of_somebody_else_is_a_conflict(build, post, ask):
    build.review("ben", build.mark(FLAW)).rename(build.root / "reviews/anna.json")
    status, answer = post({"marks": [dump(build.mark(FLAW))]})
    assert status == 409 and "a review by ben" in answer["error"]
    assert ask("GET", API)[0] == 409


def test_a_full_disk_is_told_to_the_reviewer(build, post, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flows.reviews.book.write_atomically", full)
    status, answer = post({"marks": [dump(build.mark(FLAW))]})
    assert status == 500 and answer["error"].startswith(
        "reviews/anna.json cannot be written: No sp"
    )


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_answered(ask, method):
    assert ask(method, API)[0] == 501


def test_a_port_that_is_taken_is_named(server, build, page):
    with pytest.raises(FactoryError, match=rf"port {server.server_port}: .*choose another: --port"):
        ReviewServer(page, ReviewBook(build.workspace, "ben"), server.server_port)
