"""Requests go to a server on loopback, which `private_networks` allows for the test."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from url_server import Answer, UrlServer
from waiting import wait_until

from stages.ingest.urls import fetch as fetch_module
from stages.ingest.urls import transfer
from stages.ingest.urls.fetch import Fetcher
from stages.ingest.urls.listing import parse_http_url
from stages.ingest.urls.optout import MAX_ROBOTS
from stages.ingest.urls.problems import FetchProblem
from stages.ingest.urls.settings import UrlSettings

LOOPBACK = ("127.0.0.1/32",)


def problem_of(fetch, what, **settings) -> FetchProblem:
    with pytest.raises(FetchProblem) as found:
        fetch(what, **settings)
    return found.value


def test_a_file_is_fetched(server, fetch):
    server.files["/ü.png"] = Answer(b"x")
    server.files["/%C3%BC.png?size=1"] = Answer(b"data", headers={"Content-Type": "image/png"})
    assert fetch("/ü.png?size=1#part", contact="mailto:me@example.org") == b"data"
    paths = [path for path, _ in server.requests]
    assert paths == ["/robots.txt", "/%C3%BC.png?size=1"]
    headers = server.requests[1][1]
    assert headers["user-agent"] == "flawfactory/1 (+mailto:me@example.org)"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert not {"cookie", "authorization", "referer"} & set(headers)


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1"], ["localhost:1"], ["*.0.0.1"]])
def test_hosts_that_are_not_listed_get_no_request(server, fetch, hosts):
    found = problem_of(fetch, "/a.png", hosts=hosts)
    assert found.code == "not_allowed" and "is not in `hosts`" in found.message
    assert not server.requests


def test_loopback_needs_the_explicit_allowance(server, fetch):
    found = problem_of(fetch, "/a.png", private_networks=[])
    assert found.code == "not_allowed" and "127.0.0.1, which is not a public" in found.message
    assert not server.requests


def test_wildcards_stand_for_hosts_below(server, fetch, names):
    names["a.b.example.test"] = names["example.test"] = names["evilexample.test"] = ["127.0.0.1"]
    server.files["/a"] = Answer(b"x")
    hosts = [f"*.example.test:{server.port}"]
    assert fetch(server.url("/a", "A.b.example.test."), hosts=hosts) == b"x"
    assert server.requests[-1][1]["host"] == f"a.b.example.test:{server.port}"
    for host in ("example.test", "evilexample.test"):
        assert problem_of(fetch, server.url("/a", host), hosts=hosts).code == "not_allowed"


def test_a_name_that_changes_its_address_is_not_followed(server, fetch, names, monkeypatch):
    """DNS rebinding: the address that was checked is the one that is connected to."""
    asked = []

    def resolve(host, port, networks):
        asked.append(host)
        names[host] = ["10.0.0.1"]  # what the next look-up would give
        return "127.0.0.1"

    monkeypatch.setattr(fetch_module, "resolve", resolve)
    server.files["/a"] = Answer(b"x")
    assert fetch(server.url("/a", "x.test"), hosts=[f"x.test:{server.port}"]) == b"x"
    assert asked == ["x.test", "x.test"]  # robots.txt and the file


@pytest.mark.parametrize(
    ("target", "code"),
    [("http://127.0.0.1:{port}/b", None), ("/b", None), ("b", None),
     ("http://private.test:{port}/b", "not_allowed"), ("http://other.test/b", "not_allowed"),
     ("file:///etc/passwd", "not_allowed"), ("ftp://127.0.0.1/b", "not_allowed"),
     ("http://[::1", "not_allowed"), ("", "not_fetched"), ("http://u@127.0.0.1/", "not_allowed")],
)  # fmt: skip
@pytest.mark.parametrize("status", [301, 307])
def test_every_redirect_is_checked(server, fetch, names, target, code, status):
    names["private.test"] = ["10.0.0.1"]
    headers = {"Location": target.format(port=server.port)}
    server.files["/a"] = Answer(status=status, headers=headers)
    server.files["/b"] = Answer(b"x")
    hosts = [f"127.0.0.1:{server.port}", f"private.test:{server.port}"]
    if code is None:
        assert fetch("/a", hosts=hosts) == b"x"
        return
    found = problem_of(fetch, "/a", hosts=hosts)
    assert found.code in (code, "not_fetched") and not server.count("/b")


def test_redirects_are_limited(server, fetch):
    server.files["/a"] = Answer(status=302, headers={"Location": "/a"})
    assert "redirected more than 2 times" in problem_of(fetch, "/a", redirects=2).message
    assert server.count("/a") == 3


@pytest.mark.parametrize("length", [None, -1, 10**30])
def test_size_is_limited_with_and_without_an_announcement(server, fetch, length):
    server.files["/a"] = Answer(bytes(3000), length=length)
    assert problem_of(fetch, "/a", max_bytes=2999, attempts=1).code == "too_large"
    if length is None:
        assert len(fetch("/a", max_bytes=3000)) == 3000


@pytest.mark.parametrize("answer", [Answer(bytes(500), drip=0.05), Answer(drip_header=0.05)])
def test_time_is_limited_in_headers_and_body(server, fetch, answer):
    server.files["/a"] = answer
    found = problem_of(fetch, "/a", timeout_seconds=0.4, attempts=1)
    assert "took more than" in found.message and found.code == "not_fetched"


def test_time_is_limited_in_the_handshake(fetch):
    """TLS takes the socket over; a byte now and then keeps its own time limit from passing."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            with listener.accept()[0] as client, suppress(OSError):
                client.sendall(b"\x16\x03\x03\x3f\xff")
                while not ended.wait(0.05):
                    client.sendall(b"\x02")

        threading.Thread(target=drip, daemon=True).start()
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        found = problem_of(
            fetch, f"https://{where}/a", hosts=[where], timeout_seconds=0.4, attempts=1
        )
        ended.set()
    assert "took more than" in found.message and found.passing


def test_stopping_cuts_connections_and_waiting(server):
    server.files["/a"] = Answer(drip_header=0.05)
    settings = UrlSettings(hosts=[f"127.0.0.1:{server.port}"], private_networks=LOOPBACK,
                           timeout_seconds=3600.0, delay_seconds=0.0)  # fmt: skip
    fetcher = Fetcher(settings)
    url = parse_http_url(server.url("/a"))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(fetcher.fetch, url, b"".join)
        wait_until(lambda: server.count("/a"))
        fetcher.stop()
        assert isinstance(waiting.exception(), FetchProblem)
    with pytest.raises(FetchProblem, match="stopped"):
        fetcher.fetch(url, b"".join)


def test_a_body_that_ends_early_is_no_file(server, fetch):
    server.files["/a"] = Answer(b"half", length=8)
    assert problem_of(fetch, "/a", attempts=1).passing


@pytest.mark.parametrize(
    "headers", [{"Content-Encoding": "gzip"}, {"Content-Type": "text/html; charset=utf-8"}]
)
def test_answers_that_are_no_pictures(server, fetch, headers):
    server.files["/a"] = Answer(b"x" * 100, headers=headers)
    found = problem_of(fetch, "/a")
    assert found.code == "not_fetched" and not found.passing and server.count("/a") == 1


def test_robots_txt_is_honoured_and_fetched_once_a_host(server, fetch):
    server.files["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /closed/\n")
    server.files["/closed/a"] = server.files["/a"] = Answer(b"x")
    assert problem_of(fetch, "/closed/a").code == "opted_out"
    assert not server.count("/closed/a")
    assert fetch("/a") == b"x"


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_failing_robots_txt_closes_the_host(server, fetch, waits, status):
    server.files["/robots.txt"] = Answer(status=status)
    server.files["/a"] = Answer(b"x")
    found = problem_of(fetch, "/a", attempts=2)
    assert found.code == "not_fetched" and "robots.txt" in found.message
    assert not server.count("/a") and len(waits) == 1


@pytest.mark.parametrize(
    "answer",
    [Answer(b"User-agent: *\n", length=100), Answer(b"x", headers={"Content-Encoding": "gzip"})],
)
def test_a_robots_txt_that_cannot_be_read_closes_the_host(server, fetch, answer):
    server.files["/robots.txt"] = answer
    server.files["/a"] = Answer(b"x")
    found = problem_of(fetch, "/a", attempts=1)
    assert found.code == "not_fetched" and not server.count("/a")


def test_only_the_start_of_a_long_robots_txt_counts(server, fetch):
    rules = b"User-agent: *\nDisallow: /closed\n"
    server.files["/robots.txt"] = Answer(rules + b"#" * MAX_ROBOTS + b"\nDisallow: /\n")
    server.files["/a"] = Answer(b"x")
    assert fetch("/a") == b"x" and problem_of(fetch, "/closed").code == "opted_out"


def test_robots_txt_is_fetched_through_the_same_checks(server, fetch, names):
    names["private.test"] = ["10.0.0.1"]
    server.files["/a"] = Answer(b"x")
    hosts = [f"127.0.0.1:{server.port}", "private.test"]
    for target in ("file:///etc/passwd", "http://private.test/", "http://other.test/robots.txt"):
        server.files["/robots.txt"] = Answer(status=301, headers={"Location": target})
        assert problem_of(fetch, "/a", hosts=hosts).code == "not_allowed"
    assert not server.count("/a")


def test_rules_of_a_limited_number_of_hosts_are_kept(server, monkeypatch):
    monkeypatch.setattr(fetch_module, "_MAX_SITES", 1)
    with UrlServer() as other:
        servers = (server, other)
        settings = UrlSettings(hosts=[f"127.0.0.1:{each.port}" for each in servers],
                               private_networks=LOOPBACK, delay_seconds=0.0)  # fmt: skip
        fetcher = Fetcher(settings)
        for each in (server, server, other, server):
            each.files["/a"] = Answer(b"x")
            assert fetcher.fetch(parse_http_url(each.url("/a")), b"".join) == b"x"
        assert (server.count("/robots.txt"), other.count("/robots.txt")) == (2, 1)


@pytest.mark.parametrize("status", [200, 302])
def test_noai_headers_are_honoured_before_the_body_is_read(server, fetch, status):
    headers = {"X-Robots-Tag": "noai, noimageai", "Location": "/b"}
    server.files["/a"] = Answer(b"x", status=status, headers=headers)
    server.files["/b"] = Answer(b"x")
    found = problem_of(fetch, "/a")
    assert found.code == "opted_out" and not server.count("/b")


def test_only_what_may_pass_is_tried_again(server, fetch, waits):
    server.files["/a"] = [Answer(status=503, headers={"Retry-After": "7"}), Answer(status=500),
                          Answer(b"x")]  # fmt: skip
    assert fetch("/a") == b"x" and waits == [7, 4]
    server.files["/b"] = Answer(status=429, headers={"Retry-After": "99999999"})
    waits.clear()
    assert "status 429" in problem_of(fetch, "/b", attempts=2).message and waits == [120]
    for status in (404, 410, 401, 403, 451, 418, 206, 204):
        server.files[f"/{status}"] = Answer(status=status)
        assert not problem_of(fetch, f"/{status}").passing
        assert server.count(f"/{status}") == 1


def test_requests_to_a_host_are_spaced(server, fetch, waits):
    server.files["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 30\n")
    server.files["/a"] = Answer(b"x")
    fetch("/a", delay_seconds=3.0)
    assert len(waits) == 1 and 25 < waits[0] <= 30


def test_a_dead_server_is_a_problem(fetch, server):
    with UrlServer() as other:
        port = other.port
    found = problem_of(fetch, f"http://127.0.0.1:{port}/a", hosts=[f"127.0.0.1:{port}"], attempts=1)
    assert found.code == "not_fetched" and found.passing


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Return a certificate for photos.test that signs itself, as a file, and its server context."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "photos.test")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("photos.test"), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("authority") / "pair.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(certificate.public_bytes(pem) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


def test_the_certificate_is_checked_for_the_host_and_not_the_address(
    authority, fetch, names, monkeypatch
):
    file, context = authority
    names["photos.test"] = names["other.test"] = ["127.0.0.1"]
    with UrlServer(context) as server:
        server.files["/a"] = Answer(b"x")
        server.files["/down"] = Answer(
            status=302, headers={"Location": f"http://photos.test:{server.port}/a"}
        )
        hosts = [f"{host}:{server.port}" for host in ("photos.test", "other.test")]
        url = server.url("/a", "photos.test")
        assert "no valid certificate" in problem_of(fetch, url, hosts=hosts).message
        trusted = ssl.create_default_context(cafile=str(file))
        monkeypatch.setattr(transfer, "_trusted", lambda: trusted)
        assert fetch(url, hosts=hosts) == b"x"
        found = problem_of(fetch, server.url("/a", "other.test"), hosts=hosts)
        assert "no valid certificate" in found.message and not found.passing
        found = problem_of(fetch, server.url("/down", "photos.test"), hosts=hosts)
        assert "from https to http" in found.message
