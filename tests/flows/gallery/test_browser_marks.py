"""Test a reviewer's marks in a real browser: keys, storage, files, and a server that saves them."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browsing import cards, choose, count, open_card, press, text, texts, wait_until

from flows.gallery.render import render
from stages.engine.storage.tables import output_digest, read_table

pytestmark = [pytest.mark.browser, pytest.mark.slow]
KEYS = [f"{n:016x}" for n in range(3)]


def digests(data):
    """Return ``<photo>-<variant>`` to the digest of the variant's pixels."""
    return {
        f"{row['key']}-{name.split('.')[0]}": place[2]
        for row in read_table(data / "inject" / "photos.parquet")
        for name, place in json.loads(row["places"]).items()
        if name.endswith(".artifact.png")
    }


def content(page):
    """Return the review file that a download would save."""
    return json.loads(page.execute_script("return Marks.content()"))


def verdicts(page):
    return {mark["flaw"]: mark["verdict"] for mark in content(page)["marks"]}


def escape(page):
    from selenium.webdriver.common.keys import Keys

    press(page, Keys.ESCAPE)


def test_keys_mark_the_flaw_go_on_and_undo(page, data):
    open_card(page)
    press(page, "a")
    wait_until(page, lambda: text(page, "place") == "2 / 12")
    press(page, "r")
    wait_until(page, lambda: text(page, "place") == "3 / 12")
    found = {mark["flaw"]: mark for mark in content(page)["marks"]}
    assert {flaw: mark["verdict"] for flaw, mark in found.items()} == {
        f"{KEYS[0]}-v01": "accept", f"{KEYS[0]}-v11": "reject",
    }  # fmt: skip
    assert all(mark["pixels_sha256"] == digests(data)[flaw] for flaw, mark in found.items())
    press(page, "u")
    wait_until(page, lambda: text(page, "place") == "2 / 12")
    assert verdicts(page) == {f"{KEYS[0]}-v01": "accept"}
    assert page.find_element("id", "reject").get_attribute("aria-pressed") == "false"
    escape(page)
    assert "✓ 1 accepted · ✕ 0 rejected" in text(page, "review-counts")
    assert texts(page, ".card .mark") == ["✓"]
    assert "You accepted it." in cards(page)[0].get_attribute("textContent")
    choose(page, "mine", "none")
    count(page, 11)
    choose(page, "mine", "accept")
    count(page, 1)


def test_marks_are_made_in_the_list_too(page):
    count(page, 12)
    grid = page.find_element("id", "grid")
    grid.send_keys("a")
    wait_until(page, lambda: len(verdicts(page)) == 1)
    grid.send_keys("r")
    wait_until(page, lambda: len(verdicts(page)) == 2)
    assert list(verdicts(page).values()) == ["accept", "reject"]
    grid.send_keys("u")
    wait_until(page, lambda: len(verdicts(page)) == 1)


def test_a_reason_rejects_and_a_note_belongs_to_the_mark(page):
    open_card(page)
    choose(page, "mark-reason", "bad_mask")
    page.find_element("css selector", "#next").send_keys("n")
    assert page.switch_to.active_element.get_attribute("id") == "note"
    press(page, "the thumb a r u <b>")
    from selenium.webdriver.common.keys import Keys

    press(page, Keys.ENTER)
    (mark,) = content(page)["marks"]
    assert (mark["verdict"], mark["reason"]) == ("reject", "bad_mask")
    assert mark["note"] == "the thumb a r u <b>" and text(page, "place") == "1 / 12"
    press(page, "a")
    (mark,) = content(page)["marks"]
    assert (mark["verdict"], mark["reason"], mark["note"]) == ("accept", "", "the thumb a r u <b>")


def test_marks_stay_in_the_browser_until_the_pixels_change(page, data):
    open_card(page)
    press(page, "a", "r")
    wait_until(page, lambda: text(page, "place") == "3 / 12")
    escape(page)
    page.find_element("id", "reviewer").send_keys("anna")
    key = f"flawfactory-review:{output_digest(data / 'filter')}"
    stored = f"return JSON.parse(localStorage.getItem('{key}'))"
    wait_until(page, lambda: (page.execute_script(stored) or {}).get("reviewer") == "anna")
    page.refresh()
    wait_until(page, lambda: "✓ 1 accepted · ✕ 1 rejected" in text(page, "review-counts"))
    # Another build: the marks of flaws with the same pixels are taken over, others are not.
    page.execute_script(
        "const stored = localStorage.getItem(arguments[0]); localStorage.clear();"
        "const content = JSON.parse(stored), [first] = Object.keys(content.marks);"
        "const old = content.marks[first]; delete content.marks[first];"
        "content.marks['f'.repeat(64)] = { ...old, pixels_sha256: 'f'.repeat(64) };"
        "localStorage.setItem('flawfactory-review:' + '0'.repeat(64), JSON.stringify(content));",
        key,
    )
    page.refresh()
    wait_until(page, lambda: "✓ 0 accepted · ✕ 1 rejected" in text(page, "review-counts"))
    assert page.find_element("id", "reviewer").get_attribute("value") == "anna"


def test_the_download_is_a_review_file_and_needs_a_reviewer(page, data, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    behaviour = {"behavior": "allow", "downloadPath": str(folder)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    open_card(page, 1)
    press(page, "r")
    escape(page)

    def is_refused():  # that the mark was kept may be said after the click
        page.find_element("id", "download").click()
        return "Give a reviewer first" in text(page, "review-state")

    wait_until(page, is_refused)
    reviewer = page.find_element("id", "reviewer")
    reviewer.send_keys("Anna B.")
    assert reviewer.get_attribute("aria-invalid") == "true"
    reviewer.clear()
    reviewer.send_keys("anna-b")
    page.find_element("id", "download").click()
    path = folder / "flawfactory-review-anna-b.json"
    wait_until(page, path.is_file)
    found = json.loads(path.read_text(encoding="utf-8"))
    (mark,) = found.pop("marks")
    assert found == {
        "format": "flawfactory-review", "version": 1, "reviewer": "anna-b",
        "data_set": output_digest(data / "filter"),
    }  # fmt: skip
    assert mark.pop("time").endswith("Z")
    flaw = f"{KEYS[0]}-v11"
    assert mark == {
        "pixels_sha256": digests(data)[flaw], "flaw": flaw, "verdict": "reject", "reason": "",
        "note": "",
    }  # fmt: skip
    assert "reviews/" in text(page, "review-state")


def review_file(data, **changes):
    flaw = f"{KEYS[1]}-v21"
    mark = {"pixels_sha256": digests(data)[flaw], "flaw": flaw, "verdict": "reject",
            "reason": "wrong_place", "note": "", "time": "2026-01-01T00:00:00Z"}  # fmt: skip
    return {"format": "flawfactory-review", "version": 1, "data_set": "0" * 64,
            "reviewer": "anna", "marks": [mark]} | changes  # fmt: skip


def test_a_review_file_is_opened_and_newer_marks_win(page, data, tmp_path):
    path = tmp_path / "anna.json"
    path.write_text(json.dumps(review_file(data)))
    page.find_element("id", "import-file").send_keys(str(path))
    wait_until(page, lambda: "1 mark read, 1 of them" in text(page, "review-state"))
    assert verdicts(page) == {f"{KEYS[1]}-v21": "reject"}
    assert page.find_element("id", "reviewer").get_attribute("value") == "anna"
    open_card(page, 6)
    press(page, "a")
    escape(page)
    page.find_element("id", "import-file").send_keys(str(path))
    wait_until(page, lambda: "1 mark read" in text(page, "review-state"))
    assert verdicts(page) == {f"{KEYS[1]}-v21": "accept"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "x"}, "no review file"),
        ({"version": 2}, "version 2"),
        ({"reviewer": "<b>"}, "damaged"),
        ({"marks": [{"verdict": "accept"}]}, "one of its marks is damaged"),
        ("not json", "no JSON file"),
    ],
)
def test_a_file_that_is_no_review_file_changes_nothing(page, data, tmp_path, changes, message):
    path = tmp_path / "bad.json"
    path.write_text(
        changes if isinstance(changes, str) else json.dumps(review_file(data, **changes))
    )
    page.find_element("id", "import-file").send_keys(str(path))
    wait_until(page, lambda: message in text(page, "review-state"))
    assert verdicts(page) == {}


def test_each_flaw_of_a_picture_has_a_mark_of_its_own(open_page, make_data, tmp_path):
    data = make_data(tmp_path / "data", several=True)
    page = open_page(render(data, tmp_path / "out").as_uri())
    search = page.find_element("id", "search")
    search.send_keys("-p9")
    count(page, 1)
    open_card(page)
    press(page, "a")  # the first; then the second is selected
    wait_until(page, lambda: "Flaw 2" in text(page, "mark-of"))
    press(page, "r")
    wait_until(page, lambda: "Flaw 3" in text(page, "mark-of"))
    assert verdicts(page) == {f"{KEYS[2]}-v91": "accept", f"{KEYS[2]}-v92": "reject"}
    assert texts(page, "#words .flaw b") == ["1 ✓", "2 ✕", "3"]
    press(page, "u")
    wait_until(page, lambda: list(verdicts(page)) == [f"{KEYS[2]}-v91"])


def test_refused_variants_can_be_marked(page, data):
    choose(page, "verdict", "refused")
    count(page, 1)
    open_card(page)
    press(page, "a")
    assert verdicts(page) == {f"{KEYS[0]}-v7": "accept"}


def test_without_what_marks_belong_to_there_are_no_buttons(open_page, data, tmp_path):
    for name in ("photos", "manifest"):
        (data / "inject" / f"{name}.parquet").unlink()
    page = open_page(render(data, tmp_path / "out").as_uri())
    count(page, 12)
    assert not page.find_element("id", "review").is_displayed()
    open_card(page)
    assert not page.find_element("id", "verdicts").is_displayed()
    press(page, "a")
    assert text(page, "place") == "1 / 12"


class Handler(SimpleHTTPRequestHandler):
    """The page's folder, and the interface of `flawfactory view --serve`."""

    def do_GET(self):
        if self.path != "/api/review":
            super().do_GET()
            return
        self.answer(200, {
            "token": "secret", "reviewer": "anna", "file": "reviews/anna.json",
            "data_set": self.server.data_set, "marks": list(self.server.marks.values()),
        })  # fmt: skip

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.headers["X-Flawfactory-Token"], body))
        if self.server.trouble:
            self.answer(500, {"error": self.server.trouble})
            return
        for mark in body["marks"]:
            self.server.marks[mark["pixels_sha256"]] = mark
        for digest in body["removed"]:
            self.server.marks.pop(digest, None)
        self.answer(200, {"marks": len(self.server.marks), "file": "reviews/anna.json"})

    def answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server(data, tmp_path):
    folder = render(data, tmp_path / "out").parent
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.marks, server.requests, server.trouble = {}, [], ""
    server.data_set = output_digest(data / "filter")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(server):
    return f"http://127.0.0.1:{server.server_port}/"


def test_a_server_saves_marks_and_their_removal(open_page, server, data):
    saved = review_file(data)["marks"][0]
    server.marks[saved["pixels_sha256"]] = saved
    page = open_page(address(server))
    assert "✕ 1 rejected" in text(page, "review-counts")
    assert not page.find_element("id", "reviewer").is_displayed()
    open_card(page)
    press(page, "a")
    digest = digests(data)[f"{KEYS[0]}-v01"]
    wait_until(page, lambda: digest in server.marks)
    escape(page)
    wait_until(page, lambda: text(page, "review-state") == "Saved to reviews/anna.json.")
    assert server.requests[0][0] == "secret"
    assert [mark["flaw"] for mark in server.requests[0][1]["marks"]] == [f"{KEYS[0]}-v01"]
    page.find_element("id", "grid").send_keys("u")
    wait_until(page, lambda: digest not in server.marks)
    assert list(server.marks) == [saved["pixels_sha256"]]


def test_a_mark_that_the_server_does_not_save_is_kept_and_sent_again(browser, server, data):
    # Not with open_page: the browser logs the refused request as an error.
    page = browser
    page.get(address(server))
    page.execute_script("localStorage.clear()")
    page.refresh()
    wait_until(page, lambda: page.execute_script("return document.documentElement.dataset.ready"))
    server.trouble = "reviews/anna.json cannot be written"
    grid = page.find_element("id", "grid")
    grid.send_keys("a")
    wait_until(page, lambda: "cannot be written" in text(page, "review-state"))
    assert verdicts(page) == {f"{KEYS[0]}-v01": "accept"} and server.marks == {}
    server.trouble = ""
    page.refresh()  # what was not saved is sent again when the page is opened
    wait_until(page, lambda: len(server.marks) == 1)
    assert next(iter(server.marks.values()))["flaw"] == f"{KEYS[0]}-v01"


def test_marks_that_were_removed_from_the_servers_file_do_not_come_back(open_page, server, data):
    page = open_page(address(server))
    page.find_element("id", "grid").send_keys("a")
    wait_until(page, lambda: len(server.marks) == 1)
    wait_until(page, lambda: text(page, "review-state").startswith("Saved"))
    server.marks.clear()
    page.refresh()
    ready = "return document.documentElement.dataset.ready"
    wait_until(page, lambda: page.execute_script(ready))
    assert verdicts(page) == {}


def test_a_page_of_an_older_build_says_so(open_page, server):
    server.data_set = "f" * 64
    page = open_page(address(server))
    assert "reload this page" in text(page, "review-state")
